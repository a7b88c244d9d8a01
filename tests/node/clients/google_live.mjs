// Google's SDK for the Live API.

import { GoogleGenAI, Modality } from "@google/genai";

export async function talk({ url, token, prompt }) {
  const client = new GoogleGenAI({ apiKey: token, httpOptions: { baseUrl: url } });
  return new Promise((resolve, reject) => {
    let text = "";
    const callbacks = {
      onmessage({ serverContent }) {
        for (const part of serverContent?.modelTurn?.parts ?? []) text += part.text;
        if (serverContent?.turnComplete) resolve(text);
      },
      onerror: ({ message }) => reject(new Error(message)),
      onclose: ({ reason }) => reject(new Error(`closed: ${reason}`)),
    };
    const config = { responseModalities: [Modality.TEXT] };
    client.live
      .connect({ model: "gemini-live-2.5-flash-preview", config, callbacks })
      .then((session) => {
        session.sendClientContent({ turns: prompt, turnComplete: true });
        setTimeout(() => session.close(), 1000).unref();
      })
      .catch(reject);
  });
}
