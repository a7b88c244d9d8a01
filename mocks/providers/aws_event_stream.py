"""Amazon's binary event stream format, `application/vnd.amazon.eventstream`."""

from __future__ import annotations

import json
import struct
import zlib
from collections.abc import Mapping
from typing import Any, Self

from aiohttp import web

CONTENT_TYPE = "application/vnd.amazon.eventstream"
STRING = 7
"""The type of a header value."""


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """One message: the prelude (both lengths and their checksum), headers, payload, and the checksum of the message."""
    encoded = b"".join(map(_header, headers, headers.values()))
    lengths = struct.pack("!II", 12 + len(encoded) + len(payload) + 4, len(encoded))
    message = lengths + _checksum(lengths) + encoded + payload
    return message + _checksum(message)


class AwsEventStream:
    """A streamed response with one write, and therefore one HTTP chunk, per event."""

    def __init__(self, response: web.StreamResponse) -> None:
        self._response = response

    @classmethod
    async def open(cls, request: web.Request, headers: Mapping[str, str] | None = None) -> Self:
        """Start a 200 response to `request`."""
        response = web.StreamResponse(headers={"content-type": CONTENT_TYPE, **(headers or {})})
        response.enable_chunked_encoding()
        await response.prepare(request)
        return cls(response)

    async def send(self, event: str, document: Mapping[str, Any]) -> None:
        """Send an event whose payload is `document`."""
        headers = {":event-type": event, ":content-type": "application/json", ":message-type": "event"}
        await self._response.write(frame(headers, json.dumps(document, separators=(",", ":")).encode()))

    async def close(self) -> web.StreamResponse:
        """End the stream."""
        await self._response.write_eof()
        return self._response


def _header(name: str, value: str) -> bytes:
    encoded_name, encoded_value = name.encode(), value.encode()
    head = struct.pack("!B", len(encoded_name)) + encoded_name
    return head + struct.pack("!BH", STRING, len(encoded_value)) + encoded_value


def _checksum(data: bytes) -> bytes:
    return struct.pack("!I", zlib.crc32(data))
