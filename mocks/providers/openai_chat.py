"""`POST /chat/completions` of OpenAI's API, as a JSON document or as a stream."""

from __future__ import annotations

import secrets
import time
from typing import Any

from aiohttp import web

from .answers import greeting, text_of, tokens
from .provider import json_object, required
from .streaming import EventStream, Pace


async def chat_completion(request: web.Request, name: str) -> web.StreamResponse:
    """Respond as the mock called `name`."""
    document = json_object(request)
    model, messages = required(document, "model"), required(document, "messages")
    text = greeting(name, messages)
    identity = {
        "id": "chatcmpl-mock" + secrets.token_hex(8),
        "created": int(time.time()),
        "model": model,
        "service_tier": "default",
        "system_fingerprint": "fp_mock",
    }
    if document.get("stream"):
        include_usage = bool((document.get("stream_options") or {}).get("include_usage"))
        return await _stream(request, identity, messages, text, include_usage)
    message: dict[str, Any] = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}
    completion = {**identity, "object": "chat.completion", "choices": [choice], "usage": _usage(messages, text)}
    return web.json_response(completion)


async def _stream(
    request: web.Request, identity: dict[str, Any], messages: Any, text: str, include_usage: bool
) -> web.StreamResponse:
    """If usage was requested, all chunks except the last have `usage: null`. Otherwise they have no such member."""
    pace = Pace.of(request)
    stream = await EventStream.open(request)
    frame = {**identity, "object": "chat.completion.chunk", **({"usage": None} if include_usage else {})}

    async def send(delta: dict[str, Any], finish_reason: str | None = None) -> None:
        choice = {"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}
        await stream.send({**frame, "choices": [choice]})

    await send({"role": "assistant", "content": "", "refusal": None})
    said = ""
    async for piece in pace.pieces(text):
        said += piece
        await send({"content": piece})
    await send({}, "stop")
    if include_usage:
        await stream.send({**frame, "choices": [], "usage": _usage(messages, said)})
    await stream.send("[DONE]")
    return await stream.close()


def _usage(messages: Any, answer: str) -> dict[str, Any]:
    prompt, completion = tokens(text_of(messages)), tokens(answer)
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }
