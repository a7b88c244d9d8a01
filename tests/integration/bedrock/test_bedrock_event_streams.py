"""Bedrock's event streams pass byte for byte, whatever their content and chunking."""

import pytest
from botocore.exceptions import EventStreamError

from mocks.providers.aws_event_stream import CONTENT_TYPE, frame
from support.bedrock import CONVERSATION, CONVERSE, MODEL, bearer, bedrock_configuration, boto3_client, target
from support.client import exchange
from support.scripted_provider import Script, ScriptedProvider

FRAMES = tuple(
    frame({":event-type": kind, ":content-type": "application/json", ":message-type": "event"}, payload)
    for kind, payload in [
        ("messageStart", b'{"role":"assistant"}'),
        ("contentBlockDelta", '{"contentBlockIndex":0,"delta":{"text":"Grüße \\u00e9"},"p":"abc"}'.encode()),
        ("somethingNew", b'{"unheard": 1e2, "unheard": 2}'),
        ("messageStop", b'{"stopReason":"end_turn"}'),
    ]
)
FAILURE = frame(
    {":exception-type": "throttlingException", ":content-type": "application/json", ":message-type": "exception"},
    b'{"message":"Too many tokens, please wait."}',
)


@pytest.fixture(scope="module")
def scripted(world, start_gateway):
    """A provider with scripted responses, and a gateway in front of it."""
    with (
        ScriptedProvider() as upstream,
        start_gateway(bedrock_configuration(world, base_url=upstream.url)) as gateway,
    ):
        yield upstream, gateway


@pytest.mark.parametrize("cut", [1, 7, 16, 1000], ids="{} bytes at a time".format)
def test_a_stream_arrives_byte_for_byte(scripted, token, cut):
    upstream, gateway = scripted
    sent = b"".join(FRAMES)
    pieces = tuple(sent[start : start + cut] for start in range(0, len(sent), cut))
    upstream.script = Script(pieces, headers={"content-type": CONTENT_TYPE})
    answer = exchange(gateway, "POST", target(f"/model/{MODEL}/converse-stream"), [bearer(token)], CONVERSE)
    assert (answer.status, answer.header("content-type"), answer.body) == (200, CONTENT_TYPE, sent)


def test_an_exception_in_mid_stream_reaches_the_client(scripted, token):
    upstream, gateway = scripted
    upstream.script = Script((*FRAMES[:2], FAILURE), headers={"content-type": CONTENT_TYPE})
    client = boto3_client(
        gateway.url, aws_access_key_id="AKIACLIENT", aws_secret_access_key="none", aws_session_token=token
    )
    stream = iter(client.converse_stream(modelId=MODEL, messages=CONVERSATION)["stream"])
    assert [next(iter(next(stream))) for _ in range(2)] == ["messageStart", "contentBlockDelta"]
    with pytest.raises(EventStreamError, match=r"throttlingException.*Too many tokens"):
        next(stream)
