"""Configurable faults of HTTP endpoints."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web

DRIP_PIECES = 20


@dataclass(frozen=True)
class Fault:
    """A faulty response. Fields combine, so a slow 500 with an HTML body is one fault."""

    status: int = 200
    body: bytes | None = None
    """`None` keeps the endpoint's own body."""
    content_type: str = "application/json"
    location: str | None = None
    """The location of a 3xx `status`."""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay_s: float = 0.0
    """Delay before the response headers."""
    hang: bool = False
    """Accept the request and never respond."""
    drip_s: float = 0.0
    """Spread the body evenly over this time."""
    truncated: bool = False
    """Announce the whole body, send half of it, then close the connection."""
    good_every: int = 0
    """If this is 2, every second request gets a good response, and so on."""
    size: int = 0
    """Pad the body with spaces to this many bytes. JSON stays valid, so only its size can be refused."""

    def strikes(self, hit: int) -> bool:
        """Whether the fault applies to the request with this number."""
        return not self.good_every or hit % self.good_every != 0

    async def respond(self, request: web.Request, healthy_body: bytes) -> web.StreamResponse:
        """Respond to `request` with this fault. `healthy_body` is the endpoint's own body."""
        if self.hang:
            await asyncio.Event().wait()
        await asyncio.sleep(self.delay_s)
        body = (healthy_body if self.body is None else self.body).ljust(self.size)
        response = web.StreamResponse(status=self.status, headers={"content-type": self.content_type, **self.headers})
        if self.location is not None:
            response.headers["location"] = self.location
        response.content_length = len(body)
        await response.prepare(request)
        if self.truncated:
            await response.write(body[: len(body) // 2])
            if request.transport is not None:
                request.transport.close()
            return response
        await self._send(response, body)
        return response

    async def _send(self, response: web.StreamResponse, body: bytes) -> None:
        if not self.drip_s:
            await response.write(body)
            return
        step = max(1, -(-len(body) // DRIP_PIECES))
        for start in range(0, len(body), step):
            await response.write(body[start : start + step])
            await asyncio.sleep(self.drip_s * step / len(body))
