"""Requests that the filter holds end by Envoy's timeout only, and survive a configuration change."""

import json
import time

import pytest

from mocks.faults import Fault
from mocks.keys import SigningKey
from support.bootstrap import held_for
from support.gateway_config import PREFIX, provider
from support.issuers import entry, identity_provider, running
from support.memory import MIB, growth_by_uploads
from support.raw_http import Connection, ask, bearer, request
from support.scripted_provider import Script, ScriptedProvider
from support.usage import scripted_provider

HELD_S = 2
SILENCE_S = 4
SLOW_KEYS_S = 2
PIECE_S = 0.5
BODY = b"{}" + b" " * 8
CHAT = f"{PREFIX}/plain/v1/chat/completions"
INVOKE = f"{PREFIX}/signed/model/m/invoke"


def providers(world, upstream):
    """One provider without request signing and one with it."""
    return [
        scripted_provider(world, upstream, "plain", "openai"),
        scripted_provider(world, upstream, "signed", "bedrock"),
    ]


@pytest.fixture(scope="module")
def scripted(world, start_gateway):
    """An upstream behind a provider with request signing and one without, and the issuer, for its faults."""
    with running(identity_provider()) as (issuer,), ScriptedProvider() as upstream:
        authentication = {"issuers": [entry(issuer, fetch_timeout=f"{2 * HELD_S}s")]}
        issuer.fault["jwks"] = Fault(hang=True)
        document = {"authentication": authentication, "providers": providers(world, upstream)}
        with start_gateway(document, edit_bootstrap=held_for(HELD_S)) as gateway:
            yield upstream, gateway, issuer


def test_requests_held_during_a_configuration_change_use_the_old_one(world, start_gateway):
    """One request waits for keys, the other for its body."""
    with running(identity_provider()) as (issuer,), ScriptedProvider() as upstream:
        upstream.script = Script((b"{}",))
        issuer.fault["jwks"] = Fault(delay_s=SLOW_KEYS_S)
        document = {"authentication": {"issuers": [entry(issuer)]}, "providers": providers(world, upstream)}
        with start_gateway(document) as gateway, Connection(gateway, 20) as keyless, Connection(gateway, 20) as partial:
            keyless.send(request(CHAT, bearer(issuer.mint())))
            head = request(INVOKE, bearer(issuer.mint()), body=BODY).removesuffix(BODY)
            partial.send(head + BODY[:1])
            assert gateway.configure(document | {"providers": providers(world, upstream)[:1], "observability": {}})
            partial.send(BODY[1:])
            assert [connection.answer().status for connection in (keyless, partial)] == [200, 200]


def test_a_request_that_waits_too_long_for_keys_times_out(scripted):
    upstream, gateway, issuer = scripted
    started = time.monotonic()
    answer = ask(gateway, request(CHAT, bearer(issuer.mint())), timeout_s=HELD_S + 5)
    assert HELD_S <= time.monotonic() - started < HELD_S + 2
    assert (answer.status, answer.code, answer.headers["retry-after"]) == (503, "gateway_unavailable", "1")
    assert answer.json()["error"]["status"] == "UNAVAILABLE"
    assert len(answer.headers["x-request-id"]) == 36
    assert upstream.targets == []
    issuer.fault.clear()


@pytest.fixture
def line(scripted):
    """The header line with a valid token, once keys are fetched."""
    _, gateway, issuer = scripted
    line = bearer(issuer.mint())
    deadline = time.monotonic() + 60
    while ask(gateway, request(CHAT, line)).status != 200:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return line


def test_a_response_may_be_idle_for_longer(scripted, line):
    upstream, gateway, _ = scripted
    upstream.script = Script((b"a", b"b"), interval_s=SILENCE_S)
    answer = ask(gateway, request(CHAT, line), timeout_s=30)
    assert (answer.status, answer.body) == (200, b"ab")


def test_a_held_body_may_arrive_slowly(scripted, line):
    upstream, gateway, _ = scripted
    upstream.script = Script((b"{}",))
    head = request(INVOKE, line, body=BODY).removesuffix(BODY)
    with Connection(gateway, timeout_s=30) as connection:
        connection.send(head)
        for byte in BODY:
            time.sleep(PIECE_S)
            connection.send(bytes([byte]))
        assert connection.answer().status == 200


def test_a_held_body_that_does_not_arrive_times_out(scripted, line):
    _, gateway, _ = scripted
    head = request(INVOKE, line, body=BODY).removesuffix(BODY)
    with Connection(gateway, timeout_s=30) as connection:
        connection.send(head + BODY[:1])
        answer = connection.answer()
    assert (answer.status, answer.code) == (408, "request_timeout")


UPLOADS = 60
UPLOAD_BYTES = 31 * MIB
WORKERS = 2
# A quarter of max_held_bytes, and what one read of a connection may bring before the filter sees it.
MOST_HELD_BY_A_WORKER = (64 + 32) * MIB


def test_unauthenticated_uploads_that_wait_for_keys_take_little_memory(start_gateway, world):
    with running(identity_provider()) as (issuer,):
        issuer.fault["jwks"] = Fault(delay_s=20)
        document = {
            "authentication": {"issuers": [entry(issuer, fetch_timeout="30s")]},
            "providers": [provider("my-openai", "openai", world.openai)],
        }
        with start_gateway(document, concurrency=WORKERS) as gateway:
            forged = bearer(issuer.mint(key=SigningKey.generate(kid="forged")))
            options = {"connections": UPLOADS, "size": UPLOAD_BYTES}
            growth, answers = growth_by_uploads(gateway, f"{PREFIX}/my-openai/v1/chat/completions", [forged], **options)
            issuer.fault.clear()
    assert growth < WORKERS * MOST_HELD_BY_A_WORKER
    assert {code(answer) for answer in answers} <= {"keys_pending", "too_much_held", None}


def test_unauthenticated_uploads_that_wait_for_their_model_take_little_memory(start_gateway, world):
    own = {"name": "own", "type": "anthropic", "base_url": world.anthropic.base_url, "models": ["m"]}
    document = {
        "authentication": {"issuers": [entry(world.identity_provider)]},
        "providers": [own | {"authorization_passthrough": True}],
    }
    with start_gateway(document, concurrency=WORKERS) as gateway:
        options = {"connections": UPLOADS, "size": UPLOAD_BYTES}
        target = f"{PREFIX}/own/v1/messages"
        growth, answers = growth_by_uploads(gateway, target, ["x-api-key: sk-ant-own"], **options)
    assert growth < WORKERS * MOST_HELD_BY_A_WORKER
    assert {code(answer) for answer in answers} <= {"model_too_late", "body_not_json", "too_much_held", None}


def code(answer):
    """The gateway's error code in an answer, or `None` if the connection ended without one."""
    _, _, body = answer.partition(b"\r\n\r\n")
    return json.loads(body)["error"]["code"] if body else None
