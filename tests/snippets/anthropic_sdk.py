import os
from anthropic import Anthropic

client = Anthropic(
    base_url=os.environ["PROXY_URL"], # .../llm/v1/providers/my-anthropic
    auth_token=os.environ["AUTH_TOKEN"], # OIDC access token
)

message = client.messages.create(
    model="claude-sonnet-4-6",
    max_tokens=1024,
    messages=[{"role": "user", "content": "Hello from AI Gateway"}],
)
print(message.content[0].text)
