"""Amazon Bedrock's endpoint with OpenAI's and Anthropic's API: signed requests with the model in the body."""

from __future__ import annotations

from aiohttp import web

from .anthropic_messages import count_tokens, message
from .bedrock import Bedrock
from .openai_chat import chat_completion
from .openai_responses import response

NAME = "Bedrock Mantle"


class BedrockMantle(Bedrock):
    """Chat completions and responses under `/v1` and `/openai/v1`, messages under `/anthropic/v1`.

    Callers sign for this service or send `api_key`, as with Bedrock Runtime.
    """

    service = "bedrock-mantle"

    def routes(self) -> list[web.RouteDef]:
        return [
            web.post("/v1/chat/completions", self._chat_completions),
            web.post("/v1/responses", self._responses),
            web.post("/openai/v1/chat/completions", self._chat_completions),
            web.post("/openai/v1/responses", self._responses),
            web.post("/anthropic/v1/messages", self._messages),
            web.post("/anthropic/v1/messages/count_tokens", self._count_messages),
        ]

    async def _chat_completions(self, request: web.Request) -> web.StreamResponse:
        return await chat_completion(request, NAME)

    async def _responses(self, request: web.Request) -> web.StreamResponse:
        return await response(request, NAME)

    async def _messages(self, request: web.Request) -> web.StreamResponse:
        return await message(request, NAME)

    async def _count_messages(self, request: web.Request) -> web.StreamResponse:
        return count_tokens(request)
