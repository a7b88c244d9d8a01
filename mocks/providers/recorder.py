"""What a mock provider was asked, byte for byte."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

KEPT_BODY_BYTES = 1024 * 1024


@dataclass
class RecordedRequest:
    """One request as it came over the wire.

    It is recorded as soon as its headers are there, and grows while the body arrives: `completed_at` and `body_sha256`
    are set at the body's end. Of the body the first `KEPT_BODY_BYTES` are kept. Times are seconds since the epoch.
    """

    method: str
    path: str
    """The request target, query included."""
    headers: list[tuple[bytes, bytes]]
    """In order, with repetitions, names in the case in which they were sent."""
    received_at: float
    body: bytes = b""
    body_size: int = 0
    body_sha256: str = ""
    completed_at: float | None = None
    abandoned_at: float | None = None
    """When the caller left before it had the whole answer."""
    _digest: Any = field(default_factory=hashlib.sha256, repr=False, compare=False)

    def values(self, name: str) -> list[bytes]:
        """Every value of the header `name`, whose case does not matter."""
        wanted = name.lower().encode()
        return [value for other, value in self.headers if other.lower() == wanted]

    def json(self) -> Any:
        """The body, parsed."""
        return json.loads(self.body)

    def extend(self, chunk: bytes) -> None:
        """Take in a further part of the body."""
        if len(self.body) < KEPT_BODY_BYTES:
            self.body += chunk[: KEPT_BODY_BYTES - len(self.body)]
        self.body_size += len(chunk)
        self._digest.update(chunk)

    def complete(self) -> None:
        """Note that the body has ended."""
        self.body_sha256 = self._digest.hexdigest()
        self.completed_at = time.time()

    def abandon(self) -> None:
        """Note that the caller has left."""
        self.abandoned_at = time.time()

    def document(self) -> dict[str, Any]:
        """The recording as JSON; bytes outside of ASCII or UTF-8 are shown as well as text can."""
        return {
            "method": self.method,
            "path": self.path,
            "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in self.headers],
            "received_at": self.received_at,
            "completed_at": self.completed_at,
            "body": self.body.decode(errors="replace"),
            "body_size": self.body_size,
            "body_sha256": self.body_sha256,
        }


class Recorder:
    """The recordings of one provider, also at `GET /_mock/requests`; `DELETE` forgets them."""

    PATH = "/_mock/requests"

    def __init__(self) -> None:
        self.requests: list[RecordedRequest] = []

    def routes(self) -> list[web.RouteDef]:
        """The endpoints for other processes."""
        return [web.get(self.PATH, self._list), web.delete(self.PATH, self._clear)]

    def begin(self, request: web.Request) -> RecordedRequest:
        """Record the head of `request`."""
        recorded = RecordedRequest(request.method, request.raw_path, list(request.raw_headers), time.time())
        self.requests.append(recorded)
        return recorded

    @staticmethod
    async def body(request: web.Request, recorded: RecordedRequest, limit: int) -> bytes | None:
        """Record the body of `request` and return it whole, or `None` when it exceeds `limit` bytes."""
        body = bytearray()
        async for chunk in request.content.iter_any():
            recorded.extend(chunk)
            if recorded.body_size > limit:
                return None
            body += chunk
        recorded.complete()
        return bytes(body)

    async def _list(self, request: web.Request) -> web.Response:
        return web.json_response([recorded.document() for recorded in self.requests])

    async def _clear(self, request: web.Request) -> web.Response:
        self.requests.clear()
        return web.Response(status=204)
