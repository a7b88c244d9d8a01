"""The requests of Claude Code in Bedrock mode, recorded from the real client and replayed byte for byte.

Claude Code first lists inference profiles, in some configurations without a credential. It then probes up to three models
with one token each. It sends the colon in a model name unencoded.
"""

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from support import raw_http
from support.bedrock import MODEL, assert_signed_by_the_gateway, bearer, bedrock_configuration, frames, only, target
from support.client import PROMPT, QUOTED

PROFILES = "/inference-profiles?type=SYSTEM_DEFINED"
STREAM = f"/model/{MODEL}/invoke-with-response-stream"
PROBED = ("us.anthropic.claude-sonnet-4-5-20250929-v1:0", "us.anthropic.claude-opus-4-6-v1", MODEL)
ACCESS_KEY_ID = "AKIACLIENT"
SIGNATURE = "84b1489663b8fbe4d3815f2b0aa7cde5486d12146c15dcf58d49b916e87cf208"
DATE = "20261123T013715Z"
FOREIGN_TOKEN = "IQoJb3JpZ2luX2VjEXAMPLE"

ASKING = [
    ("x-amz-user-agent", "aws-sdk-js/3.936.0"),
    ("user-agent", "aws-sdk-js/3.936.0 ua/2.1 os/linux lang/js md/nodejs#26.12.1 api/bedrock#3.936.0 m/N,E"),
    ("amz-sdk-invocation-id", "a10f9994-dd15-4404-8a25-c36cc551dda4"),
    ("amz-sdk-request", "attempt=1; max=3"),
]
ITS_OWN = [
    ("X-Claude-Code-Session-Id", "e6db831b-0985-4269-89ae-e210ab07cdfe"),
    ("X-Stainless-Arch", "x64"),
    ("X-Stainless-Lang", "js"),
    ("X-Stainless-Package-Version", "0.128.0"),
    ("X-Stainless-Retry-Count", "0"),
    ("X-Stainless-Runtime", "node"),
    ("X-Stainless-Timeout", "600"),
    ("anthropic-beta", "claude-code-20250219,thinking-token-count-2026-05-13,effort-2025-11-24"),
    ("anthropic-dangerous-direct-browser-access", "true"),
    ("anthropic-version", "2023-06-01"),
    ("x-app", "cli"),
]
INVOKING = [
    ("Accept", "application/json"),
    ("Content-Type", "application/json"),
    ("User-Agent", "claude-cli/2.1.328 (external, sdk-cli)"),
    *ITS_OWN,
    ("Accept-Encoding", "gzip, deflate, br, zstd"),
]


def question(**members):
    """A request of the size that an agent sends."""
    message = {"role": "user", "content": PROMPT}
    system = [{"type": "text", "text": "You are Claude Code. " * 5000}]
    content = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 64, "system": system, "messages": [message]}
    return json.dumps(content | members).encode()


QUESTION = question()
PROBE = question(max_tokens=1, system=[])


def as_auth_token(token):
    """With ANTHROPIC_AUTH_TOKEN or AWS_BEARER_TOKEN_BEDROCK."""
    return [bearer(token)]


def as_helped(token):
    """With an apiKeyHelper, in some versions."""
    return [bearer(token), ("x-api-key", token)]


def as_session_token(token):
    """With AWS_SESSION_TOKEN and dummy keys."""
    names = "accept;content-type;host;x-amz-content-sha256;x-amz-date;x-amz-security-token;x-app"
    return [
        (
            "Authorization",
            f"AWS4-HMAC-SHA256 Credential={ACCESS_KEY_ID}/{DATE[:8]}/us-east-1/bedrock/aws4_request, "
            f"SignedHeaders={names}, Signature={SIGNATURE}",
        ),
        ("x-amz-content-sha256", "cb931c704eb5b6e50dce6f455239f5a608905704020e2899ce051fd62314358e"),
        ("x-amz-date", DATE),
        ("x-amz-security-token", token),
    ]


def as_custom_header(token):
    """With ANTHROPIC_CUSTOM_HEADERS, dummy keys and an invalid session token."""
    return [*as_session_token(FOREIGN_TOKEN), ("x-ai-gateway-authorization", f"Bearer {token}")]


WAYS = [as_auth_token, as_helped, as_session_token, as_custom_header]


@pytest.fixture(scope="module")
def gateway(world, start_gateway):
    with start_gateway(bedrock_configuration(world)) as gateway:
        yield gateway


@pytest.fixture
def send(gateway):
    """Send one request. The host header has no port, as in some versions."""

    def send(method, path, headers, body=b""):
        lines = [f"{method} {target(path)} HTTP/1.1", "Host: 127.0.0.1"]
        lines += [f"{name}: {value}" for name, value in headers]
        if body:
            lines.append(f"Content-Length: {len(body)}")
        answer = raw_http.ask(gateway, "\r\n".join([*lines, "", ""]).encode() + body)
        assert answer is not None, gateway.log()
        return answer

    return send


@pytest.fixture
def assert_signed(world, token):
    """Check that the only request was signed, and that Claude Code's own headers reach Bedrock."""

    def assert_signed(request, own=()):
        secrets = (token, ACCESS_KEY_ID, SIGNATURE, DATE, FOREIGN_TOKEN)
        assert_signed_by_the_gateway(request, world.aws_credential, *secrets)
        assert not request.values("x-api-key")
        assert request.values("host") == [f"127.0.0.1:{world.bedrock.port}".encode()]
        for name, value in own:
            assert request.values(name) == [value.encode()]

    return assert_signed


def streamed_text(answer):
    """The text of a streamed response."""
    chunks = [json.loads(base64.b64decode(json.loads(frame.payload)["bytes"])) for frame in frames([answer.body])]
    return "".join(chunk["delta"]["text"] for chunk in chunks if chunk["type"] == "content_block_delta")


def test_inference_profiles_without_a_credential_are_refused_permanently(send, world):
    answer = send("GET", PROFILES, ASKING)
    assert (answer.status, answer.code) == (401, "token_missing")
    assert answer.headers["x-should-retry"] == "false"
    assert answer.headers["x-amzn-errortype"] == "UnrecognizedClientException"
    assert not world.bedrock.requests


def test_inference_profiles_with_only_a_signature_are_refused_permanently(send, world):
    answer = send("GET", PROFILES, [*ASKING, *as_session_token(FOREIGN_TOKEN)])
    assert (answer.status, answer.headers["x-should-retry"]) == (401, "false")
    assert not world.bedrock.requests


@pytest.mark.parametrize("way", WAYS)
def test_inference_profiles_with_a_token_are_forwarded_signed(send, world, token, assert_signed, way):
    answer = send("GET", PROFILES, [*ASKING, *way(token)])
    assert (answer.status, answer.headers["x-amzn-errortype"]) == (404, "UnknownOperationException")
    request = only(world.bedrock.requests)
    assert (request.method, request.path) == ("GET", PROFILES)
    assert_signed(request)


@pytest.mark.parametrize("way", WAYS)
def test_three_concurrent_model_probes(send, world, token, assert_signed, way):
    headers = [*INVOKING, *way(token)]
    with ThreadPoolExecutor(len(PROBED)) as pool:
        answers = list(pool.map(lambda model: send("POST", f"/model/{model}/invoke", headers, PROBE), PROBED))
    assert [json.loads(answer.body)["model"] for answer in answers] == list(PROBED)
    assert {request.path for request in world.bedrock.requests} == {f"/model/{model}/invoke" for model in PROBED}
    for request in world.bedrock.requests:
        assert_signed(request, ITS_OWN)


@pytest.mark.parametrize("way", WAYS)
def test_a_stream(send, world, token, assert_signed, way):
    answer = send("POST", STREAM, [*INVOKING, *way(token)], QUESTION)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/vnd.amazon.eventstream")
    assert streamed_text(answer).endswith(QUOTED)
    request = only(world.bedrock.requests)
    assert request.path == STREAM
    assert request.body == QUESTION
    assert_signed(request, ITS_OWN)


@pytest.mark.parametrize("way", WAYS)
def test_a_refusal_of_an_expired_token_is_retryable(send, world, way):
    """Claude Code runs the helper again only if the 401 is retryable."""
    expired = world.identity_provider.mint({"exp": int(time.time()) - 600})
    answer = send("POST", STREAM, [*INVOKING, *way(expired)], QUESTION)
    assert (answer.status, answer.code) == (401, "token_expired")
    assert "x-should-retry" not in answer.headers
    assert not world.bedrock.requests


@pytest.mark.parametrize("way", WAYS)
def test_other_refusals_are_not_retryable(send, world, way):
    """Otherwise Claude Code would silently retry for a minute."""
    other_audience = world.identity_provider.mint({"aud": "another-gateway"})
    answer = send("POST", STREAM, [*INVOKING, *way(other_audience)], QUESTION)
    assert (answer.status, answer.code) == (401, "audience_not_accepted")
    assert answer.headers["x-should-retry"] == "false"
    assert not world.bedrock.requests
