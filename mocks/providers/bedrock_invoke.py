"""Bedrock's InvokeModel API in a model's own format, here Anthropic's, as a JSON document or as an event stream."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import AsyncIterator, Mapping
from typing import Any

from aiohttp import web

from .answers import greeting, tokens
from .aws_event_stream import AwsEventStream
from .bedrock_converse import input_tokens, latency_ms, padding
from .provider import ProviderError, json_object, required
from .streaming import Pace

ELSEWHERE = ("model", "stream")
"""Members of Anthropic's own API that Bedrock has in the path instead."""


async def invoke(request: web.Request, model: str) -> web.Response:
    """The complete response."""
    document, start = _question(request), time.monotonic()
    text = greeting("Bedrock", document["messages"])
    message = _message(document, model)
    message["content"] = [{"type": "text", "text": text}]
    message["stop_reason"] = "end_turn"
    message["usage"]["output_tokens"] = tokens(text)
    counts = {
        "x-amzn-bedrock-input-token-count": str(input_tokens(document)),
        "x-amzn-bedrock-output-token-count": str(tokens(text)),
        "x-amzn-bedrock-invocation-latency": str(latency_ms(start)),
    }
    return web.json_response(message, headers=counts)


async def invoke_stream(request: web.Request, model: str) -> web.StreamResponse:
    """The response as a stream: Anthropic's events, each in an event called `chunk`."""
    document, start = _question(request), time.monotonic()
    pace, first_ms = Pace.of(request), latency_ms(start)
    stream = await AwsEventStream.open(request, {"x-amzn-bedrock-content-type": "application/json"})
    async for event in _events(document, model, pace):
        if event["type"] == "message_stop":
            event["amazon-bedrock-invocationMetrics"] = {
                "inputTokenCount": input_tokens(document),
                "outputTokenCount": event.pop("output_tokens"),
                "invocationLatency": latency_ms(start),
                "firstByteLatency": first_ms,
            }
        data = json.dumps(event, separators=(",", ":"), ensure_ascii=False)
        await stream.send("chunk", {"bytes": base64.b64encode(data.encode()).decode(), **padding(data)})
    return await stream.close()


async def _events(document: Mapping[str, Any], model: str, pace: Pace) -> AsyncIterator[dict[str, Any]]:
    yield {"type": "message_start", "message": _message(document, model)}
    yield {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}}
    said = ""
    async for piece in pace.pieces(greeting("Bedrock", document["messages"])):
        said += piece
        yield {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": piece}}
    yield {"type": "content_block_stop", "index": 0}
    delta = {"stop_reason": "end_turn", "stop_sequence": None}
    yield {"type": "message_delta", "delta": delta, "usage": {"output_tokens": tokens(said)}}
    yield {"type": "message_stop", "output_tokens": tokens(said)}


def _question(request: web.Request) -> dict[str, Any]:
    document = json_object(request)
    for name in ("anthropic_version", "max_tokens", "messages"):
        required(document, name)
    for name in ELSEWHERE:
        if name in document:
            raise ProviderError(400, f"{name}: Extra inputs are not permitted")
    return document


def _message(document: Mapping[str, Any], model: str) -> dict[str, Any]:
    return {
        "model": model,
        "id": "msg_bdrk_mock" + secrets.token_hex(8),
        "type": "message",
        "role": "assistant",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {
            "input_tokens": input_tokens(document),
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0,
            "output_tokens": 1,
        },
    }
