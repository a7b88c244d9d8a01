"""Python clients of Bedrock: the guide's snippet, boto3 with the token in each possible place, Anthropic's SDK.

The mock verifies each signature with AWS's own signer, and accepts none of the clients' credentials.
"""

import ast
import json
import os
import subprocess
import sys
import time

import pytest
from anthropic import AnthropicBedrock
from botocore.exceptions import ClientError

from support.bedrock import (
    CONVERSATION,
    INVOKE,
    MODEL,
    NAME,
    add_header,
    assert_signed_by_the_gateway,
    bedrock_configuration,
    boto3_client,
    only,
)
from support.client import PROMPT, QUOTED
from support.delivery_delay import assert_no_delay
from tools.gateway import PROJECT

SNIPPET = PROJECT / "tests" / "snippets" / "bedrock.py"
SECRET = "the-clients-own-secret-key"
DUMMY_KEYS = {"aws_access_key_id": "AKIACLIENT", "aws_secret_access_key": SECRET}
PACED = ("x-mock-stream", "chunks=10,interval_ms=100")
MESSAGES = [{"role": "user", "content": PROMPT}]


@pytest.fixture(scope="module")
def gateway(world, start_gateway, authority):
    certificate = authority.issue("127.0.0.1")
    with start_gateway(bedrock_configuration(world), tls=(certificate.certificate, certificate.key)) as gateway:
        yield gateway


@pytest.fixture
def connect(gateway, authority, monkeypatch):
    """Create a boto3 client that sends a gateway token in the given way."""

    def as_bearer(token, **options):
        monkeypatch.setenv("AWS_BEARER_TOKEN_BEDROCK", token)
        return boto3_client(gateway.tls_url, verify=str(authority.certificate), **options)

    def as_session_token(token, **options):
        return boto3_client(gateway.url, aws_session_token=token, **DUMMY_KEYS, **options)

    def in_a_signed_header(token, **options):
        client = boto3_client(gateway.url, **DUMMY_KEYS, **options)
        add_header(client, "before-sign", "x-ai-gateway-authorization", f"Bearer {token}")
        return client

    def in_an_unsigned_header(token, **options):
        client = boto3_client(gateway.url, **DUMMY_KEYS, **options)
        add_header(client, "before-send", "x-ai-gateway-authorization", f"Bearer {token}")
        return client

    ways = (as_bearer, as_session_token, in_a_signed_header, in_an_unsigned_header)
    return {way.__name__: way for way in ways}


@pytest.fixture(params=["as_bearer", "as_session_token", "in_a_signed_header", "in_an_unsigned_header"])
def client(request, connect, token):
    return connect[request.param](token)


@pytest.fixture
def any_client(connect, token):
    """A client for tests where the place of the token does not matter."""
    return connect["as_session_token"](token)


@pytest.fixture
def was_signed(world, token):
    """Check that the only request was signed."""
    return lambda: assert_signed_by_the_gateway(
        only(world.bedrock.requests), world.aws_credential, token, DUMMY_KEYS["aws_access_key_id"], SECRET
    )


def test_the_guides_snippet_prints_the_answer(token, proxy_url, was_signed):
    environment = {"PATH": os.environ["PATH"], "PROXY_URL": proxy_url(NAME), "AUTH_TOKEN": token}
    done = subprocess.run([sys.executable, SNIPPET], env=environment, capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    assert ast.literal_eval(done.stdout)["content"][0]["text"].endswith("you said 'Hello'.")
    was_signed()


def test_converse(client, was_signed):
    answer = client.converse(modelId=MODEL, messages=CONVERSATION)
    assert answer["output"]["message"]["content"][0]["text"].endswith(QUOTED)
    assert answer["usage"]["totalTokens"] == answer["usage"]["inputTokens"] + answer["usage"]["outputTokens"]
    was_signed()


def test_converse_stream(client, was_signed):
    events = list(client.converse_stream(modelId=MODEL, messages=CONVERSATION)["stream"])
    pieces = [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
    assert len(pieces) > 1
    assert "".join(pieces).endswith(QUOTED)
    assert events[-1]["metadata"]["usage"]["outputTokens"] > 0
    was_signed()


def test_invoke_model(client, was_signed):
    answer = client.invoke_model(modelId=MODEL, body=INVOKE)
    message = json.loads(answer["body"].read())
    assert message["content"][0]["text"].endswith(QUOTED)
    headers = answer["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amzn-bedrock-output-token-count"] == str(message["usage"]["output_tokens"])
    was_signed()


def test_invoke_model_with_response_stream(client, was_signed):
    stream = client.invoke_model_with_response_stream(modelId=MODEL, body=INVOKE)["body"]
    events = [json.loads(event["chunk"]["bytes"]) for event in stream]
    text = "".join(event["delta"]["text"] for event in events if event["type"] == "content_block_delta")
    assert text.endswith(QUOTED)
    assert events[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] > 0
    was_signed()


def test_request_headers_of_the_operation_reach_bedrock(any_client, world, was_signed):
    any_client.invoke_model(
        modelId=MODEL, body=INVOKE, contentType="application/json", trace="ENABLED", performanceConfigLatency="standard"
    )
    request = only(world.bedrock.requests)
    assert request.values("x-amzn-bedrock-trace") == [b"ENABLED"]
    assert request.values("x-amzn-bedrock-performanceconfig-latency") == [b"standard"]
    was_signed()


@pytest.fixture(params=["api_key", "session_token"])
def anthropic(request, proxy_url, token):
    """Anthropic's SDK for Bedrock."""
    keys = {"aws_access_key": "AKIACLIENT", "aws_secret_key": SECRET, "aws_session_token": token}
    credential = {"api_key": token} if request.param == "api_key" else keys
    return AnthropicBedrock(base_url=proxy_url(NAME), aws_region="us-east-1", max_retries=0, **credential)


def test_anthropics_sdk(anthropic, was_signed):
    message = anthropic.messages.create(model=MODEL, max_tokens=64, messages=MESSAGES)
    assert message.content[0].text.endswith(QUOTED)
    was_signed()


def test_anthropics_sdk_streamed(anthropic, was_signed):
    stream = anthropic.messages.create(model=MODEL, max_tokens=64, messages=MESSAGES, stream=True)
    pieces = [event.delta.text for event in stream if event.type == "content_block_delta"]
    assert "".join(pieces).endswith(QUOTED)
    was_signed()


def test_each_event_arrives_without_delay(client):
    add_header(client, "before-send", *PACED)
    with assert_no_delay() as delays:
        for event in client.converse_stream(modelId=MODEL, messages=CONVERSATION)["stream"]:
            if "contentBlockDelta" in event:
                delays.append(time.time() - float(event["contentBlockDelta"]["delta"]["text"]))
    assert len(delays) == 10


def test_each_chunk_of_invoke_model_arrives_without_delay(any_client):
    add_header(any_client, "before-send", *PACED)
    with assert_no_delay() as delays:
        for event in any_client.invoke_model_with_response_stream(modelId=MODEL, body=INVOKE)["body"]:
            chunk = json.loads(event["chunk"]["bytes"])
            if chunk["type"] == "content_block_delta":
                delays.append(time.time() - float(chunk["delta"]["text"]))
    assert len(delays) == 10


def refusal(client):
    """The code, message and class of the exception that boto3 raises."""
    with pytest.raises(ClientError) as raised:
        client.converse(modelId=MODEL, messages=CONVERSATION)
    error = raised.value.response["Error"]
    return error["Code"], error["Message"], type(raised.value)


@pytest.mark.parametrize("way", ["as_bearer", "as_session_token", "in_a_signed_header"])
def test_an_expired_token(connect, way, world):
    code, message, _ = refusal(connect[way](world.identity_provider.mint({"exp": int(time.time()) - 600})))
    assert code == "UnrecognizedClientException"
    assert "expired" in message
    assert not world.bedrock.requests


@pytest.mark.parametrize("way", ["as_bearer", "as_session_token", "in_a_signed_header"])
def test_a_token_without_permission(connect, way, world):
    client = connect[way](world.identity_provider.mint(omit=["permissions"]))
    code, message, kind = refusal(client)
    assert (code, kind) == ("AccessDeniedException", client.exceptions.AccessDeniedException)
    assert NAME in message
    assert not world.bedrock.requests


def test_a_signature_without_a_token_is_refused(gateway, world):
    code, message, _ = refusal(boto3_client(gateway.url, **DUMMY_KEYS))
    assert code == "UnrecognizedClientException"
    assert "token" in message
    assert not world.bedrock.requests


def test_a_session_token_that_is_not_a_gateway_token_is_refused(gateway, world):
    client = boto3_client(gateway.url, aws_session_token="IQoJb3JpZ2luX2VjEXAMPLE", **DUMMY_KEYS)
    code, message, _ = refusal(client)
    assert code == "UnrecognizedClientException"
    assert message
    assert not world.bedrock.requests


def test_an_unknown_provider(gateway, token):
    client = boto3_client(gateway.url, provider="no-such-provider", aws_session_token=token, **DUMMY_KEYS)
    code, message, kind = refusal(client)
    assert (code, kind) == ("ResourceNotFoundException", client.exceptions.ResourceNotFoundException)
    assert "no-such-provider" in message


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "ValidationException"),
        (403, "AccessDeniedException"),
        (404, "ResourceNotFoundException"),
        (424, "ModelErrorException"),
        (429, "ThrottlingException"),
        (500, "InternalServerException"),
        (503, "ServiceUnavailableException"),
    ],
)
def test_errors_of_bedrock_pass_through(any_client, status, code):
    add_header(any_client, "before-send", "x-mock-status", str(status))
    assert refusal(any_client) == (
        code,
        f"The mock was asked to answer {status}.",
        any_client.exceptions.from_code(code),
    )


def test_clock_skew_is_reported_by_bedrock(any_client, world):
    world.bedrock.judge.clock_offset_s = 600
    try:
        code, message, _ = refusal(any_client)
    finally:
        world.bedrock.judge.clock_offset_s = 0
    assert code == "InvalidSignatureException"
    assert message.startswith("Signature expired")
