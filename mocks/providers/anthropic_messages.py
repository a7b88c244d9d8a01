"""`POST /messages` of Anthropic's API as a JSON document or a stream of events, and token counting."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from .answers import greeting, text_of, tokens
from .provider import json_object, required
from .streaming import EventStream, Pace


async def message(request: web.Request, name: str) -> web.StreamResponse:
    """Respond as the mock called `name`."""
    document = json_object(request)
    model, messages = required(document, "model"), required(document, "messages")
    required(document, "max_tokens")
    text = greeting(name, messages)
    answer = {
        "id": "msg_mock" + secrets.token_hex(10),
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {
            "input_tokens": _input_tokens(document),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 1,
            "service_tier": "standard",
        },
    }
    if document.get("stream"):
        return await _stream(request, answer, text)
    answer["content"] = [{"type": "text", "text": text}]
    answer["stop_reason"] = "end_turn"
    answer["usage"]["output_tokens"] = tokens(text)
    return web.json_response(answer)


def count_tokens(request: web.Request) -> web.Response:
    """The token count of the input, without a call to a model."""
    document = json_object(request)
    required(document, "model")
    required(document, "messages")
    return web.json_response({"input_tokens": _input_tokens(document)})


async def _stream(request: web.Request, answer: dict[str, Any], text: str) -> web.StreamResponse:
    pace = Pace.of(request)
    stream = await EventStream.open(request)

    async def send(kind: str, **members: Any) -> None:
        await stream.send({"type": kind, **members}, event=kind)

    await send("message_start", message=answer)
    await send("content_block_start", index=0, content_block={"type": "text", "text": ""})
    await send("ping")
    said = ""
    async for piece in pace.pieces(text):
        said += piece
        await send("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
    await send("content_block_stop", index=0)
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    await send("message_delta", delta=delta, usage={"output_tokens": tokens(said)})
    await send("message_stop")
    return await stream.close()


def _input_tokens(document: Mapping[str, Any]) -> int:
    return tokens(text_of(document.get("system"))) + tokens(text_of(document["messages"]))
