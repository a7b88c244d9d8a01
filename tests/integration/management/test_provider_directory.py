"""The directory: which providers there are, for those who may know."""

import pytest

from mocks.world import AUDIENCE
from support.client import BEARER, exchange
from support.gateway_config import PREFIX, configuration, provider

GROUP = "ml-team"


@pytest.fixture(scope="module")
def gateway(world, start_gateway):
    """The usual providers with everything that the directory shows, and one that only a group may use."""
    whole = configuration(world)
    whole["providers"][0] |= {
        "display_name": "OpenAI for Büro 1",
        "models": ["gpt-4o", "gpt-4o-mini"],
        "headers": {"x-tenant": "secret-tenant"},
    }
    whole["providers"].append(
        provider("only-ml", "openai", world.openai) | {"allow": [{"claim": "groups", "value": GROUP}]}
    )
    whole["authorization"] = {
        "bindings": [
            {"subject": "reader", "permissions": ["get"], "providers": ["my-google", "only-ml"]},
            {"subject": "caller", "permissions": ["invoke"]},
        ]
    }
    with start_gateway(whole) as gateway:
        yield gateway


@pytest.fixture
def look(world, gateway):
    """The answer to `GET` of a path below the prefix, for a token with these claims beside the usual ones."""

    def look(path="", claims=None, method="GET"):
        token = world.identity_provider.mint(claims)
        return exchange(gateway, method, PREFIX + path, [BEARER.filled(token)])

    return look


def bound_to(subject, **claims):
    """Claims of a caller who has what the bindings give, and no permission of the identity provider's."""
    return {"sub": subject, "permissions": [], **claims}


def names(answer):
    return [entry["name"] for entry in answer.json()["providers"]]


def test_one_provider_is_shown_with_all_that_is_no_secret(look, world, gateway):
    answer = look("/my-openai")
    assert (answer.status, answer.header("content-type")) == (200, "application/json")
    assert answer.json() == {
        "name": "my-openai",
        "display_name": "OpenAI for Büro 1",
        "type": "openai",
        "status": "enabled",
        "proxy_url": f"{gateway.url}{PREFIX}/my-openai",
        "base_url": world.openai.base_url,
        "models": ["gpt-4o", "gpt-4o-mini"],
        "authorization_passthrough": False,
        "tokens": [{"issuer": world.identity_provider.issuer, "audience": AUDIENCE}],
    }


def test_the_list_has_the_same_entries(look):
    listed = look()
    assert listed.status == 200
    assert names(listed) == ["my-anthropic", "my-claude", "my-disabled", "my-google", "my-openai", "my-vllm"]
    for entry in listed.json()["providers"]:
        assert look("/" + entry["name"]).json() == entry


def test_status_and_passthrough_are_shown(look):
    assert look("/my-disabled").json()["status"] == "disabled"
    assert look("/my-claude").json()["authorization_passthrough"] is True


def test_a_trailing_slash_and_a_query_change_nothing(look):
    assert look("/").json() == look().json() == look("?page=1").json()
    assert look("/my-openai/").json() == look("/my-openai").json()


def test_no_secret_is_shown(look, world):
    shown = (look().body + look("/my-openai").body).decode()
    for secret in (world.openai.api_key, world.anthropic.api_key, world.google.api_key, "secret-tenant", "api_key"):
        assert secret not in shown


def test_the_proxy_url_works_as_it_is(look, gateway, token):
    proxy_url = look("/my-vllm").json()["proxy_url"]
    models = proxy_url.removeprefix(gateway.url) + "/models"
    assert exchange(gateway, "GET", models, [BEARER.filled(token)]).status == 200


def test_bindings_and_allow_rules_filter_the_list(look):
    assert "only-ml" not in names(look())
    assert "only-ml" in names(look(claims={"groups": [GROUP]}))
    assert names(look(claims=bound_to("reader"))) == ["my-google"]
    assert names(look(claims=bound_to("reader", groups=GROUP))) == ["my-google", "only-ml"]


def test_a_provider_is_shown_to_those_who_would_find_it_in_the_list(look):
    reader = bound_to("reader")
    assert look("/my-google", reader).status == 200
    assert look("/my-openai", reader).status == 403
    assert look("/only-ml", reader).status == 403
    assert look("/only-ml").status == 403
    assert look("/only-ml", {"groups": [GROUP]}).status == 200


@pytest.mark.parametrize("path", ["", "/my-openai"])
def test_seeing_needs_the_get_permission(path, look):
    for claims in ({"permissions": ["dataplane_adp_llmprovider_invoke"]}, bound_to("caller"), bound_to("nobody")):
        answer = look(path, claims)
        assert (answer.status, answer.code) == (403, "permission_denied")
        assert "dataplane_adp_llmprovider_get" in answer.message
    assert look(path, {"permissions": ["dataplane_adp_llmprovider_get"]}).status == 200


def test_a_stranger_gets_the_same_401_everywhere(gateway):
    paths = ("", "/my-openai", "/no-such-provider", "/my-disabled", "/only-ml")
    answers = [exchange(gateway, "GET", PREFIX + path) for path in paths]
    assert {(answer.status, answer.code) for answer in answers} == {(401, "token_missing")}
    assert len({answer.body for answer in answers}) == 1


def test_an_unknown_provider_is_a_404(look):
    answer = look("/no-such-provider")
    assert (answer.status, answer.code) == (404, "provider_not_found")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_the_directory_can_only_be_read(method, look):
    assert look("", method=method).status == 404
    assert look("/my-openai", method=method).status == 404


def test_head_has_no_body(look):
    answer = look("", method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
