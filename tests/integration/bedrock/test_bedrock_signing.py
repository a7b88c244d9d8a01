"""Signatures of requests to Bedrock, and what is never forwarded. The mock verifies them with AWS's own signer.

Requests are written byte for byte where an HTTP client would change them.
"""

import hashlib
import json
import socket

import h2.config
import h2.connection
import h2.events
import httpx
import pytest
from hyperframe.frame import GoAwayFrame

from support.bedrock import (
    CONVERSE,
    INVOKE,
    MODEL,
    NAME,
    TIMEOUT_S,
    assert_signed_by_the_gateway,
    bearer,
    bedrock_configuration,
    frames,
    only,
    target,
)
from support.client import exchange
from support.gateway_config import PREFIX

PROFILE = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6"
CLIENTS_KEY = "AKIACLIENT"
CLIENTS_DATE = "20200102T030405Z"
CLIENTS_SIGNATURE = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
SIGNED_BY_THE_CLIENT = (
    "authorization",
    f"AWS4-HMAC-SHA256 Credential={CLIENTS_KEY}/20200102/us-east-1/bedrock/aws4_request, "
    f"SignedHeaders=host;x-amz-date;x-amz-security-token, Signature={CLIENTS_SIGNATURE}",
)
JSON = ("content-type", "application/json")


@pytest.fixture(scope="module")
def gateway(world, start_gateway):
    with start_gateway(bedrock_configuration(world)) as gateway:
        yield gateway


@pytest.fixture
def ask(gateway, token):
    """Send a request as httpx does, but with the path exactly as given."""

    def ask(method, path, body=b"", *headers):
        return exchange(gateway, method, target(path), [bearer(token), JSON, *headers], body)

    return ask


@pytest.mark.parametrize(
    "model",
    [
        "us.anthropic.claude-haiku-4-5-20251001-v1:0",
        "us.anthropic.claude-haiku-4-5-20251001-v1%3A0",
        "us.anthropic.claude-haiku-4-5-20251001-v1%3a0",
        "anthropic.claude-3-haiku-20240307-v1:0:200k",
        PROFILE.replace("/", "%2F"),
        PROFILE.replace("/", "%2F").replace(":", "%3A"),
        PROFILE.replace("/", "%2f").replace(":", "%3A", 2),
        "%75s.anthropic.claude-sonnet-4-6",
    ],
)
@pytest.mark.parametrize("operation", ["converse", "invoke-with-response-stream"])
def test_the_path_is_signed_as_it_is_sent(ask, world, token, model, operation):
    path = f"/model/{model}/{operation}"
    answer = ask("POST", path, CONVERSE if operation == "converse" else INVOKE)
    assert answer.status == 200, answer.body
    request = only(world.bedrock.requests)
    assert request.path == path
    assert_signed_by_the_gateway(request, world.aws_credential, token)


@pytest.mark.parametrize(
    "query",
    [
        "maxResults=5&statusEquals=InProgress",
        "b=2&a=1",
        "a=2&a=1&a=",
        "a",
        "a=&b",
        "&a=1&&b=2&",
        "submitTimeAfter=2026-11-22T23%3A40%3A57Z",
        "submitTimeAfter=2026-11-22T23:40:57Z",
        "a=b+c%20d%2Be",
        "a=b%2fc/d~%7E",
        "a=b=c==",
        "A=1&a=2&%41=3",
        "%C3%A9=%E2%82%AC",
    ],
)
def test_the_query_is_signed_as_it_is_sent(ask, world, query):
    answer = ask("GET", f"/async-invoke?{query}")
    assert (answer.status, answer.json()) == (200, {"asyncInvokeSummaries": []})
    assert only(world.bedrock.requests).path == f"/async-invoke?{query}"


def test_requests_without_a_body(ask, world, token):
    assert ask("GET", "/async-invoke").status == 200
    request = only(world.bedrock.requests)
    assert request.body_sha256 == hashlib.sha256().hexdigest()
    assert_signed_by_the_gateway(request, world.aws_credential, token)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (f"/model/{MODEL}/count-tokens", {"input": {"converse": json.loads(CONVERSE)}}),
        ("/guardrail/gr1/version/DRAFT/apply", {"source": "INPUT", "content": [{"text": {"text": "hello"}}]}),
        ("/openai/v1/chat/completions", {"model": "openai.gpt-oss-120b-1:0", "messages": []}),
    ],
)
def test_other_operations(ask, world, path, body):
    answer = ask("POST", path, json.dumps(body).encode())
    assert answer.status == 200, answer.body
    assert only(world.bedrock.requests).path == path


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/chat/completions"])
def test_openai_paths_go_to_bedrocks_openai_endpoint(ask, world, path):
    answer = ask("POST", path, b'{"model": "openai.gpt-oss-120b-1:0", "messages": []}')
    assert (answer.status, only(world.bedrock.requests).path) == (200, "/openai/v1/chat/completions")


def test_an_asynchronous_invocation_and_its_arn_in_a_path(ask, world):
    body = {"modelId": "amazon.nova-reel-v1:0", "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://bucket"}}}
    arn = ask("POST", "/async-invoke", json.dumps(body).encode()).json()["invocationArn"]
    answer = ask("GET", "/async-invoke/" + arn.replace(":", "%3A").replace("/", "%2F"))
    assert (answer.status, answer.json()["invocationArn"]) == (200, arn)


def test_control_plane_operations_are_not_found(ask):
    answer = ask("GET", "/inference-profiles?type=SYSTEM_DEFINED")
    assert (answer.status, answer.header("x-amzn-errortype")) == (404, "UnknownOperationException")


def test_nothing_of_the_clients_signature_is_sent(gateway, world, token):
    headers = [
        SIGNED_BY_THE_CLIENT,
        ("X-Amz-Date", CLIENTS_DATE),
        ("X-Amz-Security-Token", token),
        ("X-Amz-Content-Sha256", "0" * 64),
        ("x-amz-user-agent", "aws-sdk-js/3.1164.0"),
        ("amz-sdk-invocation-id", "b1946ac9-2492-4d23-8f6d-1e4e0f5a7c11"),
        ("amz-sdk-request", "attempt=1; max=3"),
        JSON,
    ]
    assert exchange(gateway, "POST", target(f"/model/{MODEL}/converse"), headers, CONVERSE).status == 200
    request = only(world.bedrock.requests)
    assert_signed_by_the_gateway(
        request, world.aws_credential, token, CLIENTS_KEY, CLIENTS_DATE, CLIENTS_SIGNATURE, "0" * 64
    )


@pytest.mark.parametrize("headers", [[], [("content-type", "  text/plain;   charset=utf-8  ")], [("x-foo", "é")]])
def test_any_content_type_or_none(gateway, world, token, headers):
    answer = exchange(gateway, "POST", target(f"/model/{MODEL}/converse"), [bearer(token), *headers], CONVERSE)
    assert answer.status == 200, answer.body
    assert_signed_by_the_gateway(only(world.bedrock.requests), world.aws_credential, token)


def test_http_2(gateway, world, token):
    with httpx.Client(http1=False, http2=True, timeout=TIMEOUT_S) as client:
        headers = dict([bearer(token), JSON])
        response = client.post(gateway.url + target(f"/model/{MODEL}/converse"), headers=headers, content=CONVERSE)
        without_body = client.get(gateway.url + target("/async-invoke"), headers=headers)
        chunks = (piece for piece in (CONVERSE[:10], CONVERSE[10:]))
        without_length = client.post(gateway.url + target(f"/model/{MODEL}/converse"), headers=headers, content=chunks)
    assert [response.http_version, response.status_code] == ["HTTP/2", 200]
    assert [without_body.status_code, without_length.status_code] == [200, 200]
    assert_signed_by_the_gateway(world.bedrock.requests[-1], world.aws_credential, token)


def test_a_stream_is_complete_after_the_client_sends_goaway(gateway, token):
    connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    with socket.create_connection(("127.0.0.1", gateway.port), TIMEOUT_S) as stream:
        connection.initiate_connection()
        head = [
            (":method", "POST"),
            (":scheme", "http"),
            (":authority", f"127.0.0.1:{gateway.port}"),
            (":path", target(f"/model/{MODEL}/converse-stream")),
            bearer(token),
            JSON,
            ("x-mock-stream", "chunks=5,interval_ms=100"),
        ]
        connection.send_headers(1, head)
        connection.send_data(1, CONVERSE, end_stream=True)
        stream.sendall(connection.data_to_send())
        messages = list(frames(_data(connection, stream)))
    assert [message.headers[":event-type"] for message in messages].count("contentBlockDelta") == 5
    assert messages[-1].headers[":event-type"] == "metadata"


def _data(connection, stream):
    """The body of the response on the only stream. The client sends GOAWAY after its head."""
    while True:
        for event in connection.receive_data(stream.recv(65536)):
            if isinstance(event, h2.events.ResponseReceived):
                stream.sendall(GoAwayFrame(0).serialize())
            elif isinstance(event, h2.events.DataReceived):
                connection.acknowledge_received_data(event.flow_controlled_length, 1)
                yield event.data
            elif isinstance(event, h2.events.StreamEnded):
                return
        stream.sendall(connection.data_to_send())


@pytest.mark.parametrize(
    "path",
    [
        "/model/../converse",
        f"/model/{MODEL}/../converse",
        "/model/%2e%2e/converse",
        "/model/.%2E/converse",
        "/model/./converse",
        "/model/a%2F..%2Fb/converse",
        "/model/a%00b/converse",
    ],
)
def test_invalid_model_names_are_refused(ask, world, path):
    answer = ask("POST", path, CONVERSE)
    assert (answer.status, answer.header("x-amzn-errortype")) == (400, "ValidationException")
    assert answer.message
    assert not world.bedrock.requests


def test_a_host_header_without_the_port(gateway, world, token):
    head = f"POST {PREFIX}/{NAME}/model/{MODEL}/converse HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n"
    head += "".join(f"{name}: {value}\r\n" for name, value in [bearer(token), ("content-length", str(len(CONVERSE)))])
    with socket.create_connection(("127.0.0.1", gateway.port), TIMEOUT_S) as connection:
        connection.sendall(head.encode() + b"\r\n" + CONVERSE)
        assert connection.recv(64).startswith(b"HTTP/1.1 200")
    assert only(only(world.bedrock.requests).values("host")).decode() == f"127.0.0.1:{world.bedrock.port}"
