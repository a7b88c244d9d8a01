curl -s '{{proxy_url}}/model/{{model}}/converse' \
  -H "Authorization: Bearer $AUTH_TOKEN" \
  -H 'Content-Type: application/json' \
  -d '{"messages": [{"role": "user", "content": [{"text": "Hello from AI Gateway"}]}]}'
