"""Optional observability: logged claims, conversation ids and prices."""

import json
import re

import pytest

from mocks.world import AUDIENCE
from support.client import BEARER, access_log, exchange, wait_until
from support.scripted_provider import Script
from support.usage import logged, post, samples, scripted_gateway, scripted_provider, total

CHAT = "/v1/chat/completions"
USAGE = {
    "prompt_tokens": 1_000,
    "completion_tokens": 10,
    "prompt_tokens_details": {"cached_tokens": 400},
}
PRICES = {"m": {"input": 3, "output": 15, "cached_input": 0.3, "tiers": {"flex": {"multiplier": 0.5}}}}
COST = (600 * 3 + 400 * 0.3 + 10 * 15) / 1_000_000
OPTIONS = {"log_claims": ["groups", "/org/name", "absent"], "conversation_headers": ["x-my-thread", "x-other"]}
NAMES = [
    "claims",
    "no-claims",
    "large-claims",
    "thread",
    "both",
    "default-name",
    "priced",
    "unpriced",
    "flex",
    "priority",
    "invented",
]


@pytest.fixture(scope="module")
def scripted(world, start_gateway):
    names = dict.fromkeys(NAMES, "openai")
    with scripted_gateway(world, start_gateway, names, {"prices": PRICES}) as (upstream, gateway):
        providers = [scripted_provider(world, upstream, name, "openai") | {"prices": PRICES} for name in names]
        issuers = [{"issuer": world.identity_provider.issuer, "audiences": [AUDIENCE]}]
        document = {"authentication": {"issuers": issuers}, "providers": providers, "observability": OPTIONS}
        assert gateway.configure(document)
        yield upstream, gateway


def entry_of(scripted, token, provider, headers=(), model="m", **members):
    """The access log entry of a request."""
    upstream, gateway = scripted
    upstream.script = Script((json.dumps({"id": "c", "model": model, "usage": USAGE, **members}).encode(),))
    assert post(gateway, token, provider, CHAT, headers).status == 200
    (entry,) = logged(gateway, provider)
    return entry


def test_only_configured_claims_are_logged(scripted, world):
    token = world.identity_provider.mint({"groups": ["a", 'b"}'], "org": {"name": "o", "id": 7}, "email": "e@x"})
    entry = entry_of(scripted, token, "claims")
    assert json.loads(entry["ai_gateway.claims"]) == {"groups": ["a", 'b"}'], "/org/name": "o"}
    assert "e@x" not in json.dumps(entry)


def test_missing_claims_are_not_logged(scripted, token):
    assert "ai_gateway.claims" not in entry_of(scripted, token, "no-claims")


def test_claims_that_are_too_large_are_not_logged(scripted, world):
    token = world.identity_provider.mint({"groups": ["x" * 2000], "org": {"name": "o"}})
    assert json.loads(entry_of(scripted, token, "large-claims")["ai_gateway.claims"]) == {"/org/name": "o"}


@pytest.mark.parametrize(
    ("provider", "headers", "conversation"),
    [
        ("thread", [("x-my-thread", 'a"b;.;c')], 'a"b;.;c'),
        ("both", [("x-other", "second"), ("x-my-thread", "first")], "first"),
        ("default-name", [("x-gen-ai-conversation", "not-asked-for")], None),
    ],
)
def test_the_conversation_is_taken_from_the_first_configured_header(provider, headers, conversation, scripted, token):
    assert entry_of(scripted, token, provider, headers).get("gen_ai.conversation.id") == conversation


def test_a_price_gives_the_exact_cost(scripted, token):
    entry = entry_of(scripted, token, "priced")
    assert float(entry["gen_ai.cost"]) == pytest.approx(COST, abs=1e-12)
    assert total(scripted[1], "gen_ai_cost", provider="priced") == round(COST * 1_000_000)


def test_a_model_without_a_price_has_no_cost(scripted, token):
    assert "gen_ai.cost" not in entry_of(scripted, token, "unpriced", model="another")
    assert total(scripted[1], "gen_ai_cost", provider="unpriced") == 0


@pytest.mark.parametrize(("tier", "factor", "missing"), [("flex", 0.5, None), ("priority", 1, "service_tier")])
def test_a_service_tier_has_its_price_or_the_cost_is_incomplete(tier, factor, missing, scripted, token):
    entry = entry_of(scripted, token, tier, service_tier=tier)
    assert float(entry["gen_ai.cost"]) == pytest.approx(COST * factor, abs=1e-12)
    assert entry.get("ai_gateway.cost.incomplete") == missing
    counted = total(scripted[1], "ai_gateway_cost_incomplete", provider=tier, reason="service_tier")
    assert counted == (1 if missing else 0)
    report = exchange(scripted[1], "GET", "/llm/v1/usage", [BEARER.filled(token)]).json()
    (usage,) = (provider for provider in report["providers"] if provider["name"] == tier)
    assert usage["cost_incomplete"] == counted


def test_models_that_a_provider_does_not_have_get_no_label(scripted, token):
    upstream, gateway = scripted
    upstream.script = Script((b"{}",), status=404)
    for number in range(120):
        body = json.dumps({"model": f"invented-{number}"}).encode()
        assert post(gateway, token, "invented", CHAT, body=body).status == 404
    upstream.script = Script((json.dumps({"model": "real", "usage": USAGE}).encode(),))
    assert post(gateway, token, "invented", CHAT).status == 200
    wait_until(lambda: total(gateway, "ai_gateway_requests", provider="invented") == 121)
    labels = {sample.labels["model"] for sample in samples(gateway, "ai_gateway_requests")}
    assert "real" in labels
    assert not [label for label in labels if label.startswith("invented-")]


def test_every_entry_is_one_line_of_json(scripted):
    gateway = scripted[1]
    lines = re.findall(r"^\{.*\}$", gateway.log(), re.MULTILINE)
    assert len(lines) == len(access_log(gateway)) >= 1
