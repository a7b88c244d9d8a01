import os
from openai import OpenAI

client = OpenAI(
    base_url=os.environ["PROXY_URL"], # .../llm/v1/providers/my-openai
    api_key=os.environ["AUTH_TOKEN"], # OIDC access token
)

response = client.chat.completions.create(
    model="gpt-4o", # native OpenAI model ID
    messages=[{"role": "user", "content": "Hello from AI Gateway"}],
)
print(response.choices[0].message.content)
