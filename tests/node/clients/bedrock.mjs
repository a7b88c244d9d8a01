// The AWS SDK. It signs with dummy keys and sends the gateway token as the session token.

import { BedrockRuntimeClient, ConverseCommand, ConverseStreamCommand } from "@aws-sdk/client-bedrock-runtime";

const KEYS = { accessKeyId: "AKIACLIENT", secretAccessKey: "the-clients-own-secret-key" };

function parameters({ prompt }) {
  const messages = [{ role: "user", content: [{ text: prompt }] }];
  return { modelId: "us.anthropic.claude-haiku-4-5-20251001-v1:0", messages };
}

function send(Command, call) {
  const credentials = { ...KEYS, sessionToken: call.token };
  const client = new BedrockRuntimeClient({ endpoint: call.url, region: "us-east-1", maxAttempts: 1, credentials });
  const add = (next) => (args) => {
    Object.assign(args.request.headers, call.headers);
    return next(args);
  };
  client.middlewareStack.add(add, { step: "deserialize" }); // this step runs after signing
  return client.send(new Command(parameters(call)), { abortSignal: call.signal });
}

export async function answer(call) {
  const { output } = await send(ConverseCommand, call);
  return output.message.content[0].text;
}

export async function* stream(call) {
  const { stream } = await send(ConverseStreamCommand, call);
  for await (const { contentBlockDelta } of stream) if (contentBlockDelta) yield contentBlockDelta.delta.text;
}
