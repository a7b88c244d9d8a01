import os
from openai import OpenAI

client = OpenAI(base_url="{{proxy_url}}", api_key=os.environ["AUTH_TOKEN"])
response = client.chat.completions.create(
    model="{{model}}",
    messages=[{"role": "user", "content": "Hello from AI Gateway"}],
)
print(response.choices[0].message.content)
