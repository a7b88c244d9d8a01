"""Amazon Bedrock Runtime, with the model in the path and signed requests."""

from __future__ import annotations

import base64
import json
import re
import secrets
import ssl
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import unquote

from aiohttp import web

from ..aws.credential import AwsCredential, timestamp
from ..aws.signature import SignatureError, SignatureJudge, is_signed
from ..aws.verifier import SigV4Verifier
from .answers import text_of
from .bedrock_converse import converse, converse_stream, input_tokens
from .bedrock_invoke import invoke, invoke_stream
from .openai_chat import chat_completion
from .provider import BODY, REQUEST_ID, MockProvider, ProviderError, bearer_token, json_object, required

REGION = "us-east-1"
MODEL = re.compile(r"[A-Za-z0-9][\w.:-]*|arn:aws[\w-]*:bedrock:[a-z0-9-]*:(\d{12})?:[a-z-]+/[\w./:-]+", re.ASCII)
INVALID_KEY = "Authentication failed: Please make sure your API Key is valid."

ERROR_TYPES = {
    403: "AccessDeniedException",
    404: "ResourceNotFoundException",
    408: "ModelTimeoutException",
    413: "RequestEntityTooLargeException",
    424: "ModelErrorException",
    429: "ThrottlingException",
    503: "ServiceUnavailableException",
}


class Bedrock(MockProvider):
    """Invoke, Converse, token counting, guardrails, asynchronous invocation and OpenAI's chat completions.

    Callers sign with one of `judge.credentials`, or send `api_key` as a bearer token. Every model supports Converse, and
    Invoke in Anthropic's format.
    """

    service = "bedrock"

    def __init__(
        self,
        credentials: Iterable[AwsCredential] = (),
        *,
        api_key: str | None = None,
        region: str = REGION,
        verifier: SigV4Verifier | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        super().__init__(api_key, host=host, port=port, ssl_context=ssl_context)
        self.judge = SignatureJudge(credentials, region=region, service=self.service, verifier=verifier)
        self._invocations: dict[str, dict[str, Any]] = {}

    def routes(self) -> list[web.RouteDef]:
        model = "/model/{model}"
        return [
            web.post(model + "/invoke", self._invoke),
            web.post(model + "/invoke-with-response-stream", self._invoke_stream),
            web.post(model + "/converse", self._converse),
            web.post(model + "/converse-stream", self._converse_stream),
            web.post(model + "/count-tokens", self._count_tokens),
            web.post("/guardrail/{guardrail}/version/{version}/apply", self._apply_guardrail),
            web.post("/async-invoke", self._start_async_invoke),
            web.get("/async-invoke", self._list_async_invokes),
            web.get("/async-invoke/{arn}", self._get_async_invoke),
            web.post("/openai/v1/chat/completions", self._chat_completions),
        ]

    def authenticate(self, request: web.Request) -> None:
        token = bearer_token(request)
        if token is not None:
            if token != self.api_key:
                raise ProviderError(403, INVALID_KEY)
            return
        if not is_signed(request):
            raise ProviderError(403, "Missing Authentication Token", {"code": "MissingAuthenticationTokenException"})
        try:
            self.judge.judge(request, request[BODY])
        except SignatureError as error:
            raise ProviderError(error.status, error.message, {"code": error.code}) from error

    def error(self, request: web.Request, error: ProviderError) -> web.Response:
        usual = "ValidationException" if error.status < 500 else "InternalServerException"
        code = error.details.get("code") or ERROR_TYPES.get(error.status, usual)
        return web.json_response({"message": error.message}, status=error.status, headers={"x-amzn-errortype": code})

    def account_headers(self, request: web.Request) -> Mapping[str, str]:
        return {"x-amzn-requestid": request[REQUEST_ID]}

    def unknown(self, request: web.Request) -> ProviderError:
        return ProviderError(404, "Unknown operation.", {"code": "UnknownOperationException"})

    async def _invoke(self, request: web.Request) -> web.StreamResponse:
        return await invoke(request, _model(request))

    async def _invoke_stream(self, request: web.Request) -> web.StreamResponse:
        return await invoke_stream(request, _model(request))

    async def _converse(self, request: web.Request) -> web.StreamResponse:
        _model(request)
        return await converse(request)

    async def _converse_stream(self, request: web.Request) -> web.StreamResponse:
        _model(request)
        return await converse_stream(request)

    async def _count_tokens(self, request: web.Request) -> web.StreamResponse:
        _model(request)
        wanted = required(json_object(request), "input")
        if "invokeModel" in wanted:
            question = json.loads(base64.b64decode(required(wanted["invokeModel"], "body")))
        else:
            question = required(wanted, "converse")
        return web.json_response({"inputTokens": input_tokens(question)})

    async def _apply_guardrail(self, request: web.Request) -> web.StreamResponse:
        content = required(json_object(request), "content")
        units = {f"{policy}PolicyUnits": 1 for policy in ("topic", "content", "word", "sensitiveInformation")}
        covered = {"textCharacters": {"guarded": len(text_of(content)), "total": len(text_of(content))}}
        return web.json_response(
            {"action": "NONE", "assessments": [], "guardrailCoverage": covered, "outputs": [], "usage": units}
        )

    async def _start_async_invoke(self, request: web.Request) -> web.StreamResponse:
        document = json_object(request)
        model = required(document, "modelId")
        arn = f"arn:aws:bedrock:{self.judge.region}:123456789012:async-invoke/{secrets.token_hex(6)}"
        self._invocations[arn] = {
            "invocationArn": arn,
            "modelArn": f"arn:aws:bedrock:{self.judge.region}::foundation-model/{model}",
            "outputDataConfig": required(document, "outputDataConfig"),
            "status": "InProgress",
            "submitTime": timestamp(),
        }
        return web.json_response({"invocationArn": arn})

    async def _list_async_invokes(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"asyncInvokeSummaries": list(self._invocations.values())})

    async def _get_async_invoke(self, request: web.Request) -> web.StreamResponse:
        invocation = self._invocations.get(_segment(request, 2))
        if invocation is None:
            raise ProviderError(404, "The invocation does not exist.")
        return web.json_response(invocation)

    async def _chat_completions(self, request: web.Request) -> web.StreamResponse:
        return await chat_completion(request, "Bedrock")


def _model(request: web.Request) -> str:
    model = _segment(request, 2)
    if not MODEL.fullmatch(model):
        raise ProviderError(400, "The provided model identifier is invalid.")
    return model


def _segment(request: web.Request, index: int) -> str:
    """A segment of the path as it was sent, decoded. It may contain a slash."""
    return unquote(request.raw_path.partition("?")[0].split("/")[index])
