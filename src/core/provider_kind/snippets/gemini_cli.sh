GOOGLE_GEMINI_BASE_URL='{{proxy_url}}' \
GEMINI_API_KEY="$AUTH_TOKEN" \
  gemini -m '{{model}}'
