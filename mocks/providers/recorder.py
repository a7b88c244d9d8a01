"""Records the requests to a mock provider, byte for byte."""

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
    """A request as received.

    It is recorded once its headers have arrived, and grows while the body arrives. `completed_at` and `body_sha256` are set
    at the end of the body. Only the first `KEPT_BODY_BYTES` of the body are kept. Times are seconds since the epoch.
    """

    method: str
    path: str
    """The request target, including the query."""
    headers: list[tuple[bytes, bytes]]
    """In order, with repetitions, with names in their original case."""
    received_at: float
    body: bytes = b""
    body_size: int = 0
    body_sha256: str = ""
    completed_at: float | None = None
    abandoned_at: float | None = None
    """The time at which the caller disconnected before it had the complete response."""
    _digest: Any = field(default_factory=hashlib.sha256, repr=False, compare=False)

    def values(self, name: str) -> list[bytes]:
        """Every value of the header `name`, ignoring case."""
        wanted = name.lower().encode()
        return [value for other, value in self.headers if other.lower() == wanted]

    def json(self) -> Any:
        """The parsed body."""
        return json.loads(self.body)

    def extend(self, chunk: bytes) -> None:
        """Add a part of the body."""
        if len(self.body) < KEPT_BODY_BYTES:
            self.body += chunk[: KEPT_BODY_BYTES - len(self.body)]
        self.body_size += len(chunk)
        self._digest.update(chunk)

    def complete(self) -> None:
        """Mark the body as complete."""
        self.body_sha256 = self._digest.hexdigest()
        self.completed_at = time.time()

    def mark_abandoned(self) -> None:
        """Mark the request as abandoned by the caller."""
        self.abandoned_at = time.time()

    def document(self) -> dict[str, Any]:
        """The recording as JSON. Bytes that are not ASCII or UTF-8 are replaced."""
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
    """The recordings of one provider, also available at `GET /_mock/requests`. `DELETE` clears them."""

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
        """Record and return the body of `request`, or return `None` if it exceeds `limit` bytes."""
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
