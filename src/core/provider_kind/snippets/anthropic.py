import os
from anthropic import Anthropic

client = Anthropic(base_url="{{proxy_url}}", auth_token=os.environ["AUTH_TOKEN"])
message = client.messages.create(
    model="{{model}}",
    max_tokens=1024,
    messages=[{"role": "user", "content": "Hello from AI Gateway"}],
)
print(message.content[0].text)
