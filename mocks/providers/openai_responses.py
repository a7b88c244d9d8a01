"""`POST /responses` of OpenAI's API, as a JSON document or as a stream of typed events."""

from __future__ import annotations

import itertools
import secrets
import time
from typing import Any

from aiohttp import web

from .answers import greeting, text_of, tokens
from .provider import json_object, required
from .streaming import EventStream, Pace


async def response(request: web.Request, name: str) -> web.StreamResponse:
    """Respond as the mock called `name`."""
    document = json_object(request)
    model, asked = required(document, "model"), document.get("input", "")
    text = greeting(name, asked)
    prompt_tokens = tokens(text_of(asked)) + tokens(text_of(document.get("instructions")))
    begun = {
        "id": "resp_mock" + secrets.token_hex(12),
        "object": "response",
        "created_at": int(time.time()),
        "status": "in_progress",
        "error": None,
        "incomplete_details": None,
        "instructions": document.get("instructions"),
        "metadata": {},
        "model": model,
        "output": [],
        "parallel_tool_calls": True,
        "temperature": 1.0,
        "tool_choice": "auto",
        "tools": [],
        "top_p": 1.0,
        "usage": None,
    }
    item_id = "msg_mock" + secrets.token_hex(12)
    if document.get("stream"):
        return await _stream(request, begun, item_id, prompt_tokens, text)
    return web.json_response(_completed(begun, item_id, prompt_tokens, text))


async def _stream(
    request: web.Request, begun: dict[str, Any], item_id: str, prompt_tokens: int, text: str
) -> web.StreamResponse:
    pace = Pace.of(request)
    stream = await EventStream.open(request)
    sequence = itertools.count()
    item_place = {"output_index": 0}
    part_place = {"item_id": item_id, "output_index": 0, "content_index": 0}

    async def send(kind: str, **members: Any) -> None:
        await stream.send({"type": kind, "sequence_number": next(sequence), **members}, event=kind)

    await send("response.created", response=begun)
    await send("response.in_progress", response=begun)
    await send("response.output_item.added", **item_place, item=_item(item_id, "in_progress", []))
    await send("response.content_part.added", **part_place, part=_part(""))
    said = ""
    async for piece in pace.pieces(text):
        said += piece
        await send("response.output_text.delta", **part_place, delta=piece, logprobs=[])
    await send("response.output_text.done", **part_place, text=said, logprobs=[])
    await send("response.content_part.done", **part_place, part=_part(said))
    await send("response.output_item.done", **item_place, item=_item(item_id, "completed", [_part(said)]))
    await send("response.completed", response=_completed(begun, item_id, prompt_tokens, said))
    return await stream.close()


def _completed(begun: dict[str, Any], item_id: str, prompt_tokens: int, text: str) -> dict[str, Any]:
    output_tokens = tokens(text)
    usage = {
        "input_tokens": prompt_tokens,
        "input_tokens_details": {"cached_tokens": 0, "cache_write_tokens": 0},
        "output_tokens": output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": prompt_tokens + output_tokens,
    }
    return {**begun, "status": "completed", "output": [_item(item_id, "completed", [_part(text)])], "usage": usage}


def _item(item_id: str, status: str, content: list[dict[str, Any]]) -> dict[str, Any]:
    return {"id": item_id, "type": "message", "status": status, "role": "assistant", "content": content}


def _part(text: str) -> dict[str, Any]:
    return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
