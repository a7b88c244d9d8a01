"""WebSocket sessions: OpenAI's realtime API and Google's Live API, with their SDKs and as browsers open them.

These SDKs connect over TLS, whatever the base URL says.
"""

import asyncio
import json
import socket

import h2.config
import h2.connection
import h2.events
import pytest
import websockets
from google import genai
from openai import AsyncOpenAI, OpenAI

from mocks.providers import OpenAI as OpenAIMock
from support.bedrock import CONVERSE, bedrock_configuration
from support.bedrock import MODEL as BEDROCK_MODEL
from support.client import BEARER, OPENAI, PROMPT, QUOTED, exchange
from support.gateway_config import PREFIX, configuration
from support.node import NodeClients
from support.usage import logged

MODEL = "gpt-realtime"
SILENCE_S = 2
KEY = "openai-insecure-api-key."
ITEM = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": PROMPT}]}
PASSTHROUGH = {"type": "openai", "authorization_passthrough": True}


@pytest.fixture(scope="module")
def gateway(world, start_gateway, authority):
    certificate = authority.issue("127.0.0.1")
    own = {"base_url": world.openai.base_url, **PASSTHROUGH}
    document = configuration(world)
    document["providers"] += [{"name": "own", **own}, {"name": "guarded", "require_gateway_token": True, **own}]
    document["providers"] += bedrock_configuration(world)["providers"]
    with start_gateway(document, tls=(certificate.certificate, certificate.key)) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def node(authority):
    with NodeClients("openai_realtime", "google_live", trusted=authority.certificate) as node:
        yield node


@pytest.fixture(autouse=True)
def trust(authority, monkeypatch):
    """Make the SDKs for Python trust the gateway's certificate."""
    monkeypatch.setenv("SSL_CERT_FILE", str(authority.certificate))


def url(gateway, provider):
    return f"{gateway.tls_url}{PREFIX}/{provider}"


def offers(token):
    """The subprotocols in which a browser sends a token."""
    return ["realtime", f"{KEY}{token}", "openai-beta.realtime-v1"]


def connected(gateway, subprotocols, headers=None, provider="my-openai"):
    """The selected subprotocol and the first event."""

    async def connect():
        address = f"ws://127.0.0.1:{gateway.port}{PREFIX}/{provider}/realtime?model={MODEL}"
        async with websockets.connect(address, subprotocols=subprotocols, additional_headers=headers) as socket:
            return socket.subprotocol, json.loads(await asyncio.wait_for(socket.recv(), 10))["type"]

    return asyncio.run(connect())


def refusal(*arguments, **options):
    """The status and code of a refused handshake."""
    with pytest.raises(websockets.InvalidStatus) as raised:
        connected(*arguments, **options)
    response = raised.value.response
    return response.status_code, json.loads(response.body)["error"]["code"]


def sent(mock):
    """The headers of the only handshake that a mock received, without any credential of the client."""
    (request,) = mock.requests
    return {name.decode().lower(): value.decode() for name, value in request.headers}, request.path


def test_openais_sdk_for_python(gateway, world, token):
    client = OpenAI(base_url=url(gateway, "my-openai"), api_key=token)
    with client.realtime.connect(model=MODEL) as connection:
        assert connection.recv().type == "session.created"
        connection.session.update(session={"type": "realtime", "output_modalities": ["text"]})
        connection.conversation.item.create(item=ITEM)
        connection.response.create()
        for event in connection:
            if event.type == "response.done":
                break
    assert event.response.output[0].content[0].text.endswith(QUOTED)
    assert event.response.usage.output_tokens > 0
    headers, path = sent(world.openai)
    assert (path, headers["authorization"]) == ("/v1/realtime?model=gpt-realtime", "Bearer mock-openai-key")
    assert token not in str(world.openai.requests)
    entry = logged(gateway, "my-openai")[-1]
    assert (entry["response_code"], entry["gen_ai.request.model"]) == (101, MODEL)
    assert "ai_gateway.usage.incomplete" not in entry


def test_openais_sdk_for_python_async_through_a_base_url_with_a_version(gateway, token):
    async def converse():
        client = AsyncOpenAI(base_url=url(gateway, "my-openai") + "/v1", api_key=token)
        async with client.realtime.connect(model=MODEL) as connection:
            await connection.conversation.item.create(item=ITEM)
            await connection.response.create()
            text = [event.delta async for event in until_done(connection) if event.type == "response.output_text.delta"]
            return "".join(text)

    assert asyncio.run(converse()).endswith(QUOTED)


async def until_done(connection):
    async for event in connection:
        yield event
        if event.type == "response.done":
            return


@pytest.mark.parametrize("way", ["with_ws", "with_websocket", "in_a_browser"])
def test_openais_sdk_for_node_and_a_browser(node, gateway, world, token, way):
    outcome = node.call("openai_realtime", way, url=url(gateway, "my-openai"), token=token, prompt=PROMPT)
    assert outcome["answer"].endswith(QUOTED)
    assert (way != "in_a_browser") or outcome["answer"].startswith("realtime: "), (
        "an offered subprotocol must be selected"
    )
    headers, _ = sent(world.openai)
    assert headers["authorization"] == "Bearer mock-openai-key"
    assert token not in str(world.openai.requests)
    assert KEY not in str(world.openai.requests)


@pytest.mark.parametrize("way", ["with_ws", "with_websocket", "in_a_browser"])
def test_a_wrong_token_is_refused_before_the_upgrade(node, gateway, world, way):
    outcome = node.call("openai_realtime", way, url=url(gateway, "my-openai"), token="wrong", prompt=PROMPT)
    if way == "with_ws":
        assert "401" in outcome["error"]["message"]
    assert "error" in outcome
    assert not world.openai.requests


def test_the_token_is_removed_from_the_subprotocols(gateway, world, token):
    assert connected(gateway, offers(token)) == ("realtime", "session.created")
    headers, _ = sent(world.openai)
    assert headers["sec-websocket-protocol"] == "realtime, openai-beta.realtime-v1"


def test_handshakes_that_are_refused(gateway, world, token):
    expired = world.identity_provider.mint({"exp": 1})
    assert refusal(gateway, offers(expired)) == (401, "token_expired")
    assert refusal(gateway, offers("sk-proj-of-a-client")) == (401, "token_malformed")
    assert refusal(gateway, ["realtime"]) == (401, "token_missing")
    assert refusal(gateway, offers(token), provider="my-anthropic") == (401, "token_misplaced")
    assert refusal(gateway, offers(token), provider="no-such-provider") == (404, "provider_not_found")
    assert refusal(gateway, [*offers(token), f"{KEY}other"]) == (400, "credential_repeated")
    assert not world.openai.requests + world.anthropic.requests


def test_the_clients_own_key_passes_through_and_the_gateway_token_does_not(gateway, world, token):
    own = offers(world.openai.api_key)
    assert connected(gateway, own, provider="own") == ("realtime", "session.created")
    assert sent(world.openai)[0]["sec-websocket-protocol"] == ", ".join(own)
    assert refusal(gateway, offers(token), provider="own") == (401, "token_misplaced")
    assert refusal(gateway, own, provider="guarded") == (401, "token_malformed")
    world.openai.requests.clear()
    side = {"x-ai-gateway-authorization": f"Bearer {token}"}
    assert connected(gateway, own, side, provider="guarded") == ("realtime", "session.created")
    assert token not in str(world.openai.requests)


def test_unsupported_websocket_handshakes_are_refused_at_once(gateway, world, token):
    def ask(provider, protocol):
        upgrade = [("Connection", "Upgrade"), ("Upgrade", protocol), ("Sec-WebSocket-Version", "13")]
        key = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
        target = f"{PREFIX}/{provider}/realtime?model={MODEL}"
        return exchange(gateway, "GET", target, [*upgrade, key, BEARER.filled(token)])

    signed, other = ask("my-bedrock", "websocket"), ask("my-openai", "spdy/3.1")
    assert (signed.status, signed.code) == (400, "upgrade_not_possible")
    assert (other.status, other.code) == (403, "upgrade_not_possible")
    assert "websocket" in other.message
    assert not world.bedrock.requests + world.openai.requests


def test_an_h2c_upgrade_offer_is_ignored(gateway, world, token):
    """Java's HTTP client makes this offer with each request over plain HTTP (RFC 7540, 3.2)."""
    settings = ("HTTP2-Settings", "AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA")
    offer = [("Connection", "Upgrade, HTTP2-Settings"), ("Upgrade", "h2c"), settings]
    headers = [*offer, BEARER.filled(token), ("Content-Type", "application/json")]
    converse = f"{PREFIX}/my-bedrock/model/{BEDROCK_MODEL}/converse"
    for target, body in ((OPENAI.target, OPENAI.content()), (converse, CONVERSE)):
        assert exchange(gateway, "POST", target, headers, body).status == 200
    (asked,), (signed,) = world.openai.requests, world.bedrock.requests
    for request in (asked, signed):
        assert not request.values("upgrade") + request.values("http2-settings")


def test_errors_of_the_provider_come_before_the_upgrade(gateway, token):
    with pytest.raises(websockets.InvalidStatus) as raised:
        connected(gateway, offers(token), {"x-mock-status": "429"})
    assert raised.value.response.status_code == 429
    assert b"The mock was asked to answer 429." in raised.value.response.body


@pytest.mark.parametrize("version", ["v1beta", "v1alpha"])
def test_googles_sdk_for_python(gateway, world, token, version):
    async def converse():
        options = {"base_url": url(gateway, "my-google"), "api_version": version}
        client = genai.Client(api_key=token, http_options=options)
        config = {"response_modalities": ["TEXT"]}
        async with client.aio.live.connect(model="gemini-live-2.5-flash-preview", config=config) as session:
            await session.send_client_content(turns={"role": "user", "parts": [{"text": PROMPT}]}, turn_complete=True)
            return "".join([message.text or "" async for message in session.receive()])

    assert asyncio.run(converse()).endswith(QUOTED)
    headers, path = sent(world.google)
    assert path == f"/ws/google.ai.generativelanguage.{version}.GenerativeService.BidiGenerateContent"
    assert headers["x-goog-api-key"] == "mock-google-key"
    assert token not in str(world.google.requests)


def test_googles_sdk_for_node(node, gateway, world, token):
    outcome = node.call("google_live", "talk", url=url(gateway, "my-google"), token=token, prompt=PROMPT)
    assert outcome.get("answer", outcome).endswith(QUOTED)
    assert "key=" not in sent(world.google)[1]
    assert token not in str(world.google.requests)


def test_websockets_use_http_1_even_if_the_provider_prefers_http_2(world, start_gateway, authority, token):
    """Servers that offer both usually do not accept WebSockets over HTTP/2."""
    certificate = authority.issue("localhost")
    context = certificate.ssl_context()
    context.set_alpn_protocols(["h2", "http/1.1"])
    with OpenAIMock("mock-openai-key", ssl_context=context) as upstream:
        base_url = f"https://localhost:{upstream.port}/v1"
        one = {"name": "my-openai", "type": "openai", "base_url": base_url, "api_key": {"value": upstream.api_key}}
        document = configuration(world) | {"providers": [one]}
        with start_gateway(document, ca_bundle=authority.certificate) as gateway:
            assert connected(gateway, offers(token)) == ("realtime", "session.created")


def test_an_idle_session_outlives_the_idle_timeout_of_requests(world, start_gateway, token):
    def shorten_idle_timeout(bootstrap):
        manager = bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
        host = manager["route_config"]["virtual_hosts"][0]
        manager["stream_idle_timeout"] = host["routes"][-1]["route"]["idle_timeout"] = f"{SILENCE_S / 2}s"

    async def converse(address):
        async with websockets.connect(address, subprotocols=offers(token), ping_interval=None) as socket:
            await socket.recv()
            await asyncio.sleep(SILENCE_S)
            await socket.send('{"type":"session.update"}')
            return json.loads(await asyncio.wait_for(socket.recv(), 10))["type"]

    with start_gateway(configuration(world), edit_bootstrap=shorten_idle_timeout) as gateway:
        address = f"ws://127.0.0.1:{gateway.port}{PREFIX}/my-openai/realtime?model={MODEL}"
        assert asyncio.run(converse(address)) == "session.updated"


def test_a_websocket_over_http_2(gateway, world, token):
    """Extended CONNECT (RFC 8441), which browsers use if they already have an HTTP/2 connection."""
    status, headers, frame = http_2_handshake(gateway, "my-openai", ", ".join(offers(token)))
    assert (status, headers["sec-websocket-protocol"]) == ("200", "realtime")
    assert b'"session.created"' in frame
    assert sent(world.openai)[0]["authorization"] == "Bearer mock-openai-key"
    assert token not in str(world.openai.requests)
    status, headers, body = http_2_handshake(gateway, "my-openai", ", ".join(offers("wrong")))
    assert (status, headers["x-ai-gateway-error"]) == ("401", "token_malformed")


def http_2_handshake(gateway, provider, offered):
    """The status, headers and first bytes of the response to an extended CONNECT."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
    connection.initiate_connection()
    head = {
        ":method": "CONNECT",
        ":protocol": "websocket",
        ":scheme": "http",
        ":path": f"{PREFIX}/{provider}/realtime?model={MODEL}",
        ":authority": f"127.0.0.1:{gateway.port}",
        "sec-websocket-version": "13",
        "sec-websocket-protocol": offered,
    }
    connection.send_headers(1, list(head.items()))
    answer, content = {}, b""
    with socket.create_connection(("127.0.0.1", gateway.port), timeout=10) as peer:
        while not content:
            peer.sendall(connection.data_to_send())
            for event in connection.receive_data(peer.recv(65536)):
                if isinstance(event, h2.events.ResponseReceived):
                    answer = dict(event.headers)
                if isinstance(event, h2.events.DataReceived):
                    content += event.data
    return answer[":status"], answer, content
