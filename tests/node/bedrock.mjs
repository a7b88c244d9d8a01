// Calls Bedrock by the AWS SDK for JavaScript and prints the outcomes, one per call, as JSON.
//
// In the environment: ENDPOINT; OPERATION, a command's name; INPUT, JSON; TOKEN, and WAY, where it goes (see `ways`);
// ACCESS_KEY_ID and SECRET_ACCESS_KEY, to sign with; HEADERS, JSON, sent but not signed; CONCURRENT, the number of calls.
// BODY_SIZE, if set, is what the body is padded to, and ABORT_AFTER the events of a stream after which it is given up.

import * as bedrock from "@aws-sdk/client-bedrock-runtime";

const env = process.env;
const keys = { accessKeyId: env.ACCESS_KEY_ID, secretAccessKey: env.SECRET_ACCESS_KEY };
const tokenHeader = { "x-ai-gateway-authorization": `Bearer ${env.TOKEN}` };
const SIGNED = "build";
const UNSIGNED = "deserialize"; // the step that comes after the signature

const ways = {
  as_session_token: () => connect({ credentials: { ...keys, sessionToken: env.TOKEN } }),
  as_bearer: () => connect({ token: { token: env.TOKEN }, authSchemePreference: ["httpBearerAuth"] }),
  in_a_signed_header: () => addHeaders(connect({ credentials: keys }), tokenHeader, SIGNED),
  in_an_unsigned_header: () => addHeaders(connect({ credentials: keys }), tokenHeader, UNSIGNED),
  nowhere: () => connect({ credentials: keys }),
};

function connect(options) {
  const usual = { endpoint: env.ENDPOINT, region: "us-east-1", maxAttempts: 1 };
  return new bedrock.BedrockRuntimeClient({ ...usual, ...options });
}

function addHeaders(client, headers, step) {
  const add = (next) => (args) => {
    Object.assign(args.request.headers, headers);
    return next(args);
  };
  client.middlewareStack.add(add, { step });
  return client;
}

async function call(client) {
  const abort = new AbortController();
  const input = JSON.parse(env.INPUT);
  if (env.BODY_SIZE) input.body = input.body.padEnd(Number(env.BODY_SIZE));
  const command = new bedrock[env.OPERATION](input);
  const { stream, body, ...answer } = await client.send(command, { abortSignal: abort.signal });
  const events = stream ?? body;
  if (!events?.[Symbol.asyncIterator]) return { ...answer, body };
  const arrived = [];
  for await (const event of events) {
    arrived.push({ event, at: Date.now() / 1000 });
    if (arrived.length === Number(env.ABORT_AFTER)) abort.abort();
  }
  return { ...answer, events: arrived };
}

function refusal(error) {
  const isTyped = error.name in bedrock && error instanceof bedrock[error.name];
  return { error: { name: error.name, message: error.message, status: error.$metadata?.httpStatusCode, isTyped } };
}

// Whatever comes as bytes is text here.
function readable(name, value) {
  return value instanceof Uint8Array ? Buffer.from(value).toString() : value;
}

const client = addHeaders(ways[env.WAY](), JSON.parse(env.HEADERS), UNSIGNED);
const calls = Array.from({ length: Number(env.CONCURRENT) }, () => call(client).catch(refusal));
console.log(JSON.stringify(await Promise.all(calls), readable));
