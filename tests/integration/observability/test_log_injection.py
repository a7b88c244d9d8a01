"""Hostile values in requests, tokens and responses cannot break out of an access log entry, which is one line of JSON."""

import json

import pytest

from support.client import wait_until
from support.gateway_config import PREFIX
from support.raw_http import ask, bearer, request
from support.scripted_provider import Script
from support.usage import scripted_gateway

BREAKOUT = 'a"}\n{"response_code":200,"enduser.id":"root"}\r\n\x00\x1b[31m\u2028'
LONG = 300_000
LONGEST_LINE = 8_000


@pytest.fixture
def scripted(world, start_gateway):
    with scripted_gateway(world, start_gateway, {"p": "openai"}) as both:
        yield both


def lines_of(gateway):
    """The complete log lines that come neither from Envoy nor from the filter."""
    *lines, _being_written = gateway.log_file.read_bytes().split(b"\n")
    return [line for line in lines if not line.startswith(b"[") and line.strip()]


def test_each_access_log_entry_is_one_line_of_json_for_hostile_values(scripted, world):
    upstream, gateway = scripted
    token = world.identity_provider.mint({"sub": BREAKOUT})
    requests = [
        request(f"{PREFIX}/p/v1/chat/completions", bearer(token), b'x-gen-ai-conversation: \xff\xfe"}c'),
        request(f"{PREFIX}/p/v1/chat/completions", bearer(token), b'user-agent: \xff"},{"'),
        request(f"{PREFIX}/p/v1/chat/completions", bearer(token), b'x-request-id: "}\xff'),
        request(f'{PREFIX}/p/v1/"}},{{"', bearer(token)),
        request(f'{PREFIX}/"}},{{"/v1', bearer(token)),
        request(f"{PREFIX}/p/v1/chat/completions", bearer(token), body=hostile_document("model")),
    ]
    upstream.script = Script((hostile_document("id", "model"),))
    for sent in requests:
        assert ask(gateway, sent) is not None
    wait_until(lambda: len(lines_of(gateway)) >= len(requests))
    entries = [json.loads(line) for line in lines_of(gateway)]
    assert len(entries) == len(requests)
    assert all(len(line) < LONGEST_LINE for line in lines_of(gateway))
    assert {entry["enduser.id"] for entry in entries} <= {BREAKOUT, None}
    assert BREAKOUT in {entry["enduser.id"] for entry in entries}


def hostile_document(*members):
    """A document with values that are long and try to break out of a log line."""
    usage = {"prompt_tokens": 1, "completion_tokens": 1}
    return json.dumps(dict.fromkeys(members, BREAKOUT + "m" * LONG) | {"usage": usage}).encode()
