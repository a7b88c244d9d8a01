"""Anthropic's Messages API."""

from __future__ import annotations

import ssl
from collections.abc import Collection, Mapping

from aiohttp import web

from .anthropic_messages import count_tokens, message
from .provider import REQUEST_ID, MockProvider, ProviderError, bearer_token, only_value

MODELS = {"claude-sonnet-4-6": "Claude Sonnet 4.6", "claude-haiku-4-5": "Claude Haiku 4.5"}

ERROR_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    529: "overloaded_error",
}


class Anthropic(MockProvider):
    """Messages, token counting and models.

    Callers authenticate with `api_key` in `x-api-key`, or like subscribers with one of `oauth_tokens` as a bearer token.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        oauth_tokens: Collection[str] = (),
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(api_key, host=host, port=port, ssl_context=ssl_context)
        self.oauth_tokens = oauth_tokens

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/messages", self._messages),
            web.post("/v1/messages/count_tokens", self._count_tokens),
            web.get("/v1/models", self._list_models),
        ]

    def authenticate(self, request: web.Request) -> None:
        if self.api_key is not None and bearer_token(request) not in self.oauth_tokens:
            if "x-api-key" in request.headers:
                if only_value(request, "x-api-key") != self.api_key:
                    raise ProviderError(401, "invalid x-api-key")
            elif "authorization" in request.headers:
                raise ProviderError(401, "Invalid bearer token")
            else:
                raise ProviderError(401, "x-api-key header is required")
        if "anthropic-version" not in request.headers:
            raise ProviderError(400, "anthropic-version: header is required")

    def error(self, request: web.Request, error: ProviderError) -> web.Response:
        kind = ERROR_TYPES.get(error.status, "invalid_request_error" if error.status < 500 else "api_error")
        body = {"type": kind, "message": error.message}
        document = {"type": "error", "error": body, "request_id": request[REQUEST_ID]}
        return web.json_response(document, status=error.status)

    def account_headers(self, request: web.Request) -> Mapping[str, str]:
        return {"anthropic-organization-id": "mock-organization-id", "request-id": request[REQUEST_ID]}

    def unknown(self, request: web.Request) -> ProviderError:
        return ProviderError(404, "Not found")

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        return await message(request, "Anthropic")

    async def _count_tokens(self, request: web.Request) -> web.StreamResponse:
        return count_tokens(request)

    async def _list_models(self, request: web.Request) -> web.StreamResponse:
        models = [
            {"type": "model", "id": model, "display_name": name, "created_at": "2026-02-17T00:00:00Z"}
            for model, name in MODELS.items()
        ]
        ids = list(MODELS)
        return web.json_response({"data": models, "has_more": False, "first_id": ids[0], "last_id": ids[-1]})
