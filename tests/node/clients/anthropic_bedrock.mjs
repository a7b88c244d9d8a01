// Anthropic's SDK for Bedrock. It signs with dummy keys and sends the gateway token as the session token.

import { AnthropicBedrock } from "@anthropic-ai/bedrock-sdk";

import { messages } from "../messages.mjs";

function client({ url, token, headers }) {
  const keys = { awsAccessKey: "AKIACLIENT", awsSecretKey: "the-clients-own-secret-key", awsSessionToken: token };
  const defaults = { baseURL: url, awsRegion: "us-east-1", maxRetries: 0 };
  return new AnthropicBedrock({ ...defaults, ...keys, defaultHeaders: headers });
}

export const { answer, stream } = messages("us.anthropic.claude-haiku-4-5-20251001-v1:0", client);
