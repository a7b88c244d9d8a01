import Anthropic from "@anthropic-ai/sdk";

import { messages } from "../messages.mjs";

function client({ url, token, headers }) {
  return new Anthropic({ baseURL: url, authToken: token, apiKey: null, defaultHeaders: headers, maxRetries: 0 });
}

export const { answer, stream } = messages("claude-sonnet-4-6", client);
