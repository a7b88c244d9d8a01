import os
from openai import OpenAI

client = OpenAI(
    base_url=os.environ["PROXY_URL"], # .../llm/v1/providers/my-vllm
    api_key=os.environ["AUTH_TOKEN"],
)

response = client.chat.completions.create(
    model="meta-llama/Llama-3.3-70B-Instruct", # as exposed by your upstream
    messages=[{"role": "user", "content": "Hello"}],
)
