"""OpenAI's API, also as offered by compatible servers."""

from __future__ import annotations

import base64
import email.parser
import email.policy
import secrets
import ssl
import struct
import time
from collections.abc import Mapping, Sequence
from email.message import MIMEPart
from typing import Any

from aiohttp import web

from .answers import embedding, text_of, tokens
from .openai_chat import chat_completion
from .openai_realtime import key_among_subprotocols, realtime
from .openai_responses import response
from .provider import BODY, REQUEST_ID, MockProvider, ProviderError, bearer_token, json_object, required

MODELS = ("gpt-4o", "gpt-4o-mini", "text-embedding-3-small")
EMBEDDING_DIMENSIONS = 8

ERROR_TYPES = {429: ("requests", "rate_limit_exceeded"), 500: ("server_error", None), 503: ("server_error", None)}


class OpenAI(MockProvider):
    """Chat completions, responses, realtime, embeddings, models and files under `base_path`.

    Any model may be called. `models` are those that are listed.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        name: str = "OpenAI",
        base_path: str = "/v1",
        models: Sequence[str] = MODELS,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(api_key, host=host, port=port, ssl_context=ssl_context)
        self.name = name
        self.base_path = base_path
        self.models = models

    @property
    def base_url(self) -> str:
        return self.url + self.base_path

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post(self.base_path + "/chat/completions", self._chat_completions),
            web.post(self.base_path + "/responses", self._responses),
            web.get(self.base_path + "/realtime", self._realtime),
            web.post(self.base_path + "/embeddings", self._embeddings),
            web.post(self.base_path + "/files", self._files),
            web.get(self.base_path + "/models", self._list_models),
            web.get(self.base_path + "/models/{model:.+}", self._show_model),
        ]

    def authenticate(self, request: web.Request) -> None:
        if self.api_key is None:
            return
        token = bearer_token(request) or key_among_subprotocols(request)
        if token is None:
            raise ProviderError(
                401,
                "You didn't provide an API key. You need to provide your API key in an Authorization header using "
                "Bearer auth (i.e. Authorization: Bearer YOUR_KEY).",
            )
        if token != self.api_key:
            raise ProviderError(401, "Incorrect API key provided.", {"code": "invalid_api_key"})

    def error(self, request: web.Request, error: ProviderError) -> web.Response:
        kind, code = ERROR_TYPES.get(error.status, ("invalid_request_error", None))
        body = {"message": error.message, "type": kind, "param": None, "code": code, **error.details}
        return web.json_response({"error": body}, status=error.status)

    def account_headers(self, request: web.Request) -> Mapping[str, str]:
        return {
            "openai-organization": "mock-organization",
            "openai-project": "proj_mock",
            "openai-version": "2020-10-01",
            "x-request-id": request[REQUEST_ID],
            "set-cookie": "__cf_bm=mock-cookie; path=/; HttpOnly; Secure; SameSite=None",
        }

    async def _chat_completions(self, request: web.Request) -> web.StreamResponse:
        return await chat_completion(request, self.name)

    async def _responses(self, request: web.Request) -> web.StreamResponse:
        return await response(request, self.name)

    async def _realtime(self, request: web.Request) -> web.StreamResponse:
        return await realtime(request, self.name)

    async def _embeddings(self, request: web.Request) -> web.StreamResponse:
        document = json_object(request)
        texts = _embedding_inputs(required(document, "input"))
        dimensions = document.get("dimensions", EMBEDDING_DIMENSIONS)
        in_base64 = document.get("encoding_format") == "base64"
        vectors = [embedding(text, dimensions) for text in texts]
        used = sum(map(tokens, texts))
        return web.json_response(
            {
                "object": "list",
                "data": [
                    {"object": "embedding", "index": index, "embedding": _float32(vector) if in_base64 else vector}
                    for index, vector in enumerate(vectors)
                ],
                "model": required(document, "model"),
                "usage": {"prompt_tokens": used, "total_tokens": used},
            }
        )

    async def _files(self, request: web.Request) -> web.StreamResponse:
        form = _multipart(request)
        if "purpose" not in form or "file" not in form:
            raise ProviderError(400, "'file' and 'purpose' are required properties")
        return web.json_response(
            {
                "id": "file-mock" + secrets.token_hex(8),
                "object": "file",
                "bytes": len(_content(form["file"])),
                "created_at": int(time.time()),
                "filename": form["file"].get_filename(),
                "purpose": _content(form["purpose"]).decode(errors="replace"),
                "status": "processed",
            }
        )

    async def _list_models(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"object": "list", "data": [_model(model) for model in self.models]})

    async def _show_model(self, request: web.Request) -> web.StreamResponse:
        model = request.match_info["model"]
        if model not in self.models:
            details = {"param": "model", "code": "model_not_found"}
            raise ProviderError(404, f"The model '{model}' does not exist or you do not have access to it.", details)
        return web.json_response(_model(model))


def _model(model: str) -> dict[str, Any]:
    return {"id": model, "object": "model", "created": 1715367049, "owned_by": "mock"}


def _embedding_inputs(value: Any) -> list[str]:
    """The inputs: one or more texts or lists of token numbers."""
    if isinstance(value, list) and not all(isinstance(item, int) for item in value):
        return [text_of(item) or str(item) for item in value]
    return [value if isinstance(value, str) else str(value)]


def _float32(vector: Sequence[float]) -> str:
    return base64.b64encode(struct.pack(f"<{len(vector)}f", *vector)).decode()


def _multipart(request: web.Request) -> dict[str, MIMEPart]:
    """The parts of a multipart/form-data body, by name."""
    head = f"content-type: {request.headers.get('content-type', '')}\r\n\r\n".encode()
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(head + request[BODY])
    return {str(part.get_param("name", header="content-disposition")): part for part in message.iter_parts()}


def _content(part: MIMEPart) -> bytes:
    content = part.get_payload(decode=True)
    return content if isinstance(content, bytes) else b""
