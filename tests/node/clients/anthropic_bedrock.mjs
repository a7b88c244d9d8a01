// Anthropic's SDK for Bedrock, which signs with keys that mean nothing and brings the token as session token.

import { AnthropicBedrock } from "@anthropic-ai/bedrock-sdk";

const asked = ({ said }) => ({
  model: "us.anthropic.claude-haiku-4-5-20251001-v1:0",
  max_tokens: 64,
  messages: [{ role: "user", content: said }],
});

function client({ url, token, headers }) {
  const keys = { awsAccessKey: "AKIACLIENT", awsSecretKey: "the-clients-own-secret-key", awsSessionToken: token };
  const usual = { baseURL: url, awsRegion: "us-east-1", maxRetries: 0 };
  return new AnthropicBedrock({ ...usual, ...keys, defaultHeaders: headers });
}

export async function answer(call) {
  const message = await client(call).messages.create(asked(call));
  return message.content[0].text;
}

export async function* stream(call) {
  const events = await client(call).messages.create({ ...asked(call), stream: true });
  for await (const event of events) if (event.type === "content_block_delta") yield event.delta.text;
}
