curl -s '{{proxy_url}}/v1/messages' \
  -H "Authorization: Bearer $AUTH_TOKEN" \
  -H 'anthropic-version: 2023-06-01' \
  -H 'Content-Type: application/json' \
  -d '{"model": "{{model}}", "max_tokens": 1024, "messages": [{"role": "user", "content": "Hello from AI Gateway"}]}'
