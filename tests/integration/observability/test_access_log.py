"""Access log entries of refused requests, of operations that do not generate, and of bodies that are not JSON."""

import io
import json
from types import SimpleNamespace

import pytest
from anthropic import Anthropic
from openai import OpenAI

from support.client import MESSAGES, access_log, wait_until
from support.gateway_config import PREFIX
from support.scripted_provider import Script
from support.usage import logged, post, scripted_gateway

SUBJECT = "reader@example.com"
AUDIO = b"RIFF" + bytes(100_000)
NAMES = {
    "counting": "anthropic",
    "audio": "openai",
    "chat": "openai",
    "refusing": "openai",
    "signing": "bedrock",
}


@pytest.fixture(scope="module")
def scripted(world, start_gateway):
    with scripted_gateway(world, start_gateway, NAMES) as both:
        yield both


def test_incomplete_log_lines_are_not_read():
    """Envoy writes a block page by page, so a reader may see a part of a line."""
    log = SimpleNamespace(log=lambda: '[info] starting\n{"path":"/a"}\n{"path":"/')
    assert access_log(log) == [{"path": "/a"}]


def refused(gateway, path):
    """The only access log entry about a path."""

    def entries():
        return [entry for entry in access_log(gateway) if entry["path"] == path]

    wait_until(entries)
    (entry,) = entries()
    return entry


@pytest.mark.parametrize("provider", ["refusing", "signing"])
def test_a_caller_without_permission_is_named(provider, scripted, world):
    _, gateway = scripted
    token = world.identity_provider.mint({"sub": SUBJECT}, omit=["permissions"])
    path = f"/no/permission/{provider}"
    assert post(gateway, token, provider, path).code == "permission_denied"
    entry = refused(gateway, f"{PREFIX}/{provider}{path}")
    assert entry["response_code"] == 403
    assert entry["ai_gateway.error"] == "permission_denied"
    assert entry["ai_gateway.provider"] == provider
    assert entry["enduser.id"] == SUBJECT
    assert entry["ai_gateway.issuer"] == world.identity_provider.issuer


def test_a_caller_of_an_unknown_provider_is_named(scripted, world):
    _, gateway = scripted
    token = world.identity_provider.mint({"sub": SUBJECT})
    assert post(gateway, token, "nobody", "/x").code == "provider_not_found"
    entry = refused(gateway, f"{PREFIX}/nobody/x")
    assert (entry["ai_gateway.error"], entry["enduser.id"]) == ("provider_not_found", SUBJECT)
    assert entry["ai_gateway.provider"] is None


def test_an_unauthenticated_client_is_not_named(scripted, world):
    _, gateway = scripted
    token = world.identity_provider.mint({"sub": SUBJECT, "exp": 1})
    assert post(gateway, token, "refusing", "/strange").code == "token_expired"
    entry = refused(gateway, f"{PREFIX}/refusing/strange")
    assert entry["ai_gateway.error"] == "token_expired"
    assert [entry[name] for name in ("enduser.id", "ai_gateway.issuer", "ai_gateway.provider")] == [None] * 3


def test_the_requested_and_the_response_model_are_logged(scripted, token):
    upstream, gateway = scripted
    upstream.script = Script((b'{"input_tokens":14}',), headers={"content-type": "application/json"})
    client = Anthropic(base_url=f"{gateway.url}{PREFIX}/counting", auth_token=token)
    assert client.messages.count_tokens(model="claude-sonnet-4-6", messages=MESSAGES).input_tokens == 14
    (entry,) = logged(gateway, "counting")
    assert entry["gen_ai.request.model"] == "claude-sonnet-4-6"
    assert not [name for name in entry if name.startswith("gen_ai.usage.")]
    assert "ai_gateway.usage.incomplete" not in entry


def test_the_model_of_a_multipart_upload_is_logged(scripted, token):
    upstream, gateway = scripted
    usage = {"type": "tokens", "input_tokens": 14, "output_tokens": 3, "total_tokens": 17}
    body = json.dumps({"text": "spoken text", "usage": usage}).encode()
    upstream.script = Script((body,), headers={"content-type": "application/json"})
    client = OpenAI(base_url=f"{gateway.url}{PREFIX}/audio", api_key=token)
    file = ("a.wav", io.BytesIO(AUDIO))
    assert client.audio.transcriptions.create(model="gpt-4o-transcribe", file=file).text == "spoken text"
    (entry,) = logged(gateway, "audio")
    assert entry["gen_ai.request.model"] == "gpt-4o-transcribe"
    assert (entry["gen_ai.usage.input_tokens"], entry["gen_ai.usage.output_tokens"]) == ("14", "3")
    assert entry["bytes_received"] > len(AUDIO)
    assert entry["bytes_sent"] == len(body)
    assert entry["duration_ms"] >= entry["response_duration_ms"] >= 0


def test_the_cost_that_a_provider_reports_is_logged(scripted, token):
    upstream, gateway = scripted
    usage = {"prompt_tokens": 5, "completion_tokens": 2, "cost": 0.00025}
    body = json.dumps({"id": "c", "model": "m", "choices": [], "usage": usage}).encode()
    upstream.script = Script((body,), headers={"content-type": "application/json"})
    assert post(gateway, token, "chat", "/v1/chat/completions").status == 200
    (entry,) = logged(gateway, "chat")
    assert entry["gen_ai.cost.reported"] == "0.00025"
    assert "gen_ai.cost" not in entry
