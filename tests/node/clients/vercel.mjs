// Vercel's AI SDK. The member `provider` of a call chooses the SDK's provider.

import { createAmazonBedrock } from "@ai-sdk/amazon-bedrock";
import { createAnthropic } from "@ai-sdk/anthropic";
import { createGoogleGenerativeAI } from "@ai-sdk/google";
import { createOpenAI } from "@ai-sdk/openai";
import { generateText, streamText } from "ai";

const CLAUDE = "us.anthropic.claude-haiku-4-5-20251001-v1:0";

const models = {
  openai: (options) => createOpenAI(options)("gpt-4o"),
  anthropic: ({ apiKey, ...options }) => createAnthropic({ ...options, authToken: apiKey })("claude-sonnet-4-6"),
  google: (options) => createGoogleGenerativeAI(options)("gemini-2.0-flash"),
  bedrock: (options) => createAmazonBedrock({ ...options, region: "us-east-1" })(CLAUDE),
};

function parameters({ provider, url, token, headers, prompt, signal }) {
  const model = models[provider]({ baseURL: url, apiKey: token, headers });
  return { model, prompt, maxRetries: 0, abortSignal: signal };
}

export async function answer(call) {
  const { text } = await generateText(parameters(call));
  return text;
}

export async function* stream(call) {
  yield* streamText(parameters(call)).textStream;
}
