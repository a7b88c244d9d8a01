import OpenAI from "openai";

const client = new OpenAI({ baseURL: "{{proxy_url}}", apiKey: process.env.AUTH_TOKEN });
const response = await client.chat.completions.create({
  model: "{{model}}",
  messages: [{ role: "user", content: "Hello from AI Gateway" }],
});
console.log(response.choices[0].message.content);
