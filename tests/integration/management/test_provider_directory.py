"""The directory of providers, filtered by what the caller may see."""

import pytest

from mocks.world import AUDIENCE
from support.client import BEARER, exchange
from support.gateway_config import PREFIX, configuration, provider

GROUP = "ml-team"


@pytest.fixture(scope="module")
def gateway(world, start_gateway):
    """The usual providers, one with every field that the directory shows, and one that only a group may use."""
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
def get(world, gateway):
    """Request a path below the prefix with a token that has these additional claims."""

    def get(path="", claims=None, method="GET"):
        token = world.identity_provider.mint(claims)
        return exchange(gateway, method, PREFIX + path, [BEARER.filled(token)])

    return get


def bound_to(subject, **claims):
    """Claims of a caller who has only the permissions that bindings grant."""
    return {"sub": subject, "permissions": [], **claims}


def names(answer):
    return [entry["name"] for entry in answer.json()["providers"]]


def test_one_provider_is_shown_with_all_fields_that_are_not_secret(get, world, gateway):
    answer = get("/my-openai")
    assert (answer.status, answer.header("content-type")) == (200, "application/json")
    assert answer.json() == {
        "name": "my-openai",
        "display_name": "OpenAI for Büro 1",
        "type": "openai",
        "status": "enabled",
        "proxy_url": f"{gateway.url}{PREFIX}/my-openai",
        "base_url": world.openai.base_url,
        "models": ["gpt-4o", "gpt-4o-mini"],
        "models_restricted": True,
        "authorization_passthrough": False,
        "tokens": [{"issuer": world.identity_provider.issuer, "audience": AUDIENCE}],
    }


def test_the_list_has_the_same_entries(get):
    listed = get()
    assert listed.status == 200
    assert names(listed) == ["my-anthropic", "my-claude", "my-disabled", "my-google", "my-openai", "my-vllm"]
    for entry in listed.json()["providers"]:
        assert get("/" + entry["name"]).json() == entry


def test_status_and_passthrough_are_shown(get):
    assert get("/my-disabled").json()["status"] == "disabled"
    assert get("/my-claude").json()["authorization_passthrough"] is True


def test_a_trailing_slash_and_a_query_are_ignored(get):
    assert get("/").json() == get().json() == get("?page=1").json()
    assert get("/my-openai/").json() == get("/my-openai").json()


def test_no_secret_is_shown(get, world):
    shown = (get().body + get("/my-openai").body).decode()
    for secret in (world.openai.api_key, world.anthropic.api_key, world.google.api_key, "secret-tenant", "api_key"):
        assert secret not in shown


def test_the_proxy_url_works_unchanged(get, gateway, token):
    proxy_url = get("/my-vllm").json()["proxy_url"]
    models = proxy_url.removeprefix(gateway.url) + "/models"
    assert exchange(gateway, "GET", models, [BEARER.filled(token)]).status == 200


def test_bindings_and_allow_rules_filter_the_list(get):
    assert "only-ml" not in names(get())
    assert "only-ml" in names(get(claims={"groups": [GROUP]}))
    assert names(get(claims=bound_to("reader"))) == ["my-google"]
    assert names(get(claims=bound_to("reader", groups=GROUP))) == ["my-google", "only-ml"]


def test_a_provider_is_shown_only_to_callers_whose_list_has_it(get):
    reader = bound_to("reader")
    assert get("/my-google", reader).status == 200
    assert get("/my-openai", reader).status == 403
    assert get("/only-ml", reader).status == 403
    assert get("/only-ml").status == 403
    assert get("/only-ml", {"groups": [GROUP]}).status == 200


@pytest.mark.parametrize("path", ["", "/my-openai"])
def test_the_directory_needs_the_get_permission(path, get):
    for claims in ({"permissions": ["dataplane_adp_llmprovider_invoke"]}, bound_to("caller"), bound_to("nobody")):
        answer = get(path, claims)
        assert (answer.status, answer.code) == (403, "permission_denied")
        assert "dataplane_adp_llmprovider_get" in answer.message
    assert get(path, {"permissions": ["dataplane_adp_llmprovider_get"]}).status == 200


def test_unauthenticated_clients_get_the_same_401_everywhere(gateway):
    paths = ("", "/my-openai", "/no-such-provider", "/my-disabled", "/only-ml")
    answers = [exchange(gateway, "GET", PREFIX + path) for path in paths]
    assert {(answer.status, answer.code) for answer in answers} == {(401, "token_missing")}
    assert len({answer.body for answer in answers}) == 1


def test_an_unknown_provider_is_a_404(get):
    answer = get("/no-such-provider")
    assert (answer.status, answer.code) == (404, "provider_not_found")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_the_directory_can_only_be_read(method, get):
    assert get("", method=method).status == 404
    assert get("/my-openai", method=method).status == 404


def test_head_has_no_body(get):
    answer = get("", method="HEAD")
    assert (answer.status, answer.body) == (200, b"")
