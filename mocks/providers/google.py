"""Google's Gemini API, including its OpenAI compatible part."""

from __future__ import annotations

import itertools
import json
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from aiohttp import web

from .answers import embedding, greeting, text_of, tokens
from .google_files import Files
from .google_live import live
from .openai_chat import chat_completion
from .provider import MockProvider, ProviderError, bearer_token, json_object, only_value, required
from .streaming import EventStream, Pace

MODELS = {"gemini-2.0-flash": "Gemini 2.0 Flash", "gemini-embedding-001": "Gemini Embedding 001"}
METHODS = ["generateContent", "streamGenerateContent", "countTokens", "embedContent", "batchEmbedContents"]
EMBEDDING_DIMENSIONS = 8
OPENAI_PATHS = "/v1beta/openai"
LIVE_PATH = "/ws/google.ai.generativelanguage.{version:v1alpha|v1beta|v1}.GenerativeService.BidiGenerateContent"

ERROR_STATUSES = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    413: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    500: "INTERNAL",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
}

Send = Callable[[Any], Awaitable[None]]
Close = Callable[[], Awaitable[web.StreamResponse]]

NO_BEARER_TOKEN = (400, "Missing or invalid Authorization header.")
NO_KEY = (
    403,
    "Method doesn't allow unregistered callers (callers without established identity). "
    "Please use API Key or other form of API consumer identity to call this API.",
)
INVALID_KEY = {
    "details": [
        {
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": "API_KEY_INVALID",
            "domain": "googleapis.com",
            "metadata": {"service": "generativelanguage.googleapis.com"},
        }
    ]
}


class Google(MockProvider):
    """Content generation, the Live API, token counting, embeddings, files and models, in v1 and v1beta.

    Callers send `api_key` in `x-goog-api-key`, and on the OpenAI compatible paths as a bearer token. The query parameter
    `key`, which the real service also accepts, is ignored.
    """

    def routes(self) -> list[web.RouteDef]:
        model = "/{version:v1|v1beta}/models/{model}"
        return [
            web.post(OPENAI_PATHS + "/chat/completions", self._chat_completions),
            web.post(model + ":generateContent", self._generate),
            web.post(model + ":streamGenerateContent", self._stream_generate),
            web.post(model + ":countTokens", self._count_tokens),
            web.post(model + ":embedContent", self._embed),
            web.post(model + ":batchEmbedContents", self._batch_embed),
            web.get("/{version:v1|v1beta}/models", self._list_models),
            web.get(model, self._get_model),
            web.get(LIVE_PATH, self._live),
            *Files().routes(),
        ]

    def authenticate(self, request: web.Request) -> None:
        if self.api_key is None or Files.is_continuation(request):
            return
        if _like_openai(request):
            key, missing = bearer_token(request), NO_BEARER_TOKEN
        else:
            key, missing = only_value(request, "x-goog-api-key"), NO_KEY
        if key is None:
            raise ProviderError(*missing)
        if key != self.api_key:
            raise ProviderError(400, "API key not valid. Please pass a valid API key.", INVALID_KEY)

    def error(self, request: web.Request, error: ProviderError) -> web.Response:
        status = ERROR_STATUSES.get(error.status, "UNKNOWN")
        details = {"details": error.details["details"]} if "details" in error.details else {}
        document = {"error": {"code": error.status, "message": error.message, "status": status, **details}}
        return web.json_response([document] if _like_openai(request) else document, status=error.status)

    def account_headers(self, request: web.Request) -> Mapping[str, str]:
        return {"server-timing": "gfet4t7; dur=1"}

    async def _chat_completions(self, request: web.Request) -> web.StreamResponse:
        return await chat_completion(request, "Google")

    async def _generate(self, request: web.Request) -> web.StreamResponse:
        contents = required(json_object(request), "contents")
        text = greeting("Google", contents)
        usage = _usage(tokens(text_of(contents)), tokens(text))
        return web.json_response(_generated(request, _response_id(), text, usage, "STOP"))

    async def _stream_generate(self, request: web.Request) -> web.StreamResponse:
        contents = required(json_object(request), "contents")
        pace, text, prompt_tokens = Pace.of(request), greeting("Google", contents), tokens(text_of(contents))
        send, close = await _events(request) if request.query.get("alt") == "sse" else await _array(request)
        response_id, said = _response_id(), ""
        async for piece in pace.pieces(text):
            said += piece
            await send(_generated(request, response_id, piece, _usage(prompt_tokens, tokens(said))))
        await send(_generated(request, response_id, "", _usage(prompt_tokens, tokens(said)), "STOP"))
        return await close()

    async def _live(self, request: web.Request) -> web.StreamResponse:
        return await live(request, "Google")

    async def _count_tokens(self, request: web.Request) -> web.StreamResponse:
        document = json_object(request)
        asked = document.get("generateContentRequest", document)
        counted = tokens(text_of(required(asked, "contents")))
        return web.json_response({"totalTokens": counted, "promptTokensDetails": _text_modality(counted)})

    async def _embed(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"embedding": _embedding(json_object(request))})

    async def _batch_embed(self, request: web.Request) -> web.StreamResponse:
        wanted = required(json_object(request), "requests")
        return web.json_response({"embeddings": [_embedding(one) for one in wanted]})

    async def _list_models(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"models": [_model(model) for model in MODELS]})

    async def _get_model(self, request: web.Request) -> web.StreamResponse:
        model = request.match_info["model"]
        if model not in MODELS:
            raise ProviderError(404, f"models/{model} is not found for API version {request.match_info['version']}.")
        return web.json_response(_model(model))


async def _events(request: web.Request) -> tuple[Send, Close]:
    stream = await EventStream.open(request, "text/event-stream", "\r\n")
    return stream.send, stream.close


async def _array(request: web.Request) -> tuple[Send, Close]:
    """One JSON array, with one write per element."""
    stream = await EventStream.open(request, "application/json; charset=UTF-8")
    separators = itertools.chain("[", itertools.repeat(",\r\n"))

    async def send(document: Any) -> None:
        await stream.write(next(separators) + json.dumps(document, ensure_ascii=False))

    async def close() -> web.StreamResponse:
        await stream.write("]")
        return await stream.close()

    return send, close


def _generated(
    request: web.Request, response_id: str, text: str, usage: dict[str, Any], finish_reason: str | None = None
) -> dict[str, Any]:
    candidate: dict[str, Any] = {"content": {"parts": [{"text": text}], "role": "model"}, "index": 0}
    if finish_reason is not None:
        candidate["finishReason"] = finish_reason
    return {
        "candidates": [candidate],
        "usageMetadata": usage,
        "modelVersion": request.match_info["model"],
        "responseId": response_id,
    }


def _model(model: str) -> dict[str, Any]:
    return {
        "name": f"models/{model}",
        "version": "001",
        "displayName": MODELS[model],
        "inputTokenLimit": 1048576,
        "outputTokenLimit": 8192,
        "supportedGenerationMethods": METHODS,
    }


def _response_id() -> str:
    return "mock" + secrets.token_urlsafe(12)


def _usage(prompt_tokens: int, candidates_tokens: int) -> dict[str, Any]:
    return {
        "promptTokenCount": prompt_tokens,
        "candidatesTokenCount": candidates_tokens,
        "totalTokenCount": prompt_tokens + candidates_tokens,
        "promptTokensDetails": _text_modality(prompt_tokens),
    }


def _text_modality(count: int) -> list[dict[str, Any]]:
    return [{"modality": "TEXT", "tokenCount": count}]


def _embedding(wanted: Mapping[str, Any]) -> dict[str, Any]:
    dimensions = wanted.get("outputDimensionality", EMBEDDING_DIMENSIONS)
    return {"values": embedding(text_of(required(wanted, "content")), dimensions)}


def _like_openai(request: web.Request) -> bool:
    return request.path.startswith(OPENAI_PATHS)
