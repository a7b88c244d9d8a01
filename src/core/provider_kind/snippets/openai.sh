curl -s '{{proxy_url}}/v1/chat/completions' \
  -H "Authorization: Bearer $AUTH_TOKEN" \
  -H 'Content-Type: application/json' \
  -d '{"model": "{{model}}", "messages": [{"role": "user", "content": "Hello from AI Gateway"}]}'
