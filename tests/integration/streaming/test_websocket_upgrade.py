"""WebSocket upgrades are authenticated and cleaned like any request, and the connection is then left alone."""

import asyncio

import aiohttp
import pytest

from support.client import BEARER
from support.gateway_config import PREFIX
from support.websocket import echoes


def talk(gateway, headers, *messages):
    """The messages that the provider echoes."""
    url = f"{gateway.url}{PREFIX}/scripted/realtime?model=gpt-realtime"
    return asyncio.run(echoes(url, headers, messages))


def test_a_websocket_with_a_token_is_connected_with_the_providers_key(scripted, token):
    upstream, gateway = scripted
    messages = ['{"type":"response.create"}', "ä" * 100_000]
    assert talk(gateway, dict([BEARER.filled(token)]), *messages) == messages
    (handshake,) = upstream.handshakes
    assert handshake["authorization"] == "Bearer mock-key"


def test_a_websocket_without_a_token_is_refused_with_a_401(scripted):
    upstream, gateway = scripted
    before = len(upstream.handshakes)
    with pytest.raises(aiohttp.WSServerHandshakeError) as raised:
        talk(gateway, {})
    assert raised.value.status == 401
    assert len(upstream.handshakes) == before
