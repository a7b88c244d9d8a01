// Anthropic's SDK for Bedrock, which signs with keys that mean nothing and brings the token as session token.

import { AnthropicBedrock } from "@anthropic-ai/bedrock-sdk";

import { messages } from "../messages.mjs";

function client({ url, token, headers }) {
  const keys = { awsAccessKey: "AKIACLIENT", awsSecretKey: "the-clients-own-secret-key", awsSessionToken: token };
  const usual = { baseURL: url, awsRegion: "us-east-1", maxRetries: 0 };
  return new AnthropicBedrock({ ...usual, ...keys, defaultHeaders: headers });
}

export const { answer, stream } = messages("us.anthropic.claude-haiku-4-5-20251001-v1:0", client);
