"""Google's Live API: a conversation over a WebSocket, with JSON in binary frames."""

from __future__ import annotations

import json
from typing import Any

from aiohttp import WSCloseCode, WSMsgType, web

from .answers import greeting, text_of, tokens
from .provider import ProviderError

PIECES = 5


async def live(request: web.Request, name: str) -> web.StreamResponse:
    """Serve one session until the client closes it."""
    socket = web.WebSocketResponse(max_msg_size=0)
    if not socket.can_prepare(request):
        raise ProviderError(400, "This endpoint speaks WebSocket.")
    await socket.prepare(request)
    turns: list[Any] = []
    async for message in socket:
        if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
            continue
        document = json.loads(message.data)
        content = _member(document, "clientContent", "client_content")
        if "setup" in document:
            await _send(socket, {"setupComplete": {}})
        elif content is not None:
            turns += content.get("turns", [])
            if _member(content, "turnComplete", "turn_complete"):
                await _answer(socket, name, turns)
        else:
            await socket.close(code=WSCloseCode.INVALID_TEXT, message=b"Request contains an invalid argument.")
    return socket


async def _answer(socket: web.WebSocketResponse, name: str, turns: list[Any]) -> None:
    text = greeting(name, turns)
    for index in range(PIECES):
        piece = text[len(text) * index // PIECES : len(text) * (index + 1) // PIECES]
        await _send(socket, {"serverContent": {"modelTurn": {"role": "model", "parts": [{"text": piece}]}}})
    said, answered = tokens(text_of(turns)), tokens(text)
    usage = {"promptTokenCount": said, "responseTokenCount": answered, "totalTokenCount": said + answered}
    await _send(socket, {"serverContent": {"turnComplete": True}, "usageMetadata": usage})


def _member(document: dict[str, Any], *names: str) -> Any:
    """A member under either of its two names in protobuf's JSON."""
    return next((document[name] for name in names if name in document), None)


async def _send(socket: web.WebSocketResponse, document: Any) -> None:
    await socket.send_bytes(json.dumps(document).encode())
