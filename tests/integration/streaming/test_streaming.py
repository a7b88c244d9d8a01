"""Request and response bodies pass byte for byte, without delay and without buffering."""

import base64
import gzip
import hashlib
import json
import os
import re
import time

import httpx
import pytest

from support.client import ANTHROPIC, APIS, BEARER, GOOGLE, OPENAI, ask, exchange, wait_until
from support.delivery_delay import assert_no_delay
from support.gateway_config import PREFIX
from support.scripted_provider import Script

CHUNKS = 20
INTERVAL_MS = 100
STAMP = re.compile(rb"\d{10}\.\d{6}")

STREAMS = {
    "openai": (OPENAI, OPENAI.target, OPENAI.content(stream=True)),
    "anthropic": (ANTHROPIC, ANTHROPIC.target, ANTHROPIC.content(stream=True)),
    "google": (GOOGLE, GOOGLE.target.replace("generate", "streamGenerate") + "?alt=sse", GOOGLE.content()),
}
CLIENTS = {"HTTP/1.1": {}, "HTTP/2": {"http1": False, "http2": True}}

UPLOAD_BYTES = 20 * 1024 * 1024


@pytest.fixture(params=CLIENTS.values(), ids=CLIENTS)
def client(request):
    with httpx.Client(**request.param, timeout=30) as client:
        yield client


@pytest.mark.parametrize("api", STREAMS)
def test_each_chunk_arrives_without_delay(api, client, gateway, token):
    api, target, content = STREAMS[api]
    headers = dict([*api.headers, api.token.filled(token)])
    headers["x-mock-stream"] = f"chunks={CHUNKS},interval_ms={INTERVAL_MS}"
    url = gateway.url + target
    with assert_no_delay() as delays, client.stream("POST", url, headers=headers, content=content) as response:
        for chunk in response.iter_raw():
            now = time.time()
            delays += [now - float(sent) for sent in STAMP.findall(chunk)]
    assert len(delays) == CHUNKS


BODIES = {
    "characters cut at chunk edges": Script((b"data: \xf0\x9f", b"\x98\x80 \xc3", b"\xa4\n", b"\ndata: [DONE]\n\n")),
    "CRLF and comments": Script((b": ping\r\n\r\n", b"data: 1\r\n\r", b"\ndata: 2\r\n\r\n")),
    "no end after the last event": Script((b"event: x\ndata: {", b"}")),
    "gzip": Script((gzip.compress(b"data: 1\n\n" * 99),), headers={"content-encoding": "gzip"}),
    "single bytes": Script(tuple(bytes([byte]) for byte in range(256)), headers={"content-type": "text/event-stream"}),
    "nothing": Script(()),
    "4 MiB": Script((os.urandom(1 << 20),) * 4),
}


@pytest.mark.parametrize("script", BODIES.values(), ids=BODIES)
def test_bodies_are_equal_with_and_without_the_gateway(script, scripted, client, token):
    upstream, gateway = scripted
    upstream.script = script
    direct = exchange(upstream, "POST", "/v1/responses", body=b"{}")
    headers, url = dict([BEARER.filled(token)]), f"{gateway.url}{PREFIX}/scripted/v1/responses"
    with client.stream("POST", url, headers=headers, content="{}") as response:
        body = b"".join(response.iter_raw())
    assert body == direct.body == b"".join(script.chunks)
    assert response.headers.get("content-type") == direct.header("content-type")
    assert response.headers.get("content-encoding") == direct.header("content-encoding")


def test_googles_stream_without_sse_is_an_array(gateway, token):
    target = GOOGLE.target.replace("generate", "streamGenerate")
    answer = exchange(gateway, "POST", target, [GOOGLE.token.filled(token)], GOOGLE.content())
    assert answer.header("content-type").startswith("application/json")
    assert len(answer.json()) > 1


def test_a_large_upload_is_streamed(client, world, gateway, token):
    image = base64.b64encode(os.urandom(UPLOAD_BYTES * 3 // 4)).decode()
    content = [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{image}"}}]
    body = json.dumps({"model": "gpt-4o", "messages": [{"role": "user", "content": content}]}).encode()
    begun = []

    def pieces():
        yield body[: len(body) // 2]
        wait_until(lambda: world.openai.requests)
        wait_until(lambda: world.openai.requests[0].body_size)
        (request,) = world.openai.requests
        begun.append((request.body_size, request.completed_at))
        yield body[len(body) // 2 :]

    headers = dict([BEARER.filled(token), ("content-type", "application/json")])
    response = client.post(gateway.url + OPENAI.target, headers=headers, content=pieces())

    assert response.status_code == 200, response.text
    (request,) = world.openai.requests
    (size, completed) = begun[0]
    assert 0 < size < len(body) and completed is None
    assert (request.body_size, request.body_sha256) == (len(body), hashlib.sha256(body).hexdigest())


def test_a_client_that_disconnects_in_mid_stream_cancels_only_its_own_request(client, gateway, token):
    upstream_active = "cluster.upstream_http.upstream_rq_active"
    wait_until(lambda: gateway.stats(upstream_active)[upstream_active] == 0)
    machines = gateway.stats("wasm.")
    headers = dict([BEARER.filled(token), ("x-mock-stream", "chunks=600,interval_ms=100")])
    with client.stream("POST", gateway.url + OPENAI.target, headers=headers, content=STREAMS["openai"][2]) as response:
        chunks = response.iter_raw()
        assert b"data: " in next(chunks)
        assert gateway.stats(upstream_active)[upstream_active] == 1
    client.close()

    wait_until(lambda: gateway.stats(upstream_active)[upstream_active] == 0)
    assert gateway.running()
    assert [ask(gateway, api, token).status for api in APIS.values()] == [200] * len(APIS)
    assert gateway.stats("wasm.") == machines
