codex -m '{{model}}' \
  -c model_provider=gateway \
  -c model_providers.gateway.name=gateway \
  -c model_providers.gateway.base_url='{{proxy_url}}/v1' \
  -c model_providers.gateway.env_key=AUTH_TOKEN \
  -c model_providers.gateway.wire_api=responses
