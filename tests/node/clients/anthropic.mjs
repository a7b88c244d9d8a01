import Anthropic from "@anthropic-ai/sdk";

const asked = ({ said }) => ({
  model: "claude-sonnet-4-6",
  max_tokens: 64,
  messages: [{ role: "user", content: said }],
});

function client({ url, token, headers }) {
  return new Anthropic({ baseURL: url, authToken: token, apiKey: null, defaultHeaders: headers, maxRetries: 0 });
}

export async function answer(call) {
  const message = await client(call).messages.create(asked(call));
  return message.content[0].text;
}

export async function* stream(call) {
  const events = await client(call).messages.create({ ...asked(call), stream: true });
  for await (const event of events) if (event.type === "content_block_delta") yield event.delta.text;
}
