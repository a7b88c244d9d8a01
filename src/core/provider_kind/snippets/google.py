import os
from google import genai

client = genai.Client(api_key=os.environ["AUTH_TOKEN"], http_options={"base_url": "{{proxy_url}}"})
response = client.models.generate_content(model="{{model}}", contents="Hello from AI Gateway")
print(response.text)
