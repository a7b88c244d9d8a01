import OpenAI from "openai";

const parameters = ({ prompt, model = "gpt-4o" }) => ({ model, messages: [{ role: "user", content: prompt }] });

function client({ url, token, headers }) {
  return new OpenAI({ baseURL: url, apiKey: token, defaultHeaders: headers, maxRetries: 0 });
}

export async function answer(call) {
  const completion = await client(call).chat.completions.create(parameters(call));
  return completion.choices[0].message.content;
}

export async function* stream(call) {
  const chunks = await client(call).chat.completions.create({ ...parameters(call), stream: true });
  for await (const chunk of chunks) if (chunk.choices[0]?.delta.content) yield chunk.choices[0].delta.content;
}
