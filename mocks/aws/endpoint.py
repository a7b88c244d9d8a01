"""The common part of the endpoints that serve credentials."""

from __future__ import annotations

import ssl
from abc import ABC, abstractmethod
from collections import Counter

from aiohttp import web

from ..faults import Fault
from ..server import BackgroundServer
from .credential import AwsCredential, timestamp


class CredentialEndpoint(BackgroundServer, ABC):
    """Serves `credential`, which expires `lifetime_s` after each response.

    A negative lifetime makes it expired, and `None` omits the expiration. `fault` and `hits` are keyed by endpoint. All of
    these may be changed while the server runs.
    """

    def __init__(
        self,
        credential: AwsCredential | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(self._application, host=host, port=port, ssl_context=ssl_context)
        self.credential = credential or AwsCredential.generate()
        self.lifetime_s: float | None = 3600.0
        self.fault: dict[str, Fault] = {}
        self.hits: Counter[str] = Counter()

    def rotate(self) -> AwsCredential:
        """Serve a new credential from now on."""
        self.credential = AwsCredential.generate()
        return self.credential

    @abstractmethod
    def routes(self) -> list[web.RouteDef]:
        """The endpoints."""

    def document(self) -> dict[str, str]:
        """The credential with the member names of the JSON documents."""
        document = {
            "AccessKeyId": self.credential.access_key_id,
            "SecretAccessKey": self.credential.secret_access_key,
        }
        if self.credential.session_token is not None:
            document["Token"] = self.credential.session_token
        if self.lifetime_s is not None:
            document["Expiration"] = timestamp(self.lifetime_s)
        return document

    async def answer(self, request: web.Request, endpoint: str, response: web.Response) -> web.StreamResponse:
        """Return `response`, unless the endpoint has a fault."""
        self.hits[endpoint] += 1
        fault = self.fault.get(endpoint)
        if fault is not None:
            body = response.body
            return await fault.respond(request, body if isinstance(body, bytes) else b"")
        return response

    def _application(self) -> web.Application:
        app = web.Application()
        app.add_routes(self.routes())
        return app
