"""Responses with unknown usage pass unchanged, and log and metrics have the reason instead of 0."""

import gzip
import http.client
import os

import pytest

from mocks.providers.aws_event_stream import CONTENT_TYPE, frame
from support.client import BEARER
from support.gateway_config import PREFIX
from support.scripted_provider import Script
from support.usage import assert_counted, logged, post, scripted_gateway, usage_fields

JSON = "application/json"
SSE = "text/event-stream"
CHAT = "/v1/chat/completions"
CONVERSE = "/model/m/converse-stream"

ROLE = b'data: {"id":"c","model":"m","choices":[{"delta":{"role":"assistant","content":""}}]}\n\n'
TOKEN = b'data: {"id":"c","model":"m","choices":[{"delta":{"content":"a"}}]}\n\n'
STOP = b'data: {"id":"c","model":"m","choices":[{"delta":{},"finish_reason":"stop"}]}\n\n'
USAGE = b'data: {"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}\n\n'
DONE = b"data: [DONE]\n\n"
DOCUMENT = b'{"id":"c","model":"m","choices":[],"usage":{"prompt_tokens":5,"completion_tokens":2}}'
EVENTS = (ROLE, TOKEN, STOP, USAGE, DONE)
BROTLI = ((len(DOCUMENT) - 1) << 4 | 1 << 20).to_bytes(3, "little") + DOCUMENT + b"\x03"
"""The document in brotli (RFC 7932 §9.2): an uncompressed meta-block and an empty last one."""
ERROR = b'data: {"error":{"message":"m","code":500}}\n\n'
TRACE = b'{"trace":{"guardrail":"%s"},"usage":{"inputTokens":5,"outputTokens":2}}' % (b"a" * 20_000)
LONG_FRAME = frame({":message-type": "event", ":event-type": "metadata"}, TRACE)
DAMAGED = frame({":event-type": "metadata"}, b'{"usage":{"inputTokens":5,"outputTokens":2}}')[:-1] + b"\0"


def scripted_response(*chunks, content_type=JSON, encoding=None, **members):
    """A scripted response with these headers."""
    headers = {"content-type": content_type} | ({"content-encoding": encoding} if encoding else {})
    return Script(chunks, headers=headers, **members)


UNKNOWN = {
    "a-stream-without-usage": ("not_reported", scripted_response(ROLE, TOKEN, STOP, DONE, content_type=SSE)),
    "a-document-without-usage": ("not_reported", scripted_response(b'{"id":"c","choices":[]}')),
    "usage-that-is-null": ("not_reported", scripted_response(b'{"usage":null}')),
    "nothing-at-all": ("not_reported", scripted_response()),
    "an-error-event": ("upstream_error", scripted_response(ROLE, TOKEN, ERROR, DONE, content_type=SSE)),
    "work-that-is-done-later": ("background", scripted_response(b'{"id":"c","status":"queued","background":true}')),
    "a-text": ("not_reported", scripted_response(b"data: hello", content_type="text/plain; charset=utf-8")),
    "subtitles": ("not_reported", scripted_response(b"WEBVTT\n\n00:00.000", content_type="text/vtt")),
    "speech": ("not_reported", scripted_response(os.urandom(4096), content_type="audio/mpeg")),
    "a-page": ("undecodable", scripted_response(b"<html>usage</html>", content_type="text/html")),
    "events-that-are-no-json": ("undecodable", scripted_response(b"data: {usage\n\n", DONE, content_type=SSE)),
    "random-bytes": ("undecodable", scripted_response(b"\xff" + os.urandom(100_000))),
    "no-gzip": ("undecodable", scripted_response(DOCUMENT, encoding="gzip")),
    "zstd": ("undecodable", scripted_response(b"\x28\xb5\x2f\xfd" + os.urandom(99), encoding="zstd")),
    "br": ("undecodable", scripted_response(BROTLI, encoding="br")),
    "a-frame-with-a-bad-checksum": ("undecodable", scripted_response(DAMAGED, content_type=CONTENT_TYPE)),
    "a-bomb": ("over_cap", scripted_response(gzip.compress(b'{"text":"' + b"a" * (32 << 20) + b'"}'), encoding="gzip")),
    "an-event-without-end": (
        "upstream_reset",
        scripted_response(b'data: {"a":"', *[b"a" * (1 << 20)] * 4, content_type=SSE),
    ),
    "a-document-that-stops": ("upstream_reset", scripted_response(DOCUMENT[:30])),
    "a-stream-that-stops": ("upstream_reset", scripted_response(ROLE, TOKEN, content_type=SSE)),
    "a-gzip-that-stops": ("upstream_reset", scripted_response(gzip.compress(DOCUMENT)[:30], encoding="gzip")),
}
WRONG_CONTENT_TYPE = {
    "a-stream-called-json": scripted_response(ROLE, TOKEN, STOP, USAGE, DONE),
    "a-stream-without-a-type": Script((ROLE, TOKEN, STOP, USAGE, DONE)),
    "a-document-called-a-stream": scripted_response(DOCUMENT, content_type=SSE),
    "usage-after-100-mib": scripted_response(b'{"data":"', *[b"a" * (1 << 20)] * 100, b'",' + DOCUMENT[1:]),
    "lines-that-end-in-crlf": scripted_response(*(event.replace(b"\n", b"\r\n") for event in EVENTS), content_type=SSE),
    "lines-that-end-in-cr": scripted_response(*(event.replace(b"\n", b"\r") for event in EVENTS), content_type=SSE),
    "a-byte-order-mark": scripted_response(b"\xef\xbb\xbf", *EVENTS, content_type=SSE),
    "comments-and-other-fields": scripted_response(
        b": ping\n\n", ROLE, b"id: 1\nretry: 9\n: x\n", STOP, USAGE, DONE, content_type=SSE
    ),
    "data-in-several-lines": scripted_response(ROLE, STOP, USAGE.replace(b',"', b',\ndata: "'), DONE, content_type=SSE),
    "an-endless-event-before-usage": scripted_response(
        ROLE, b"data: ", *[b"a" * (1 << 20)] * 4, b"\n\n", STOP, USAGE, DONE, content_type=SSE
    ),
    "a-binary-event-larger-than-an-event-held": scripted_response(LONG_FRAME, content_type=CONTENT_TYPE),
    "usage-in-a-choice": scripted_response(
        ROLE, b'data: {"choices":[{"usage":{"prompt_tokens":5,"completion_tokens":2}}]}\n\n', DONE, content_type=SSE
    ),
    "more-after-the-end": scripted_response(ROLE, STOP, USAGE, DONE, b"data: {garbage\n\n", content_type=SSE),
}
PATHS = {
    "work-that-is-done-later": "/v1/responses",
    "a-text": "/v1/audio/transcriptions",
    "subtitles": "/v1/audio/transcriptions",
}
"""The paths of the cases that are not chat completions."""
FAILURES = [400, 401, 404, 429, 500, 503, 529]
CUT = {"a-client-that-leaves": "client_disconnect", "an-upstream-that-breaks": "upstream_reset"}


@pytest.fixture(scope="module")
def scripted(world, start_gateway):
    names = [*UNKNOWN, *WRONG_CONTENT_TYPE, *CUT, *(f"failure-{status}" for status in FAILURES)]
    binary = {"a-frame-with-a-bad-checksum", "a-binary-event-larger-than-an-event-held"}
    kinds = {name: "bedrock" if name in binary else "openai" for name in names}
    with scripted_gateway(world, start_gateway, kinds) as both:
        yield both


def ask(scripted, token, provider, script):
    """The response that the client gets, which must be the scripted one, byte for byte."""
    upstream, gateway = scripted
    upstream.script = script
    path = CONVERSE if script.headers.get("content-type") == CONTENT_TYPE else PATHS.get(provider, CHAT)
    answer = post(gateway, token, provider, path)
    assert (answer.status, answer.body) == (script.status, b"".join(script.chunks))


@pytest.mark.parametrize("case", UNKNOWN)
def test_unreadable_responses_pass_and_are_counted_as_unknown(case, scripted, token):
    reason, script = UNKNOWN[case]
    ask(scripted, token, case, script)
    (entry,) = logged(scripted[1], case)
    fields = usage_fields(entry)
    assert fields.pop("ai_gateway.usage.incomplete") == reason
    assert not [name for name in fields if name.startswith("gen_ai.usage.")]
    assert_counted(scripted[1], case, 1, {}, unknown=reason)


@pytest.mark.parametrize("case", WRONG_CONTENT_TYPE)
def test_usage_is_read_despite_a_wrong_content_type(case, scripted, token):
    ask(scripted, token, case, WRONG_CONTENT_TYPE[case])
    (entry,) = logged(scripted[1], case)
    assert (entry["gen_ai.usage.input_tokens"], entry["gen_ai.usage.output_tokens"]) == ("5", "2")
    assert_counted(scripted[1], case, 1, {"input": 5, "output": 2})


@pytest.mark.parametrize("case", CUT)
def test_a_cut_stream_is_counted_with_the_side_that_cut_it(case, scripted, token):
    upstream, gateway = scripted
    is_cut = case == "an-upstream-that-breaks"
    later = () if is_cut else (TOKEN,) * 99
    upstream.script = scripted_response(ROLE, TOKEN, *later, content_type=SSE, is_cut=is_cut, interval_s=0.1)
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port)
    connection.request("POST", f"{PREFIX}/{case}{CHAT}", b"{}", dict([BEARER.filled(token)]))
    response = connection.getresponse()
    assert response.read(len(ROLE + TOKEN)) == ROLE + TOKEN
    if is_cut:
        with pytest.raises(http.client.IncompleteRead):
            response.read()
    response.close()
    connection.close()
    (entry,) = logged(gateway, case)
    assert usage_fields(entry) == {
        "ai_gateway.usage.incomplete": CUT[case],
        "gen_ai.response.id": "c",
        "gen_ai.response.model": "m",
    }
    assert_counted(gateway, case, 1, {}, unknown=CUT[case], model="m")


@pytest.mark.parametrize("status", FAILURES)
def test_an_error_is_counted_by_its_status_and_has_no_usage(status, scripted, token):
    case = f"failure-{status}"
    ask(scripted, token, case, scripted_response(DOCUMENT, status=status))
    (entry,) = logged(scripted[1], case)
    assert (entry["response_code"], usage_fields(entry)) == (status, {})
    assert_counted(scripted[1], case, 1, {}, status=status)


UNLISTED = {
    "cohere": (
        "openai_compatible",
        "/v2/chat",
        b'{"usage":{"billed_units":{"input_tokens":5,"output_tokens":2},"tokens":{"input_tokens":71}}}',
    ),
    "claude-code-on-vllm": (
        "openai_compatible",
        "/v1/messages",
        b'{"type":"message","model":"m","usage":{"input_tokens":5,"output_tokens":2}}',
    ),
    "a-spelling": ("openai", "/v1/chat/%63ompletions", DOCUMENT),
    "a-slash": ("openai", "/v1/chat/completions/", DOCUMENT),
    "an-unknown-path": ("anthropic", "/v1/no/such/path", DOCUMENT),
}


@pytest.fixture(scope="module")
def unlisted(world, start_gateway):
    kinds = {name: kind for name, (kind, _, _) in UNLISTED.items()}
    with scripted_gateway(world, start_gateway, kinds) as both:
        yield both


@pytest.mark.parametrize("case", UNLISTED)
def test_usage_is_read_on_paths_that_are_not_known(case, unlisted, token):
    upstream, gateway = unlisted
    _, path, body = UNLISTED[case]
    upstream.script = scripted_response(body)
    answer = post(gateway, token, case, path)
    assert (answer.status, answer.body) == (200, body)
    (entry,) = logged(gateway, case)
    assert (entry["gen_ai.usage.input_tokens"], entry["gen_ai.usage.output_tokens"]) == ("5", "2")
    assert_counted(gateway, case, 1, {"input": 5, "output": 2})
