curl -s '{{proxy_url}}/v1beta/models/{{model}}:generateContent' \
  -H "x-goog-api-key: $AUTH_TOKEN" \
  -H 'Content-Type: application/json' \
  -d '{"contents": [{"role": "user", "parts": [{"text": "Hello from AI Gateway"}]}]}'
