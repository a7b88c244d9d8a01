"""Bedrock's Converse API: one format for all models, as a JSON document or as an event stream."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from aiohttp import web

from .answers import greeting, text_of, tokens
from .aws_event_stream import AwsEventStream
from .provider import json_object, required
from .streaming import Pace

PADDING = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"


async def converse(request: web.Request) -> web.Response:
    """The complete response."""
    document, start = json_object(request), time.monotonic()
    text = greeting("Bedrock", required(document, "messages"))
    return web.json_response(
        {
            "metrics": _metrics(start),
            "output": {"message": {"content": [{"text": text}], "role": "assistant"}},
            "stopReason": "end_turn",
            "usage": _usage(document, text),
        }
    )


async def converse_stream(request: web.Request) -> web.StreamResponse:
    """The response as a stream."""
    document, start = json_object(request), time.monotonic()
    text = greeting("Bedrock", required(document, "messages"))
    pace = Pace.of(request)
    stream = await AwsEventStream.open(request)
    await stream.send("messageStart", {**padding("role"), "role": "assistant"})
    said = ""
    async for piece in pace.pieces(text):
        said += piece
        await stream.send("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": piece}, **padding(piece)})
    await stream.send("contentBlockStop", {"contentBlockIndex": 0, **padding(said)})
    await stream.send("messageStop", {**padding(text), "stopReason": "end_turn"})
    await stream.send("metadata", {"metrics": _metrics(start), **padding("usage"), "usage": _usage(document, said)})
    return await stream.close()


def input_tokens(document: Mapping[str, Any]) -> int:
    """The token count of the input."""
    return tokens(text_of(document.get("system"))) + tokens(text_of(required(document, "messages")))


def padding(text: str) -> dict[str, str]:
    """A member that hides the length of a piece from observers of the traffic."""
    return {"p": PADDING[: 1 + len(text) * 7 % len(PADDING)]}


def _usage(document: Mapping[str, Any], answer: str) -> dict[str, Any]:
    input_count, output_count = input_tokens(document), tokens(answer)
    return {"inputTokens": input_count, "outputTokens": output_count, "totalTokens": input_count + output_count}


def _metrics(start: float) -> dict[str, int]:
    return {"latencyMs": latency_ms(start)}


def latency_ms(start: float) -> int:
    """The milliseconds since `start` on the monotonic clock."""
    return round((time.monotonic() - start) * 1000)
