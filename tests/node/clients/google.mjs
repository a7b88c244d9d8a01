import { GoogleGenAI } from "@google/genai";

function parameters({ prompt, signal }) {
  return { model: "gemini-2.0-flash", contents: prompt, config: { abortSignal: signal } };
}

function client({ url, token, headers }) {
  return new GoogleGenAI({ apiKey: token, httpOptions: { baseUrl: url, headers } });
}

export async function answer(call) {
  const { text } = await client(call).models.generateContent(parameters(call));
  return text;
}

export async function* stream(call) {
  for await (const chunk of await client(call).models.generateContentStream(parameters(call))) {
    if (chunk.text) yield chunk.text;
  }
}

export async function upload(call) {
  const file = await client(call).files.upload({ file: new Blob([call.prompt]), config: { mimeType: "text/plain" } });
  return file.name;
}
