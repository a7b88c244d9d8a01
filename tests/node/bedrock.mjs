// Calls Bedrock with the AWS SDK for JavaScript and prints a JSON list with the result of each call.
//
// Environment variables:
// - ENDPOINT, and OPERATION, the name of a command of the SDK
// - INPUT: the command's input in JSON
// - TOKEN, and WAY: how the token is sent (see `clients`)
// - ACCESS_KEY_ID and SECRET_ACCESS_KEY: the keys to sign with
// - HEADERS: unsigned headers to add, in JSON
// - CONCURRENT: the number of calls
// - BODY_SIZE: pads the body to this size (optional)
// - ABORT_AFTER: aborts a stream after this number of events (optional)

import * as bedrock from "@aws-sdk/client-bedrock-runtime";

const env = process.env;
const keys = { accessKeyId: env.ACCESS_KEY_ID, secretAccessKey: env.SECRET_ACCESS_KEY };
const tokenHeader = { "x-ai-gateway-authorization": `Bearer ${env.TOKEN}` };
const SIGNED = "build";
const UNSIGNED = "deserialize"; // this step runs after signing

const clients = {
  as_session_token: () => connect({ credentials: { ...keys, sessionToken: env.TOKEN } }),
  as_bearer: () => connect({ token: { token: env.TOKEN }, authSchemePreference: ["httpBearerAuth"] }),
  in_a_signed_header: () => addHeaders(connect({ credentials: keys }), tokenHeader, SIGNED),
  in_an_unsigned_header: () => addHeaders(connect({ credentials: keys }), tokenHeader, UNSIGNED),
  nowhere: () => connect({ credentials: keys }),
};

function connect(options) {
  const defaults = { endpoint: env.ENDPOINT, region: "us-east-1", maxAttempts: 1 };
  return new bedrock.BedrockRuntimeClient({ ...defaults, ...options });
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
  const { stream, body, ...response } = await client.send(command, { abortSignal: abort.signal });
  const events = stream ?? body;
  if (!events?.[Symbol.asyncIterator]) return { ...response, body };
  const arrivals = [];
  for await (const event of events) {
    arrivals.push({ event, at: Date.now() / 1000 });
    if (arrivals.length === Number(env.ABORT_AFTER)) abort.abort();
  }
  return { ...response, events: arrivals };
}

function describeError(error) {
  const isTyped = error.name in bedrock && error instanceof bedrock[error.name];
  return { error: { name: error.name, message: error.message, status: error.$metadata?.httpStatusCode, isTyped } };
}

// Converts bytes to text for JSON.
function bytesToText(name, value) {
  return value instanceof Uint8Array ? Buffer.from(value).toString() : value;
}

const client = addHeaders(clients[env.WAY](), JSON.parse(env.HEADERS), UNSIGNED);
const calls = Array.from({ length: Number(env.CONCURRENT) }, () => call(client).catch(describeError));
console.log(JSON.stringify(await Promise.all(calls), bytesToText));
