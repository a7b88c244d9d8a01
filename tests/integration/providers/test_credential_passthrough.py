"""Passthrough: the client's own credential reaches the provider unchanged, the gateway token never does."""

import pytest

from support.client import ANTHROPIC, COMPATIBLE, OPENAI, exchange
from support.gateway_config import PREFIX, configuration

OWN = "own-credential-of-the-client"
APIS = {"openai": OPENAI, "anthropic": ANTHROPIC, "openai_compatible": COMPATIBLE}


@pytest.fixture(scope="module")
def gateway(world, start_gateway):
    """Passthrough providers of each type: `own-<type>`, and `both-<type>`, which also requires a gateway token."""
    whole = configuration(world)
    whole["providers"] = [
        {
            "name": f"{name}-{kind.replace('_', '-')}",
            "type": kind,
            "base_url": api.upstream(world).base_url,
            "authorization_passthrough": True,
            "require_gateway_token": name == "both",
        }
        for kind, api in APIS.items()
        for name in ("own", "both")
    ]
    with start_gateway(whole) as gateway:
        yield gateway


@pytest.fixture(autouse=True)
def providers_take_the_clients_own_credential(world, monkeypatch):
    monkeypatch.setattr(world.anthropic, "oauth_tokens", {OWN})
    for mock in (world.openai, world.compatible):
        monkeypatch.setattr(mock, "api_key", OWN)


@pytest.fixture
def send(gateway):
    """Send a request with these headers to the passthrough provider of that name and type."""

    def send(name, kind, *headers):
        target = f"{PREFIX}/{name}-{kind.replace('_', '-')}{APIS[kind].path}"
        return exchange(gateway, "POST", target, [*APIS[kind].headers, *headers], APIS[kind].content())

    return send


@pytest.fixture
def received(world):
    """The only request that reached the provider of that type."""

    def received(kind):
        (request,) = APIS[kind].upstream(world).requests
        return request

    return received


def bearer(credential):
    return "Authorization", f"Bearer {credential}"


@pytest.mark.parametrize("kind", APIS)
@pytest.mark.parametrize("value", [f"Bearer {OWN}", f"bEaReR   {OWN}"])
def test_the_authorization_header_goes_through_unchanged(kind, value, send, received):
    send("own", kind, ("AUTHORIZATION", value))
    assert received(kind).values("authorization") == [value.encode()]
    assert received(kind).values("x-api-key") == []


def test_an_anthropic_api_key_goes_through_unchanged(world, send, received):
    assert send("own", "anthropic", ("X-Api-Key", world.anthropic.api_key)).status == 200
    assert received("anthropic").values("x-api-key") == [world.anthropic.api_key.encode()]
    assert received("anthropic").values("authorization") == []


@pytest.mark.parametrize("kind", APIS)
def test_other_credentials_do_not_go_through(kind, send, received, token):
    foreign = ("x-goog-api-key", "api-key", "cookie", "proxy-authorization", "x-amz-security-token", "x_api_key")
    assert send("own", kind, bearer(OWN), *((name, "leak") for name in foreign)).status == 200
    for name in foreign:
        assert received(kind).values(name) == []


@pytest.mark.parametrize("kind", APIS)
def test_a_request_without_a_credential_is_a_401(kind, world, send):
    answer = send("own", kind, ("x-goog-api-key", OWN))
    assert (answer.status, answer.code) == (401, "credential_missing")
    assert answer.header("x-should-retry") == "false"
    assert not APIS[kind].upstream(world).requests


@pytest.mark.parametrize("kind", APIS)
def test_a_gateway_token_is_never_passed_through(kind, world, send, token):
    answer = send("own", kind, bearer(token))
    assert (answer.status, answer.code) == (401, "token_misplaced")
    assert "x-ai-gateway-authorization" in answer.message
    assert not APIS[kind].upstream(world).requests


@pytest.mark.parametrize("form", ["bearer  {}", "Bearer\t{}", "Bearer {},", 'Bearer "{}"', "Token {}", "{}"])
def test_a_gateway_token_is_never_passed_through_in_any_encoding(form, world, send, token):
    answer = send("own", "openai", ("authorization", form.format(token)))
    assert not world.openai.requests
    assert (answer.status, answer.code) == (401, "token_misplaced")


def test_a_gateway_token_is_never_passed_through_in_any_header(world, send, received, token):
    assert send("own", "anthropic", ("x-api-key", token)).code == "token_misplaced"
    assert not world.anthropic.requests
    assert send("own", "anthropic", bearer(OWN), ("x-api-key", token)).status == 200
    assert received("anthropic").values("x-api-key") == []


@pytest.mark.parametrize("name", ["own", "both"])
@pytest.mark.parametrize(
    ("header", "form"), [("X-AI-Gateway-Authorization", "Bearer {}"), ("X-Redpanda-Cloud-Token", "{}")]
)
def test_a_valid_token_in_the_gateway_token_header_is_accepted_and_removed(name, header, form, send, received, token):
    assert send(name, "anthropic", bearer(OWN), (header, form.format(token))).status == 200
    assert received("anthropic").values("authorization") == [f"Bearer {OWN}".encode()]
    assert received("anthropic").values(header) == []


@pytest.mark.parametrize("name", ["own", "both"])
def test_a_bad_token_in_the_gateway_token_header_is_refused_whether_required_or_not(name, world, send):
    expired = world.identity_provider.mint({"exp": 1})
    for bad, code in [("no-token", "token_malformed"), (expired, "token_expired")]:
        answer = send(name, "anthropic", bearer(OWN), ("x-ai-gateway-authorization", f"Bearer {bad}"))
        assert (answer.status, answer.code) == (401, code)
    unpermitted = world.identity_provider.mint(omit=["permissions"])
    answer = send(name, "anthropic", bearer(OWN), ("x-ai-gateway-authorization", f"Bearer {unpermitted}"))
    assert (answer.status, answer.code) == (403, "permission_denied")
    assert not world.anthropic.requests


@pytest.mark.parametrize("kind", APIS)
def test_a_missing_required_token_is_a_401_that_names_the_gateway_token_header(kind, world, send, token):
    misplaced = send("both", kind, bearer(token))
    assert (misplaced.status, misplaced.code) == (401, "token_missing")
    assert "x-ai-gateway-authorization" in misplaced.message
    assert send("both", kind, bearer(OWN)).status == 401
    assert send("both", kind).code == "token_missing"
    assert not APIS[kind].upstream(world).requests


def test_a_required_token_without_the_clients_own_credential_is_refused(world, send, token):
    answer = send("both", "anthropic", ("x-ai-gateway-authorization", f"Bearer {token}"))
    assert (answer.status, answer.code) == (401, "credential_missing")
    assert not world.anthropic.requests
