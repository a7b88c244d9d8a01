import os, boto3

client = boto3.client(
    "bedrock-runtime",
    endpoint_url="{{proxy_url}}",
    region_name="us-east-1",
    aws_access_key_id="unused", aws_secret_access_key="unused",
    aws_session_token=os.environ["AUTH_TOKEN"],
)
response = client.converse(
    modelId="{{model}}",
    messages=[{"role": "user", "content": [{"text": "Hello from AI Gateway"}]}],
)
print(response["output"]["message"]["content"][0]["text"])
