import Anthropic from "@anthropic-ai/sdk";

const client = new Anthropic({ baseURL: "{{proxy_url}}", authToken: process.env.AUTH_TOKEN, apiKey: null });
const message = await client.messages.create({
  model: "{{model}}",
  max_tokens: 1024,
  messages: [{ role: "user", content: "Hello from AI Gateway" }],
});
console.log(message.content[0].text);
