"""Streaming by mock providers: the pace of the pieces and the framing of events."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web

PACE_HEADER = "x-mock-stream"


@dataclass(frozen=True)
class Pace:
    """The number of pieces of a stream's text, and the time between them.

    A request sets both with `x-mock-stream: chunks=20,interval_ms=100`. The text of each piece is then the `time.time()` at
    which it was sent, and a space. Without the header, the pieces make up the mock's usual text.
    """

    chunks: int = 5
    interval_s: float = 0.0
    stamped: bool = False

    @classmethod
    def of(cls, request: web.Request) -> Self:
        """The pace that `request` asks for. Raises `ValueError` for an invalid header."""
        wanted = request.headers.get(PACE_HEADER)
        if wanted is None:
            return cls()
        fields = dict(part.strip().split("=", 1) for part in wanted.split(","))
        pace = cls(int(fields.pop("chunks", cls.chunks)), float(fields.pop("interval_ms", 0)) / 1000, stamped=True)
        if fields:
            raise ValueError(f"unknown in {PACE_HEADER}: {', '.join(fields)}")
        return pace

    async def pieces(self, text: str) -> AsyncIterator[str]:
        """The pieces, each at its time. The first one comes at once."""
        start = time.monotonic()
        for index in range(self.chunks):
            await asyncio.sleep(max(0.0, start + index * self.interval_s - time.monotonic()))
            if self.stamped:
                yield f"{time.time():.6f} "
            else:
                yield text[len(text) * index // self.chunks : len(text) * (index + 1) // self.chunks]


class EventStream:
    """A streamed response with one write, and therefore one HTTP chunk, per event."""

    def __init__(self, response: web.StreamResponse, newline: str) -> None:
        self._response = response
        self._newline = newline

    @classmethod
    async def open(
        cls, request: web.Request, content_type: str = "text/event-stream; charset=utf-8", newline: str = "\n"
    ) -> Self:
        """Start a 200 response to `request`."""
        response = web.StreamResponse(headers={"content-type": content_type, "cache-control": "no-cache"})
        response.enable_chunked_encoding()
        await response.prepare(request)
        return cls(response, newline)

    async def send(self, data: Any, event: str | None = None) -> None:
        """Send a server-sent event. `data` is written as JSON, but a string is written unchanged."""
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        lines = [f"data: {text}", "", ""] if event is None else [f"event: {event}", f"data: {text}", "", ""]
        await self.write(self._newline.join(lines))

    async def write(self, text: str) -> None:
        """Send text without framing."""
        await self._response.write(text.encode())

    async def close(self) -> web.StreamResponse:
        """End the stream."""
        await self._response.write_eof()
        return self._response
