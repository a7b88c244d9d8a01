// Realtime sessions with three clients:
// - OpenAI's SDK with the package `ws`, which sends the key in `Authorization`
// - OpenAI's SDK with the browsers' WebSocket, which sends the key as a subprotocol
// - the browsers' WebSocket without the SDK

import OpenAI from "openai";
import { OpenAIRealtimeWebSocket } from "openai/realtime/websocket";
import { OpenAIRealtimeWS } from "openai/realtime/ws";

const MODEL = "gpt-realtime";

export const with_ws = (call) => converse(new OpenAIRealtimeWS({ model: MODEL }, client(call)), call);

export const with_websocket = (call) => converse(new OpenAIRealtimeWebSocket({ model: MODEL }, client(call)), call);

export function in_a_browser({ url, token, prompt }) {
  const key = `openai-insecure-api-key.${token}`;
  const address = `${url.replace(/^http/, "ws")}/v1/realtime?model=${MODEL}`;
  const socket = new WebSocket(address, ["realtime", key, "openai-beta.realtime-v1"]);
  return new Promise((resolve, reject) => {
    socket.onerror = () => reject(new Error("the handshake failed"));
    socket.onmessage = ({ data }) => {
      const event = JSON.parse(data);
      if (event.type === "session.created") for (const event of userMessage(prompt)) socket.send(JSON.stringify(event));
      if (event.type !== "response.done") return;
      resolve(`${socket.protocol}: ${event.response.output[0].content[0].text}`);
      socket.close();
    };
  });
}

function client({ url, token }) {
  return new OpenAI({ baseURL: url, apiKey: token });
}

function converse(realtime, { prompt }) {
  return new Promise((resolve, reject) => {
    realtime.on("error", reject);
    realtime.on("session.created", () => userMessage(prompt).forEach((event) => realtime.send(event)));
    realtime.on("response.done", ({ response }) => {
      resolve(response.output[0].content[0].text);
      realtime.close();
    });
  });
}

function userMessage(text) {
  const item = { type: "message", role: "user", content: [{ type: "input_text", text }] };
  return [{ type: "conversation.item.create", item }, { type: "response.create" }];
}
