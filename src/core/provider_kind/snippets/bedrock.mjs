import { BedrockRuntimeClient, ConverseCommand } from "@aws-sdk/client-bedrock-runtime";

const client = new BedrockRuntimeClient({
  endpoint: "{{proxy_url}}",
  region: "us-east-1",
  credentials: { accessKeyId: "unused", secretAccessKey: "unused", sessionToken: process.env.AUTH_TOKEN },
});
const response = await client.send(new ConverseCommand({
  modelId: "{{model}}",
  messages: [{ role: "user", content: [{ text: "Hello from AI Gateway" }] }],
}));
console.log(response.output.message.content[0].text);
