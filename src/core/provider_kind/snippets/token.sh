TOKEN_ENDPOINT=$(curl -s '{{issuer}}/.well-known/openid-configuration' | jq -r .token_endpoint)
AUTH_TOKEN=$(curl -s "$TOKEN_ENDPOINT" \
  --data grant_type=client_credentials \
  --data client_id='<client-id>' \
  --data client_secret='<client-secret>' \
  --data audience='{{audience}}' | jq -r .access_token)
export AUTH_TOKEN
