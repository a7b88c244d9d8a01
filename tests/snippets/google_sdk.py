import os
from google import genai

client = genai.Client(
    api_key=os.environ["AUTH_TOKEN"], # forwarded as x-goog-api-key
    http_options={"base_url": os.environ["PROXY_URL"]}, # .../llm/v1/providers/my-google
)

response = client.models.generate_content(
    model="gemini-2.0-flash",
    contents="Hello from AI Gateway",
)
print(response.text)
