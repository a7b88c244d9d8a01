"""Requests as the clients of each API send them, with exact control over the bytes, and polling helpers."""

import http.client
import json
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass

from google import genai

from support.gateway_config import PREFIX

WAIT_S = 10


@dataclass(frozen=True)
class Slot:
    """A header that carries a credential, and its format."""

    header: str
    form: str = "{}"

    def filled(self, credential):
        """The header as a pair."""
        return self.header, self.form.format(credential)


BEARER = Slot("authorization", "Bearer {}")


@dataclass(frozen=True)
class Api:
    """A provider of the shared gateway, and where its API expects the token and the API key."""

    provider: str
    mock: str
    """The name of the mock in `World`."""
    path: str
    """The path of a generating request, as SDKs send it."""
    body: Mapping
    token: Slot
    key: Slot
    headers: tuple = ()
    """Headers that the provider requires besides a credential."""

    @property
    def target(self):
        """The request target at the gateway."""
        return f"{PREFIX}/{self.provider}{self.path}"

    def content(self, **members):
        """The body as bytes, with `members` added."""
        return json.dumps({**self.body, **members}).encode()

    def upstream(self, world):
        """The mock of this provider."""
        return getattr(world, self.mock)


PROMPT = "Hello from AI Gateway"
QUOTED = f"you said '{PROMPT}'."
"""The end of every mock's response to `PROMPT`."""
MESSAGES = [{"role": "user", "content": PROMPT}]
CONTENTS = [{"role": "user", "parts": [{"text": PROMPT}]}]

OPENAI = Api(
    provider="my-openai",
    mock="openai",
    path="/v1/chat/completions",
    body={"model": "gpt-4o", "messages": MESSAGES},
    token=BEARER,
    key=BEARER,
)
ANTHROPIC = Api(
    provider="my-anthropic",
    mock="anthropic",
    path="/v1/messages",
    body={"model": "claude-sonnet-4-6", "max_tokens": 64, "messages": MESSAGES},
    token=BEARER,
    key=Slot("x-api-key"),
    headers=(("anthropic-version", "2023-06-01"),),
)
GOOGLE = Api(
    provider="my-google",
    mock="google",
    path="/v1beta/models/gemini-2.0-flash:generateContent",
    body={"contents": CONTENTS},
    token=Slot("x-goog-api-key"),
    key=Slot("x-goog-api-key"),
)
COMPATIBLE = Api(
    provider="my-vllm",
    mock="compatible",
    path="/chat/completions",
    body={"model": "meta-llama/Llama-3.3-70B-Instruct", "messages": MESSAGES},
    token=BEARER,
    key=BEARER,
)
APIS = {"openai": OPENAI, "anthropic": ANTHROPIC, "google": GOOGLE, "openai_compatible": COMPATIBLE}


@dataclass(frozen=True)
class Response:
    """A response as received. Header names are in lower case."""

    status: int
    headers: list
    body: bytes

    def values(self, name):
        """Every value of the header `name`."""
        return [value for other, value in self.headers if other == name]

    def header(self, name):
        """The first value of the header `name`, or `None`."""
        return next(iter(self.values(name)), None)

    def json(self):
        """The parsed body."""
        return json.loads(self.body)

    @property
    def code(self):
        """The gateway's error code."""
        return self.json()["error"]["code"]

    @property
    def message(self):
        """The gateway's error message."""
        return self.json()["error"]["message"]


def exchange(server, method, target, headers=(), body=b""):
    """Send one HTTP/1.1 request to a gateway or a mock, with target and headers exactly as given."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: 127.0.0.1:{server.port}", f"Content-Length: {len(body)}"]
    lines += [f"{name}: {value}" for name, value in headers]
    head = "".join(line + "\r\n" for line in [*lines, ""]).encode("latin-1")
    with socket.create_connection(("127.0.0.1", server.port)) as connection:
        connection.sendall(head + body)
        response = http.client.HTTPResponse(connection, method=method)
        response.begin()
        headers = [(name.lower(), value) for name, value in response.getheaders()]
        return Response(response.status, headers, response.read())


def ask(gateway, api, token, headers=(), query=""):
    """Send a request as an SDK of that API does. `token` may be `None`."""
    credential = [] if token is None else [api.token.filled(token)]
    return exchange(gateway, "POST", api.target + query, [*api.headers, *credential, *headers], api.content())


def google_client(base_url, token, **http_options):
    """Google's SDK, set up as the guide shows."""
    return genai.Client(api_key=token, http_options={"base_url": base_url, **http_options})


def requests_served(gateway):
    """The number of client requests that the gateway has answered, whatever the status."""
    return gateway.stats("http.ai_gateway.")["http.ai_gateway.downstream_rq_completed"]


def active_requests(gateway):
    """The number of requests that the gateway has not finished."""
    return gateway.stats("http.ai_gateway.downstream_rq_active")["http.ai_gateway.downstream_rq_active"]


def wait_until(condition, wait_s=WAIT_S):
    """Wait until the condition is true and return its value. Fail after `wait_s`."""
    deadline = time.monotonic() + wait_s
    while not (value := condition()):
        assert time.monotonic() < deadline, f"not true within {wait_s} s"
        time.sleep(0.01)
    return value


def access_log(gateway):
    """The entries of the access log, without a last line that Envoy may still be writing."""
    *lines, _being_written = gateway.log().split("\n")
    return [json.loads(line) for line in lines if line.startswith("{")]
