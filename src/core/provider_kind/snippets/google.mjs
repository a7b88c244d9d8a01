import { GoogleGenAI } from "@google/genai";

const client = new GoogleGenAI({ apiKey: process.env.AUTH_TOKEN, httpOptions: { baseUrl: "{{proxy_url}}" } });
const response = await client.models.generateContent({ model: "{{model}}", contents: "Hello from AI Gateway" });
console.log(response.text);
