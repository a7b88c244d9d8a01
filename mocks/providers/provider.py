"""The common part of all mock providers: recording, authentication, errors on request, account headers."""

from __future__ import annotations

import asyncio
import json
import secrets
import ssl
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from aiohttp.typedefs import Handler

from ..server import BackgroundServer
from .recorder import RecordedRequest, Recorder

MAX_BODY_BYTES = 64 * 1024 * 1024
STATUS_HEADER = "x-mock-status"
RETRY_AFTER_HEADER = "x-mock-retry-after"

BODY = web.RequestKey("body", bytes)
REQUEST_ID = web.RequestKey("request_id", str)


@dataclass
class ProviderError(Exception):
    """An error, to be formatted as the provider does. `details` has members that only this provider knows."""

    status: int
    message: str
    details: Mapping[str, Any] = field(default_factory=dict)


class MockProvider(BackgroundServer, ABC):
    """The HTTP API of an LLM provider.

    `api_key` is the key that callers must send. `None` accepts everyone. A request may ask for an error with
    `x-mock-status: 429`, and optionally `x-mock-retry-after: 2`.
    """

    def __init__(
        self,
        api_key: str | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(self._application, host=host, port=port, ssl_context=ssl_context)
        self.api_key = api_key
        self._recorder = Recorder()

    @property
    def base_url(self) -> str:
        """The base URL for SDKs."""
        return self.url

    @property
    def requests(self) -> list[RecordedRequest]:
        """The recorded requests, oldest first. `clear()` deletes them."""
        return self._recorder.requests

    @abstractmethod
    def routes(self) -> list[web.RouteDef]:
        """The endpoints of the API."""

    @abstractmethod
    def authenticate(self, request: web.Request) -> None:
        """Raise `ProviderError` if `request` has no valid credential."""

    @abstractmethod
    def error(self, request: web.Request, error: ProviderError) -> web.Response:
        """`error` in the format of the API."""

    @abstractmethod
    def account_headers(self, request: web.Request) -> Mapping[str, str]:
        """Headers of every response, most of which identify the account."""

    def unknown(self, request: web.Request) -> ProviderError:
        """The error for unknown paths."""
        return ProviderError(404, f"Invalid URL ({request.method} {request.path})")

    def _application(self) -> web.Application:
        app = web.Application(middlewares=[self._serve])
        app.add_routes([*self._recorder.routes(), *self.routes(), web.route("*", "/{path:.*}", self._unknown)])
        app.on_response_prepare.append(self._sign)
        return app

    @web.middleware
    async def _serve(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.path == Recorder.PATH:
            return await handler(request)
        request[REQUEST_ID] = "req_mock" + secrets.token_hex(10)
        recorded = self._recorder.begin(request)
        try:
            body = await self._recorder.body(request, recorded, MAX_BODY_BYTES)
            if body is None:
                raise ProviderError(413, f"The request exceeds {MAX_BODY_BYTES} bytes.")
            request[BODY] = body
            self.authenticate(request)
            self._fail_if_asked(request)
            return await handler(request)
        except ProviderError as error:
            response = self.error(request, error)
            if RETRY_AFTER_HEADER in request.headers:
                response.headers["retry-after"] = request.headers[RETRY_AFTER_HEADER]
            return response
        except (asyncio.CancelledError, ConnectionResetError):
            recorded.mark_abandoned()
            raise

    async def _sign(self, request: web.Request, response: web.StreamResponse) -> None:
        if request.path != Recorder.PATH:
            response.headers.update(self.account_headers(request))

    async def _unknown(self, request: web.Request) -> web.StreamResponse:
        raise self.unknown(request)

    @staticmethod
    def _fail_if_asked(request: web.Request) -> None:
        wanted = request.headers.get(STATUS_HEADER)
        if wanted is not None:
            raise ProviderError(int(wanted), f"The mock was asked to answer {wanted}.")


def json_object(request: web.Request) -> dict[str, Any]:
    """The body, which must be a JSON object. Raises `ProviderError` 400."""
    try:
        value = json.loads(request[BODY])
    except (ValueError, RecursionError) as error:
        raise ProviderError(400, f"The body is not JSON that can be read: {error}") from error
    if not isinstance(value, dict):
        raise ProviderError(400, "The body is not a JSON object.")
    return value


def required(document: Mapping[str, Any], name: str) -> Any:
    """A required member. Raises `ProviderError` 400."""
    if name not in document:
        raise ProviderError(400, f"Missing required parameter: '{name}'.", {"param": name})
    return document[name]


def only_value(request: web.Request, name: str) -> str | None:
    """The value of a header, or `None` if it is missing or repeated."""
    values = request.headers.getall(name, [])
    return values[0] if len(values) == 1 else None


def bearer_token(request: web.Request) -> str | None:
    """The bearer token in `Authorization`."""
    scheme, _, token = (only_value(request, "authorization") or "").partition(" ")
    return token if scheme.lower() == "bearer" and token else None
