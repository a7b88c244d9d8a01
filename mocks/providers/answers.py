"""Content of the responses of all mock providers."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

QUOTED_CHARACTERS = 80


def text_of(content: Any) -> str:
    """The text in a message, a part or a list of them, in the formats of OpenAI, Anthropic and Google."""
    if isinstance(content, str):
        return content
    if isinstance(content, list):
        return " ".join(filter(None, map(text_of, content)))
    if isinstance(content, Mapping):
        return next((text_of(content[name]) for name in ("text", "content", "parts") if name in content), "")
    return ""


def greeting(name: str, content: Any) -> str:
    """The response of the mock called `name`, which quotes the last message of the conversation."""
    said = text_of(content[-1] if isinstance(content, list) and content else content)
    return f"Hello from the mock of {name}: you said {said[:QUOTED_CHARACTERS]!r}."


def tokens(text: str) -> int:
    """The mock's token count of a text, which is its number of words."""
    return len(text.split())


def embedding(text: str, dimensions: int) -> list[float]:
    """A vector that depends only on the text. Each component is exact in 32 bits."""
    seed = hashlib.shake_128(text.encode()).digest(dimensions)
    return [byte / 128 - 1 for byte in seed]
