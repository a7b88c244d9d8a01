"""Bedrock with the AWS SDK for JavaScript, which uses HTTP/2: with prior knowledge without TLS, with ALPN over TLS.

The SDK sends GOAWAY after the head of a response. The gateway must not end the stream there.
"""

import json
import os
import subprocess
import time

import pytest

from support.bedrock import CONVERSATION, INVOKE, MODEL, NAME, assert_signed_by_the_gateway, bedrock_configuration, only
from support.client import QUOTED, wait_until
from support.gateway_config import PREFIX
from tools.gateway import PROJECT

SETUP = PROJECT / "tools/setup-node.sh"
SCRIPT = PROJECT / "tests/node/bedrock.mjs"
ACCESS_KEY_ID = "AKIACLIENT"
SECRET = "the-clients-own-secret-key"
TIMEOUT_S = 30
PIECES = 20
INTERVAL_S = 0.1
PACED = {"x-mock-stream": f"chunks={PIECES},interval_ms=100"}
MIB = 1024 * 1024
LIMIT = 32 * MIB

WITH_TOKEN = ["as_session_token", "as_bearer", "in_a_signed_header"]
CONVERSE = {"messages": CONVERSATION}
INVOCATION = {"body": INVOKE.decode()}


@pytest.fixture(scope="module", autouse=True)
def node():
    """Put Node.js on the PATH and install the SDK."""
    setup = subprocess.run([SETUP], capture_output=True, text=True)
    if setup.returncode:
        pytest.fail(setup.stderr, pytrace=False)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", setup.stdout.strip(), prepend=os.pathsep)
        yield


@pytest.fixture(scope="module")
def gateway(world, start_gateway, authority):
    certificate = authority.issue("127.0.0.1")
    with start_gateway(bedrock_configuration(world), tls=(certificate.certificate, certificate.key)) as gateway:
        yield gateway


class Client:
    """The SDK, in a new process for each use."""

    def __init__(self, url, token, way="as_session_token", *, provider=NAME, trusted=None):
        endpoint = f"{url}{PREFIX}/{provider}"
        self._environment = {
            "PATH": os.environ["PATH"],
            "NODE_NO_WARNINGS": "1",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            "ENDPOINT": endpoint,
            "WAY": way,
            "TOKEN": token,
            "ACCESS_KEY_ID": ACCESS_KEY_ID,
            "SECRET_ACCESS_KEY": SECRET,
        }
        if trusted is not None:
            self._environment["NODE_EXTRA_CA_CERTS"] = str(trusted)

    def calls(self, operation, content, headers=None, *, concurrent=1, **variables):
        """The outcomes of concurrent calls. Each has a response, `events` for a stream, or an `error`."""
        call = {
            "OPERATION": f"{operation}Command",
            "INPUT": json.dumps({"modelId": MODEL, **content}),
            "HEADERS": json.dumps(headers or {}),
            "CONCURRENT": str(concurrent),
        }
        environment = self._environment | call | {name: str(value) for name, value in variables.items()}
        done = subprocess.run(["node", SCRIPT], env=environment, capture_output=True, text=True, timeout=TIMEOUT_S)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def call(self, *arguments, **options):
        """The response to one call."""
        outcome = only(self.calls(*arguments, **options))
        assert "error" not in outcome, outcome
        return outcome

    def refusal(self, operation="Converse", content=CONVERSE, *arguments, **options):
        """The exception that one call raises."""
        outcome = only(self.calls(operation, content, *arguments, **options))
        assert "error" in outcome, outcome
        return outcome["error"]


@pytest.fixture(params=["http", "https"])
def transport(request, gateway, authority):
    """The address of the gateway, and the certificate authority to trust."""
    return (gateway.tls_url, authority.certificate) if request.param == "https" else (gateway.url, None)


@pytest.fixture(params=[*WITH_TOKEN, "in_an_unsigned_header"])
def client(request, transport, token):
    url, trusted = transport
    return Client(url, token, request.param, trusted=trusted)


@pytest.fixture
def any_client(transport, token):
    """A client for tests where the place of the token does not matter."""
    url, trusted = transport
    return Client(url, token, trusted=trusted)


@pytest.fixture
def was_signed(world, token):
    """Check that the only request was signed."""
    return lambda: assert_signed_by_the_gateway(
        only(world.bedrock.requests), world.aws_credential, token, ACCESS_KEY_ID, SECRET
    )


def pieces(events):
    """The text of each piece of a streamed response, and the time of its arrival, for both APIs."""
    for arrival in events:
        event = arrival["event"]
        if "chunk" in event:
            message = json.loads(event["chunk"]["bytes"])
            if message["type"] == "content_block_delta":
                yield message["delta"]["text"], arrival["at"]
        elif "contentBlockDelta" in event:
            yield event["contentBlockDelta"]["delta"]["text"], arrival["at"]


def text(events):
    """The text of a streamed response."""
    return "".join(piece for piece, _ in pieces(events))


def test_converse(client, was_signed):
    answer = client.call("Converse", CONVERSE)
    assert answer["output"]["message"]["content"][0]["text"].endswith(QUOTED)
    assert answer["usage"]["totalTokens"] == answer["usage"]["inputTokens"] + answer["usage"]["outputTokens"]
    was_signed()


def test_converse_stream(client, was_signed):
    events = client.call("ConverseStream", CONVERSE)["events"]
    assert text(events).endswith(QUOTED)
    assert events[-1]["event"]["metadata"]["usage"]["outputTokens"] > 0
    was_signed()


def test_invoke_model(client, was_signed):
    message = json.loads(client.call("InvokeModel", INVOCATION)["body"])
    assert message["content"][0]["text"].endswith(QUOTED)
    was_signed()


def test_invoke_model_with_response_stream(client, was_signed):
    events = client.call("InvokeModelWithResponseStream", INVOCATION)["events"]
    assert text(events).endswith(QUOTED)
    last = json.loads(events[-1]["event"]["chunk"]["bytes"])
    assert last["amazon-bedrock-invocationMetrics"]["outputTokenCount"] > 0
    was_signed()


def test_count_tokens(client, was_signed):
    assert client.call("CountTokens", {"input": {"converse": CONVERSE}})["inputTokens"] > 0
    was_signed()


def test_it_speaks_http_2(any_client, gateway):
    name = "http.ai_gateway.downstream_rq_http2_total"
    before = gateway.stats(name)[name]
    any_client.call("Converse", CONVERSE)
    assert gateway.stats(name)[name] == before + 1


def test_an_arn_in_the_path(any_client, world, was_signed):
    arn = "arn:aws:bedrock:us-east-1:123456789012:application-inference-profile/a1b2c3d4e5f6"
    any_client.call("Converse", CONVERSE | {"modelId": arn})
    sent = arn.replace(":", "%3A").replace("/", "%2F")
    assert only(world.bedrock.requests).path == f"/model/{sent}/converse"
    was_signed()


@pytest.mark.parametrize(
    ("operation", "content", "around"),
    [("ConverseStream", CONVERSE, 4), ("InvokeModelWithResponseStream", INVOCATION, 5)],
)
def test_a_long_stream_is_complete_and_each_event_arrives_without_delay(any_client, operation, content, around):
    events = any_client.call(operation, content, PACED)["events"]
    arrivals = list(pieces(events))
    assert (len(arrivals), len(events)) == (PIECES, PIECES + around)
    assert max(arrived - float(sent) for sent, arrived in arrivals) < INTERVAL_S


def test_concurrent_streams(any_client, world):
    outcomes = any_client.calls("ConverseStream", CONVERSE, PACED, concurrent=10)
    assert [len(list(pieces(outcome["events"]))) for outcome in outcomes] == [PIECES] * 10
    assert len(world.bedrock.requests) == 10


def test_an_aborted_stream_is_cleaned_up(any_client, gateway, world):
    events = any_client.call("ConverseStream", CONVERSE, PACED, ABORT_AFTER=3)["events"]
    assert len(events) < PIECES
    active = "http.ai_gateway.downstream_rq_active"
    wait_until(lambda: gateway.stats(active)[active] == 0)
    assert len(world.bedrock.requests) == 1
    assert text(any_client.call("ConverseStream", CONVERSE)["events"]).endswith(QUOTED)
    reloads = gateway.stats("wasm.ai_gateway.vm_reload")
    assert reloads and not any(reloads.values()), reloads


def test_a_body_as_large_as_the_limit(any_client, world, was_signed):
    """HTTP/2 has its own limit: Envoy's stream window."""
    any_client.call("InvokeModel", INVOCATION, BODY_SIZE=LIMIT)
    assert only(world.bedrock.requests).body_size == LIMIT
    was_signed()


def test_a_body_over_the_limit(world, start_gateway, token):
    with start_gateway(bedrock_configuration(world) | {"max_signed_body_bytes": 100_000}) as gateway:
        error = Client(gateway.url, token).refusal("InvokeModel", INVOCATION, BODY_SIZE=200_000)
    assert (error["name"], error["status"], error["isTyped"]) == ("ValidationException", 413, True)
    assert "100000 bytes" in error["message"]
    assert not world.bedrock.requests


@pytest.mark.parametrize("way", WITH_TOKEN)
def test_an_expired_token(transport, world, way):
    url, trusted = transport
    expired = world.identity_provider.mint({"exp": int(time.time()) - 600})
    error = Client(url, expired, way, trusted=trusted).refusal()
    assert (error["name"], error["status"]) == ("UnrecognizedClientException", 401)
    assert "expired" in error["message"]
    assert not world.bedrock.requests


@pytest.mark.parametrize("way", [*WITH_TOKEN, "nowhere"])
@pytest.mark.parametrize(
    ("operation", "content"), [("Converse", CONVERSE), ("InvokeModelWithResponseStream", INVOCATION)]
)
def test_no_gateway_token(gateway, world, way, operation, content):
    error = Client(gateway.url, "IQoJb3JpZ2luX2VjEXAMPLE", way).refusal(operation, content)
    assert (error["name"], error["status"]) == ("UnrecognizedClientException", 401)
    assert "token" in error["message"]
    assert not world.bedrock.requests


@pytest.mark.parametrize("way", WITH_TOKEN)
def test_a_token_without_permission(transport, world, way):
    url, trusted = transport
    error = Client(url, world.identity_provider.mint(omit=["permissions"]), way, trusted=trusted).refusal()
    assert (error["name"], error["status"], error["isTyped"]) == ("AccessDeniedException", 403, True)
    assert NAME in error["message"]
    assert not world.bedrock.requests


def test_an_unknown_provider(gateway, token):
    error = Client(gateway.url, token, provider="no-such-provider").refusal()
    assert (error["name"], error["status"], error["isTyped"]) == ("ResourceNotFoundException", 404, True)
    assert "no-such-provider" in error["message"]


@pytest.mark.parametrize(
    ("status", "name"),
    [
        (400, "ValidationException"),
        (404, "ResourceNotFoundException"),
        (429, "ThrottlingException"),
        (503, "ServiceUnavailableException"),
    ],
)
@pytest.mark.parametrize("operation", ["Converse", "ConverseStream"])
def test_errors_of_bedrock_pass_through(gateway, token, operation, status, name):
    error = Client(gateway.url, token).refusal(operation, CONVERSE, {"x-mock-status": str(status)})
    assert error == {
        "name": name,
        "message": f"The mock was asked to answer {status}.",
        "status": status,
        "isTyped": True,
    }
