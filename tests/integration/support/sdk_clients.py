"""The SDKs that `test_client_matrix.py` runs, behind one interface.

The Python SDKs run in this process, those for Node.js and Go in other processes. Each gets a base URL, a token and more
headers. It returns the text of a response or the pieces of a stream, or raises `Failure`.
"""

import importlib.metadata
import json
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx
from anthropic import Anthropic, AnthropicBedrock
from authlib.integrations.requests_client import OAuth2Session
from openai import OpenAI

from support import go
from support.bedrock import CONVERSATION, INVOKE, MODEL, add_header, boto3_client, frames
from support.client import MESSAGES, PROMPT, google_client
from tools.gateway import PROJECT

DUMMY_KEYS = {"aws_access_key_id": "AKIACLIENT", "aws_secret_access_key": "the-clients-own-secret-key"}


@dataclass(frozen=True)
class Target:
    """The provider that an SDK calls, and the token and headers that it sends."""

    gateway: str
    provider: str
    token: str
    headers: Mapping = field(default_factory=dict)

    @property
    def url(self):
        """The proxy URL."""
        return f"{self.gateway}/llm/v1/providers/{self.provider}"


class Failure(Exception):
    """An exception that an SDK has raised."""

    def __init__(self, name, status, message):
        super().__init__(name, status, message)
        self.name = name
        self.status = status
        self.message = message


def openai(target, stream):
    client = OpenAI(base_url=target.url, api_key=target.token, default_headers=target.headers, max_retries=0)
    arguments = {"model": "gpt-4o", "messages": MESSAGES}
    if not stream:
        yield client.chat.completions.create(**arguments).choices[0].message.content
        return
    with client.chat.completions.create(**arguments, stream=True) as chunks:
        for chunk in chunks:
            if chunk.choices and chunk.choices[0].delta.content:
                yield chunk.choices[0].delta.content


def anthropic(target, stream):
    client = Anthropic(base_url=target.url, auth_token=target.token, default_headers=target.headers, max_retries=0)
    yield from _messages(client, "claude-sonnet-4-6", stream)


def anthropic_bedrock(target, stream):
    client = AnthropicBedrock(
        base_url=target.url,
        aws_region="us-east-1",
        aws_access_key=DUMMY_KEYS["aws_access_key_id"],
        aws_secret_key=DUMMY_KEYS["aws_secret_access_key"],
        aws_session_token=target.token,
        default_headers=target.headers,
        max_retries=0,
    )
    yield from _messages(client, MODEL, stream)


def _messages(client, model, stream):
    arguments = {"model": model, "max_tokens": 64, "messages": MESSAGES}
    if not stream:
        yield client.messages.create(**arguments).content[0].text
        return
    with client.messages.create(**arguments, stream=True) as events:
        for event in events:
            if event.type == "content_block_delta":
                yield event.delta.text


def google(target, stream):
    client = google_client(target.url, target.token, headers=dict(target.headers))
    arguments = {"model": "gemini-2.0-flash", "contents": PROMPT}
    if not stream:
        yield client.models.generate_content(**arguments).text
        return
    for chunk in client.models.generate_content_stream(**arguments):
        if chunk.text:
            yield chunk.text


def boto3(target, stream):
    client = boto3_client(target.gateway, provider=target.provider, aws_session_token=target.token, **DUMMY_KEYS)
    for name, value in target.headers.items():
        add_header(client, "before-send", name, value)
    arguments = {"modelId": MODEL, "messages": CONVERSATION}
    if not stream:
        yield client.converse(**arguments)["output"]["message"]["content"][0]["text"]
        return
    events = client.converse_stream(**arguments)["stream"]
    try:
        for event in events:
            if "contentBlockDelta" in event:
                yield event["contentBlockDelta"]["delta"]["text"]
    finally:
        events.close()


def plain_httpx(target, stream):
    """Plain HTTP, as in the guide."""
    headers = {"authorization": f"Bearer {target.token}", **target.headers}
    url = f"{target.url}/model/{MODEL}/invoke"
    if not stream:
        response = httpx.post(url, headers=headers, content=INVOKE).raise_for_status()
        yield response.json()["content"][0]["text"]
        return
    with httpx.stream("POST", f"{url}-with-response-stream", headers=headers, content=INVOKE) as response:
        for frame in frames(response.iter_raw()):
            yield frame.payload.decode()


def authlib(issuer, id, secret, audience):
    """Fetch a token as the guide does."""
    endpoint = httpx.get(f"{issuer}/.well-known/openid-configuration").json()["token_endpoint"]
    client = OAuth2Session(client_id=id, client_secret=secret, token_endpoint=endpoint)
    return client.fetch_token(grant_type="client_credentials", audience=audience)["access_token"]


@dataclass(frozen=True)
class TokenClient:
    """A client of the identity provider, and the exception that it raises for a wrong secret."""

    name: str
    package: str
    error: str
    call: object = None
    operation: str | None = None
    """For Node.js: the function in the module."""

    @property
    def version(self):
        """The version of the installed package."""
        return _version(self.package, self.call)

    def token(self, node, **credentials):
        """Fetch a token with client credentials."""
        if self.call is None:
            outcome = node.call("tokens", self.operation, **credentials)
            if "error" in outcome:
                raise Failure(**outcome["error"])
            return outcome["answer"]
        try:
            return self.call(**credentials)
        except Exception as error:
            raise Failure(type(error).__name__, None, str(error)) from error


def _version(package, is_python):
    if is_python:
        return importlib.metadata.version(package)
    wanted = json.loads((PROJECT / "tests/node/package.json").read_text())["dependencies"][package]
    return wanted.rpartition("@")[2]  # an alias is written as npm:<package>@<version>


@dataclass(frozen=True)
class Sdk:
    """One row of the table: an SDK, the mock of its API, and the exceptions that it raises."""

    name: str
    package: str
    mock: str
    errors: tuple
    """The exceptions for the provider's 400 and 429, and for the gateway's 401."""
    call: object = None
    """For Python: a generator function. Node.js has a module instead, Go a program."""
    module: str | None = None
    program: str | None = None

    @property
    def version(self):
        """The version of the installed package."""
        return go.version(self.package) if self.program else _version(self.package, self.call)

    @property
    def provider(self):
        """The name of its provider in most configurations."""
        return f"my-{self.mock}"

    def answer(self, target, node):
        """The text of a response."""
        return "".join(self._pieces(target, node, stream=False))

    def stream(self, target, node, give_up_after=None):
        """The pieces of a streamed text, up to `give_up_after` of them."""
        return self._pieces(target, node, stream=True, give_up_after=give_up_after)

    def _pieces(self, target, node, stream, give_up_after=None):
        if self.call:
            return _python(self.call, target, stream, give_up_after)
        operation = "stream" if stream else "answer"
        options = {"url": target.url, "token": target.token, "headers": dict(target.headers), "prompt": PROMPT}
        options["provider"] = self.mock
        if self.program:
            outcome = go.call(self.program, operation, model=MODEL, abortAfter=give_up_after or 0, **options)
        else:
            outcome = node.call(self.module, operation, abortAfter=give_up_after, **options)
        if "error" in outcome:
            raise Failure(**outcome["error"])
        return outcome.get("pieces", [outcome.get("answer")])


def _python(call, target, stream, give_up_after):
    pieces, generator = [], call(target, stream)
    try:
        for piece in generator:
            pieces.append(piece)
            if len(pieces) == give_up_after:
                break
    except Exception as error:
        raise Failure(type(error).__name__, _status(error), _message(error)) from error
    finally:
        generator.close()
    return pieces


def _status(error):
    if hasattr(error, "response") and isinstance(error.response, dict):  # botocore
        return error.response["ResponseMetadata"]["HTTPStatusCode"]
    response = getattr(error, "response", None)
    return getattr(response, "status_code", None) or getattr(error, "code", None)


def _message(error):
    is_plain = isinstance(error, httpx.HTTPStatusError)
    return error.response.text if is_plain else str(error)


TYPED = ("BadRequestError", "RateLimitError", "AuthenticationError")
VERCEL = ("AI_APICallError",) * 3
AWS = ("ValidationException", "ThrottlingException", "UnrecognizedClientException")

PYTHON = (
    Sdk("OpenAI", "openai", "openai", TYPED, openai),
    Sdk("Anthropic", "anthropic", "anthropic", TYPED, anthropic),
    Sdk("Google GenAI", "google-genai", "google", ("ClientError",) * 3, google),
    Sdk("boto3", "boto3", "bedrock", (*AWS[:2], "ClientError"), boto3),
    Sdk("AnthropicBedrock", "anthropic", "bedrock", TYPED, anthropic_bedrock),
    Sdk("httpx", "httpx", "bedrock", ("HTTPStatusError",) * 3, plain_httpx),
)
NODE = (
    Sdk("OpenAI", "openai", "openai", TYPED, module="openai"),
    Sdk("Anthropic", "@anthropic-ai/sdk", "anthropic", TYPED, module="anthropic"),
    Sdk("Google GenAI", "@google/genai", "google", ("ApiError",) * 3, module="google"),
    Sdk("AWS SDK", "@aws-sdk/client-bedrock-runtime", "bedrock", AWS, module="bedrock"),
    Sdk("AnthropicBedrock", "@anthropic-ai/bedrock-sdk", "bedrock", TYPED, module="anthropic_bedrock"),
    Sdk("Vercel AI, OpenAI", "@ai-sdk/openai", "openai", VERCEL, module="vercel"),
    Sdk("Vercel AI, Anthropic", "@ai-sdk/anthropic", "anthropic", VERCEL, module="vercel"),
    Sdk("Vercel AI, Google", "@ai-sdk/google", "google", VERCEL, module="vercel"),
    Sdk("Vercel AI, Bedrock", "@ai-sdk/amazon-bedrock", "bedrock", VERCEL, module="vercel"),
)
GO = (
    Sdk(
        "AWS SDK",
        "aws-sdk-go-v2/service/bedrockruntime",
        "bedrock",
        (*AWS[:2], "GenericAPIError"),
        program="bedrock",
    ),
)
TOKEN_CLIENTS = (
    TokenClient("authlib, Python", "authlib", "OAuthError", authlib),
    TokenClient("openid-client 5, Node.js", "openid-client", "OPError", operation="five"),
    TokenClient("openid-client 6, Node.js", "openid-client-6", "WWWAuthenticateChallengeError", operation="six"),
)
