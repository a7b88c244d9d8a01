"""Permissions in claims, bindings, and the allow rules of providers."""

import pytest

from support.client import BEARER, OPENAI, exchange
from support.gateway_config import PREFIX, configuration, provider
from support.issuers import entry, identity_provider, running

INVOKE = "dataplane_adp_llmprovider_invoke"
PROVIDERS = ["first", "second", "finance"]


def start(world, start_gateway, authorization):
    """A gateway with `PROVIDERS`. The last one has its own allow rule."""
    whole = configuration(world)
    whole["providers"] = [provider(name, "openai", world.openai) for name in PROVIDERS]
    whole["providers"][2]["allow"] = [{"claim": "groups", "value": "finance"}, {"subject": "auditor"}]
    return start_gateway(whole | {"authorization": authorization})


@pytest.fixture(scope="module")
def with_claims(world, start_gateway):
    """Permissions come from claims: the default permission names, the default claims and a nested one."""
    authorization = {"claims": ["permissions", "roles", "scope", "/realm_access/roles"]}
    with start(world, start_gateway, authorization) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def with_bindings(world, start_gateway):
    """Permissions come only from the gateway's bindings."""
    bindings = [
        {"subject": "svc-batch", "permissions": ["invoke"], "providers": ["first"]},
        {"claim": "groups", "value": "ml-team", "permissions": ["invoke"]},
        {"claim": "/org/unit", "value": "research", "permissions": ["invoke"], "providers": ["second"]},
        {"subject": "reader", "permissions": ["get"]},
    ]
    with start(world, start_gateway, {"bindings": bindings}) as gateway:
        yield gateway


@pytest.fixture
def allowed(world):
    """The providers that a token with only these claims may invoke."""

    def allowed(gateway, **claims):
        token = world.identity_provider.mint(claims, omit=[] if "permissions" in claims else ["permissions"])
        answers = {name: invoke(gateway, name, token) for name in PROVIDERS}
        assert {answer.status for answer in answers.values()} <= {200, 403}
        return [name for name, answer in answers.items() if answer.status == 200]

    return allowed


def invoke(gateway, name, token):
    return exchange(gateway, "POST", f"{PREFIX}/{name}/chat/completions", [BEARER.filled(token)], OPENAI.content())


@pytest.mark.parametrize(
    "claims",
    [
        {"permissions": [INVOKE]},
        {"permissions": ["other", INVOKE]},
        {"permissions": f"other {INVOKE}"},
        {"scope": f"openid {INVOKE} profile"},
        {"roles": ["LLMProviderInvoker"]},
        {"roles": "LLMProviderInvoker"},
        {"realm_access": {"roles": ["LLMProviderInvoker"]}},
    ],
    ids=str,
)
def test_a_permission_is_read_from_each_configured_claim_in_each_form(claims, with_claims, allowed):
    assert allowed(with_claims, **claims) == ["first", "second"]


@pytest.mark.parametrize(
    "claims",
    [
        {},
        {"permissions": []},
        {"permissions": ["dataplane_adp_llmprovider_get"]},
        {"permissions": [INVOKE.upper()]},
        {"permissions": [INVOKE + "_not"]},
        {"permissions": f"{INVOKE},other"},
        {"permissions": {INVOKE: False}},
        {"permissions": [[INVOKE]]},
        {"permissions": None},
        {"groups": [INVOKE]},
        {"realm_access": [INVOKE]},
        {"/realm_access/roles": [INVOKE]},
    ],
    ids=str,
)
def test_claims_without_a_permission_are_denied(claims, with_claims, allowed):
    assert allowed(with_claims, **claims) == []


def test_a_providers_allow_rule_restricts_what_permissions_grant(with_claims, allowed):
    assert "finance" in allowed(with_claims, permissions=[INVOKE], groups=["finance"])
    assert "finance" in allowed(with_claims, permissions=[INVOKE], groups="finance")
    assert "finance" in allowed(with_claims, permissions=[INVOKE], sub="auditor")
    assert "finance" not in allowed(with_claims, permissions=[INVOKE], groups=["finance2"])
    assert allowed(with_claims, groups=["finance"]) == []


@pytest.mark.parametrize(
    ("claims", "names"),
    [
        ({"sub": "svc-batch"}, ["first"]),
        ({"groups": ["x", "ml-team"]}, ["first", "second"]),
        ({"groups": "ml-team"}, ["first", "second"]),
        ({"groups": ["ml-team", "finance"]}, ["first", "second", "finance"]),
        ({"org": {"unit": "research"}}, ["second"]),
        ({"org": {"unit": "research"}, "sub": "svc-batch"}, ["first", "second"]),
        ({"sub": "svc-batch2"}, []),
        ({"sub": "reader"}, []),
        ({"groups": "the ml-team"}, []),
        ({"permissions": [INVOKE]}, ["first", "second"]),
    ],
    ids=str,
)
def test_bindings_grant_by_subject_and_by_claim(claims, names, with_bindings, allowed):
    assert allowed(with_bindings, **claims) == names


def test_a_binding_and_a_rule_can_be_limited_to_one_issuer(world, start_gateway):
    """Two issuers may use the same subject for different callers."""
    with running(identity_provider()) as (another,):
        whole = configuration(world)
        ours, others = world.identity_provider, another
        whole["authentication"]["issuers"].append(entry(others))
        whole["providers"] = [provider(name, "openai", world.openai) for name in PROVIDERS]
        whole["providers"][1]["allow"] = [{"issuer": others.issuer, "subject": "alice"}]
        bindings = [{"issuer": ours.issuer, "subject": "alice", "permissions": ["invoke"]}]
        with start_gateway(whole | {"authorization": {"bindings": bindings}}) as gateway:
            for issuer, claims, expected in [
                (ours, {"omit": ["permissions"]}, [200, 403]),
                (others, {"omit": ["permissions"]}, [403, 403]),
                (others, {}, [200, 200]),
                (ours, {}, [200, 403]),
            ]:
                token = issuer.mint({"sub": "alice", **({} if claims else {"permissions": [INVOKE]})}, **claims)
                assert [invoke(gateway, name, token).status for name in PROVIDERS[:2]] == expected


def test_a_refusal_names_the_permission_and_the_provider(world, with_bindings):
    answer = invoke(with_bindings, "second", world.identity_provider.mint({"sub": "svc-batch"}, omit=["permissions"]))
    assert (answer.status, answer.code) == (403, "permission_denied")
    assert INVOKE in answer.message and '"second"' in answer.message
    assert not world.openai.requests


def test_a_refusal_by_the_allow_rule_names_the_provider(world, with_claims, token):
    answer = invoke(with_claims, "finance", token)
    assert (answer.status, answer.code) == (403, "permission_denied")
    assert "allow rule" in answer.message and '"finance"' in answer.message
    assert not world.openai.requests


def test_permission_names_can_be_configured(world, start_gateway, allowed):
    authorization = {"claims": ["https://example.com/perms"], "invoke": ["llm:use"]}
    with start(world, start_gateway, authorization) as gateway:
        assert allowed(gateway, **{"https://example.com/perms": ["llm:use"]}) == ["first", "second"]
        assert allowed(gateway, permissions=[INVOKE]) == []
