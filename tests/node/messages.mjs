// Anthropic's Messages API, with and without streaming, for any of Anthropic's SDKs.

export function messages(model, client) {
  const parameters = ({ prompt }) => ({ model, max_tokens: 64, messages: [{ role: "user", content: prompt }] });

  async function answer(call) {
    const message = await client(call).messages.create(parameters(call));
    return message.content[0].text;
  }

  async function* stream(call) {
    const events = await client(call).messages.create({ ...parameters(call), stream: true });
    for await (const event of events) if (event.type === "content_block_delta") yield event.delta.text;
  }

  return { answer, stream };
}
