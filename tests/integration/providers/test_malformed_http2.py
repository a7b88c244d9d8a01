"""HTTP/2 frames that no client library would send: nothing passes that would be refused over HTTP/1.1."""

import json
import os
import socket
import subprocess

import h2.config
import h2.connection
import h2.events
import pytest

from support.raw_http import CHAT, assert_still_works
from tools.gateway import PROJECT

TIMEOUT_S = 5


def ask(gateway, headers, body=b"{}"):
    """The status and headers of the response, or `None` if the stream or the connection was reset."""
    config = h2.config.H2Configuration(
        validate_outbound_headers=False, normalize_outbound_headers=False, header_encoding="utf-8"
    )
    http = h2.connection.H2Connection(config)
    http.initiate_connection()
    http.send_headers(1, headers)
    http.send_data(1, body, end_stream=True)
    with socket.create_connection(("127.0.0.1", gateway.port), TIMEOUT_S) as connection:
        connection.sendall(http.data_to_send())
        while data := connection.recv(65536):
            for event in http.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    return dict(event.headers)
                if isinstance(event, h2.events.StreamReset | h2.events.ConnectionTerminated):
                    return None
    return None


def good(token, **changes):
    """The headers of a valid request with changes. `None` removes a header, a list repeats it."""
    headers = {":method": "POST", ":scheme": "http", ":authority": "gateway.test", ":path": CHAT}
    headers |= {"authorization": f"Bearer {token}"} | changes
    return [(name, value) for name, value in headers.items() if value is not None]


MALFORMED = {
    "no path": lambda token: good(token, **{":path": None}),
    "an empty path": lambda token: good(token, **{":path": ""}),
    "a path without a slash": lambda token: good(token, **{":path": CHAT[1:]}),
    "a path with a line break": lambda token: good(token, **{":path": f"{CHAT} HTTP/1.1\r\nx-smuggled: yes\r\n"}),
    "no method": lambda token: good(token, **{":method": None}),
    "a method with a space": lambda token: good(token, **{":method": "POST /x HTTP/1.1"}),
    "two paths": lambda token: [*good(token)[:4], (":path", "/"), *good(token)[4:]],
    "two authorities": lambda token: [*good(token)[:4], (":authority", "other.test"), *good(token)[4:]],
    "a pseudo-header after the others": lambda token: [*good(token), (":path", "/")],
    "an unknown pseudo-header": lambda token: [(":any", "a"), *good(token)],
    "a response pseudo-header": lambda token: [(":status", "200"), *good(token)],
    "a name in capitals": lambda token: [*good(token), ("X-Smuggled", "yes")],
    "a name with a line break": lambda token: [*good(token), ("x-a\r\nx-smuggled", "yes")],
    "a value with a line break": lambda token: [*good(token), ("x-a", "a\r\nx-smuggled: yes")],
    "a value with a NUL": lambda token: [*good(token), ("x-a", "a\0b")],
    "an empty name": lambda token: [*good(token), ("", "a")],
    "a connection header": lambda token: [*good(token), ("connection", "authorization")],
    "a transfer coding": lambda token: [*good(token), ("transfer-encoding", "chunked")],
    "a wrong length": lambda token: [*good(token), ("content-length", "100")],
    "two lengths": lambda token: [*good(token), ("content-length", "2"), ("content-length", "3")],
    "CONNECT": lambda token: [(":method", "CONNECT"), (":authority", "other.test:443"), *good(token)[4:]],
    "the asterisk form": lambda token: good(token, **{":method": "OPTIONS", ":path": "*"}),
    "a path of 65 KB": lambda token: good(token, **{":path": f"{CHAT}/{'a' * 65_000}"}),
    "1,000 headers": lambda token: [*good(token), *((f"x-{number}", "a") for number in range(1000))],
}


@pytest.mark.parametrize("case", MALFORMED.values(), ids=MALFORMED)
def test_malformed_http2_never_reaches_the_provider_as_a_complete_request(gateway, world, token, case):
    answer = ask(gateway, case(token))
    assert answer is None or 400 <= int(answer[":status"]) < 500, answer
    assert [recorded for recorded in world.openai.requests if recorded.completed_at is not None] == []
    assert_still_works(gateway, token)


AUTHORITIES = ["user:password@other.test", "other.test:1", "127.0.0.1:9901"]


@pytest.mark.parametrize("authority", AUTHORITIES)
def test_the_authority_does_not_choose_the_upstream_host(gateway, world, token, authority):
    answer = ask(gateway, good(token, **{":authority": authority, "host": "another.test"}))
    assert answer is None or int(answer[":status"]) in (200, 400)
    provider = world.openai.url.removeprefix("http://").encode()
    assert all(recorded.values("host") == [provider] for recorded in world.openai.requests)


def test_a_path_of_59_kb_reaches_the_provider(gateway, world, token):
    tail = "a" * 59_000
    assert ask(gateway, good(token, **{":path": f"{CHAT}/{tail}"}))[":status"] == "404"
    assert world.openai.requests[0].path.endswith(tail)


@pytest.mark.parametrize(("size", "session_memory"), [(9_000_000, 10), (30_000_000, 100)])
def test_node_receives_the_refusal_of_a_large_upload(gateway, size, session_memory):
    """Node's client must receive it while the body exceeds what it buffers, 10 MB by default. See docs/reliability.md."""
    variables = {"ORIGIN": gateway.url, "TARGET": CHAT, "TOKEN": "bad", "SIZE": size, "SESSION_MEMORY": session_memory}
    done = subprocess.run(
        ["node", PROJECT / "tests/node/upload_refused.mjs"],
        env=os.environ | {name: str(value) for name, value in variables.items()},
        stdout=subprocess.PIPE,
        check=True,
        timeout=30,
    )
    seen = json.loads(done.stdout)
    assert seen["status"] == 401
    assert json.loads(seen["body"])["error"]["code"] == "token_malformed"
