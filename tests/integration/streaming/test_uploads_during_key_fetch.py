"""Request bodies that arrive while the request waits for signing keys are forwarded completely, however chunked."""

import asyncio
import json
import socket
import time

import pytest

from mocks.faults import Fault
from support.client import BEARER, OPENAI, wait_until
from support.envoy_version import VERSION
from support.gateway_config import PREFIX, configuration, provider
from support.scripted_provider import ScriptedProvider
from support.websocket import echoes

KEYS_TAKE_S = 1.5
BODY = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": "x" * 3000}]}).encode()

WITH_AND_WITHOUT_A_CATALOG = pytest.mark.parametrize(
    "changes", [{}, {"models": ["gpt-4o"]}], ids=["as_it_is", "with_a_catalog"]
)


@pytest.fixture
def start_cold(world, start_gateway):
    """Start a gateway that has no signing keys yet."""
    world.identity_provider.fault["jwks"] = Fault(delay_s=KEYS_TAKE_S)
    yield lambda **changes: start_gateway(configuration(world) | changes)
    world.identity_provider.fault.clear()


def test_an_upload_that_continues_after_the_key_fetch_arrives_complete(world, token, start_cold):
    gateway = start_cold()
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        connection.sendall(head(gateway, token, f"Content-Length: {len(BODY)}") + BODY[:1000])
        time.sleep(KEYS_TAKE_S + 0.5)
        connection.sendall(BODY[1000:2000])
        wait_until(lambda: world.openai.requests and world.openai.requests[0].body_size >= 2000)
        connection.sendall(BODY[2000:])
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
    (request,) = world.openai.requests
    assert request.body == BODY


@pytest.mark.skipif((0, 0, 0) < VERSION < (1, 39, 0), reason="before Envoy 1.39 it goes on with the next piece")
@WITH_AND_WITHOUT_A_CATALOG
def test_a_partial_body_is_forwarded_once_keys_are_fetched(world, token, start_cold, changes):
    """A client may wait for a response before it sends the rest."""
    gateway = start_cold(providers=[provider("my-openai", "openai", world.openai) | changes])
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        connection.sendall(head(gateway, token, f"Content-Length: {len(BODY)}") + BODY[:1000])
        wait_until(lambda: world.openai.requests and world.openai.requests[0].body_size == 1000)
        connection.sendall(BODY[1000:])
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
    (request,) = world.openai.requests
    assert request.body == BODY


@WITH_AND_WITHOUT_A_CATALOG
@pytest.mark.parametrize("pause_s", [0, 0.003, 0.02])
def test_an_upload_in_many_chunks_arrives_complete(world, token, start_cold, changes, pause_s):
    gateway = start_cold(providers=[provider("my-openai", "openai", world.openai) | changes])
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=20) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.sendall(head(gateway, token, "Transfer-Encoding: chunked") + chunk(BODY[:1000]))
        time.sleep(KEYS_TAKE_S)
        for start in range(1000, len(BODY), 50):
            connection.sendall(chunk(BODY[start : start + 50]))
            time.sleep(pause_s)
        connection.sendall(chunk(b""))
        assert connection.recv(100).startswith(b"HTTP/1.1 200 ")
    (request,) = world.openai.requests
    assert request.body == BODY


def head(gateway, token, framing):
    lines = [f"POST {OPENAI.target} HTTP/1.1", f"Host: 127.0.0.1:{gateway.port}", framing]
    lines += ["Content-Type: application/json", ": ".join(BEARER.filled(token)), "", ""]
    return "\r\n".join(lines).encode()


def chunk(data):
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


def test_a_websocket_that_waited_for_keys_echoes_every_message(token, start_cold):
    messages = ["first", "ä" * 100_000, "last"]
    with ScriptedProvider() as upstream:
        one = {"name": "scripted", "type": "openai", "base_url": upstream.url, "api_key": {"value": "mock-key"}}
        gateway = start_cold(providers=[one])
        url, headers = f"{gateway.url}{PREFIX}/scripted/realtime", dict([BEARER.filled(token)])
        assert asyncio.run(echoes(url, headers, messages)) == messages
