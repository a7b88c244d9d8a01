"""OpenAI's realtime API: a conversation of events over a WebSocket, in text frames."""

from __future__ import annotations

import json
import secrets
from typing import Any

from aiohttp import WSMsgType, web

from .answers import greeting, text_of, tokens
from .provider import ProviderError

SUBPROTOCOL = "realtime"
KEY_SUBPROTOCOL = "openai-insecure-api-key."
PIECES = 5


def key_among_subprotocols(request: web.Request) -> str | None:
    """The key that a browser sends in a subprotocol, as it cannot set other headers."""
    offered = (one.strip() for one in request.headers.get("sec-websocket-protocol", "").split(","))
    return next((one.removeprefix(KEY_SUBPROTOCOL) for one in offered if one.startswith(KEY_SUBPROTOCOL)), None)


async def realtime(request: web.Request, name: str) -> web.StreamResponse:
    """Serve one session until the client closes it."""
    model = request.query.get("model")
    if not model:
        raise ProviderError(400, "You must provide a model parameter.", {"code": "missing_model"})
    socket = web.WebSocketResponse(protocols=[SUBPROTOCOL], max_msg_size=0)
    if not socket.can_prepare(request):
        raise ProviderError(426, "This endpoint speaks WebSocket.")
    await socket.prepare(request)
    session = Session(socket, name, model)
    await session.open()
    async for message in socket:
        if message.type is WSMsgType.TEXT:
            await session.take(message.data)
    return socket


class Session:
    """The state of a conversation."""

    def __init__(self, socket: web.WebSocketResponse, name: str, model: str) -> None:
        self._socket = socket
        self._name = name
        self._items: list[Any] = []
        self._description: dict[str, Any] = {
            "id": _id("sess"),
            "object": "realtime.session",
            "type": "realtime",
            "model": model,
            "output_modalities": ["audio"],
        }

    async def open(self) -> None:
        """Send the first event."""
        await self._send("session.created", session=self._description)

    async def take(self, text: str) -> None:
        """Handle an event of the client."""
        try:
            event = json.loads(text)
            kind = event["type"]
        except (ValueError, TypeError, KeyError):
            return await self._refuse("The event is not a JSON object with a type.")
        if kind == "session.update":
            self._description |= event.get("session", {})
            return await self._send("session.updated", session=self._description)
        if kind == "conversation.item.create":
            item = {"id": _id("item"), "object": "realtime.item", "status": "completed", **event.get("item", {})}
            self._items.append(item)
            return await self._send("conversation.item.added", item=item, previous_item_id=None)
        if kind == "response.create":
            return await self._respond()
        return await self._refuse(f"Invalid value: '{kind}'.")

    async def _respond(self) -> None:
        said = text_of(self._items)
        text = greeting(self._name, self._items)
        item = _id("item")
        response: dict[str, Any] = {"id": _id("resp"), "object": "realtime.response", "status": "in_progress"}
        place = {"response_id": response["id"], "item_id": item, "output_index": 0, "content_index": 0}
        await self._send("response.created", response=response | {"output": [], "usage": None})
        for index in range(PIECES):
            piece = text[len(text) * index // PIECES : len(text) * (index + 1) // PIECES]
            await self._send("response.output_text.delta", delta=piece, **place)
        await self._send("response.output_text.done", text=text, **place)
        output = {
            "id": item,
            "type": "message",
            "role": "assistant",
            "content": [{"type": "output_text", "text": text}],
        }
        done = {"status": "completed", "output": [output], "usage": _usage(tokens(said), tokens(text))}
        await self._send("response.done", response=response | done)

    async def _refuse(self, message: str) -> None:
        error = {"type": "invalid_request_error", "code": "invalid_value", "message": message, "param": "type"}
        await self._send("error", error=error)

    async def _send(self, kind: str, **members: Any) -> None:
        await self._socket.send_str(json.dumps({"type": kind, "event_id": _id("event"), **members}))


def _id(kind: str) -> str:
    return f"{kind}_mock{secrets.token_hex(8)}"


def _usage(input_tokens: int, output_tokens: int) -> dict[str, Any]:
    return {
        "total_tokens": input_tokens + output_tokens,
        "input_tokens": input_tokens,
        "output_tokens": output_tokens,
        "input_token_details": {"text_tokens": input_tokens, "audio_tokens": 0, "cached_tokens": 0},
        "output_token_details": {"text_tokens": output_tokens, "audio_tokens": 0},
    }
