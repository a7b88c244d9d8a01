"""The provider receives its own credential and no other, whatever the client sends."""

from urllib.parse import urlsplit

import pytest

from support.client import APIS, BEARER, OPENAI, Slot, ask, exchange
from support.gateway_config import PREFIX, configuration

LEAK = "leak-0123456789"

GATEWAY_TOKEN_HEADERS = ["X-AI-Gateway-Authorization", "X-Redpanda-Cloud-Token"]

FOREIGN_HEADERS = [
    ("Api-Key", LEAK),
    ("API_KEY", LEAK),
    ("x_api_key", LEAK),
    ("X_Goog_Api_Key", LEAK),
    ("X_Redpanda_Cloud_Token", LEAK),
    ("x_ai_gateway_cluster", LEAK),
    ("Cookie", f"session={LEAK}"),
    ("cookie", f"other={LEAK}; more={LEAK}"),
    ("Proxy-Authorization", f"Basic {LEAK}"),
    ("proxy_authorization", f"Basic {LEAK}"),
    ("X-Amz-Date", LEAK),
    ("x-amz-security-token", LEAK),
    ("X-AMZ-Content-SHA256", LEAK),
    ("x_amz_security_token", LEAK),
    ("Amz-Sdk-Request", LEAK),
    ("AMZ-SDK-Invocation-Id", LEAK),
    ("X-AI-Gateway-Cluster", LEAK),
    ("X-AI-GATEWAY-PROVIDER", LEAK),
    ("x-ai-gateway-anything", LEAK),
    ("X-Forwarded-Client-Cert", LEAK),
    ("Ocp-Apim-Subscription-Key", LEAK),
    ("X-LiteLLM-API-Key", LEAK),
    ("cf_aig_authorization", LEAK),
]
SDK_HEADERS = [("Authorization", f"Bearer {LEAK}"), ("X-API-KEY", LEAK), ("X-Goog-Api-Key", LEAK)]
FOREIGN_QUERY = f"?key={LEAK}&Api_Key={LEAK}&access_token={LEAK}&X-Amz-Signature={LEAK}&x-amz-credential={LEAK}&a=%2F"
FOREIGN_QUERY += f"&$httpHeaders=Authorization:{LEAK}&bearer_token={LEAK}&Subscription-Key={LEAK}"

HARMLESS = [("User-Agent", "an SDK"), ("X-Stainless-Lang", "python"), ("anthropic-beta", "a,b")]
RECEIVED = {"host", "content-length", "x-request-id"}
"""Headers that the gateway or Envoy adds to the client's harmless headers and the provider's key."""


def assert_only_the_providers_own_credential(api, world, token):
    """Check the last request that the mock recorded."""
    (request,) = api.upstream(world).requests
    everything = request.path.encode() + b"".join(name + value for name, value in request.headers)
    assert LEAK.encode() not in everything
    assert token.encode() not in everything
    name, value = api.key.filled(api.upstream(world).api_key)
    assert request.values(name) == [value.encode()]
    assert request.values("host") == [urlsplit(api.upstream(world).base_url).netloc.encode()]
    harmless = {name.lower() for name, _ in [*HARMLESS, *api.headers]}
    assert {name.decode().lower() for name, _ in request.headers} == RECEIVED | harmless | {name}


def others(slot):
    """Credentials as SDKs of other APIs send them."""
    return [(name, value) for name, value in SDK_HEADERS if name.lower() != slot.header]


@pytest.mark.parametrize("api", APIS.values(), ids=APIS)
def test_the_provider_sees_its_own_credential_and_none_of_the_clients(api, world, gateway, token):
    headers = [*others(api.token), *FOREIGN_HEADERS, *HARMLESS]
    answer = ask(gateway, api, token, headers, FOREIGN_QUERY)
    assert answer.status == 200, answer
    assert_only_the_providers_own_credential(api, world, token)
    assert api.upstream(world).requests[0].path.endswith("?a=%2F")


@pytest.mark.parametrize("token_header", GATEWAY_TOKEN_HEADERS)
@pytest.mark.parametrize("api", APIS.values(), ids=APIS)
def test_the_gateway_token_header_takes_precedence_and_other_credentials_are_removed(
    api, token_header, world, gateway, token
):
    form = "Bearer {}" if token_header == GATEWAY_TOKEN_HEADERS[0] else "{}"
    headers = [Slot(token_header, form).filled(token), *SDK_HEADERS, *FOREIGN_HEADERS, *HARMLESS]
    headers = [(name, value) for name, value in headers if name.lower() != token_header.lower() or value != LEAK]
    answer = ask(gateway, api, None, headers, FOREIGN_QUERY)
    assert answer.status == 200, answer
    assert_only_the_providers_own_credential(api, world, token)


@pytest.mark.parametrize("api", APIS.values(), ids=APIS)
def test_a_token_in_every_place_is_removed_from_all(api, world, gateway, token):
    everywhere = [("Authorization", f"bEARER {token}"), ("X-Api-Key", token), ("X-Goog-Api-Key", token)]
    headers = [*everywhere, ("Api-Key", token), ("x-ai-gateway-authorization", f"Bearer {token}"), *HARMLESS]
    answer = ask(gateway, api, None, headers, f"?key={token}")
    assert answer.status == 200, answer
    assert_only_the_providers_own_credential(api, world, token)


def test_claude_codes_key_helper_may_send_the_token_twice(world, gateway, token):
    api = APIS["anthropic"]
    answer = ask(gateway, api, token, [("x-api-key", token), *HARMLESS])
    assert answer.status == 200, answer
    assert_only_the_providers_own_credential(api, world, token)


def test_googles_openai_paths_get_the_key_as_a_bearer_token(world, gateway, token):
    target = f"{PREFIX}/my-google/v1beta/openai/chat/completions"
    headers = [("Authorization", f"Bearer {token}"), ("x-goog-api-key", LEAK)]
    assert exchange(gateway, "POST", target, headers, OPENAI.content()).status == 200
    (request,) = world.google.requests
    assert request.values("authorization") == [f"Bearer {world.google.api_key}".encode()]
    assert request.values("x-goog-api-key") == []


def test_a_configured_key_header_carries_only_the_key(world, start_gateway, token):
    whole = configuration(world)
    whole["providers"] = [
        {
            "name": "my-openai",
            "type": "openai",
            "base_url": world.openai.base_url,
            "api_key": {"value": "the-key"},
            "api_key_header": "Api-Key",
            "headers": {"X-Tenant": "blue"},
        }
    ]
    with start_gateway(whole) as gateway:
        ask(gateway, OPENAI, token, [("api-key", LEAK), ("x-tenant", "red")])
    (request,) = world.openai.requests
    assert request.values("api-key") == [b"the-key"]
    assert request.values("x-tenant") == [b"blue"]
    assert request.values("authorization") == []


@pytest.mark.parametrize(
    "name",
    [
        "X-AI-Gateway-Foo",
        "X-Envoy-Upstream-Rq-Timeout-Ms",
        "X-Envoy-Retry-On",
        "X-Envoy-Original-Path",
        "X-Envoy-Anything",
        "X-Forwarded-For",
        "X-Forwarded-Proto",
        "X-Forwarded-Host",
        "X-Forwarded-Port",
        "X-Amzn-Oidc-Accesstoken",
        "X-Amzn-Oidc-Data",
        "X-Auth-Request-Access-Token",
        "X-Goog-IAP-JWT-Assertion",
        "X-Goog-Authenticated-User-Email",
        "X-MS-Client-Principal-Name",
        "X-MS-Token-AAD-Access-Token",
        "Cf-Access-Jwt-Assertion",
        "CF-Connecting-IP",
        "True-Client-IP",
        "X-Client-IP",
    ],
)
def test_proxy_headers_are_not_forwarded(name, world, gateway, token):
    assert ask(gateway, OPENAI, token, [(name, "1")]).status == 200
    (request,) = world.openai.requests
    assert request.values(name) == []


def test_a_client_cannot_control_envoy_by_headers(world, gateway, token):
    hurried = [("x-mock-stream", "chunks=4,interval_ms=100"), ("x-envoy-upstream-rq-timeout-ms", "50")]
    answer = exchange(gateway, "POST", OPENAI.target, [BEARER.filled(token), *hurried], OPENAI.content(stream=True))
    assert (answer.status, answer.body[-14:]) == (200, b"data: [DONE]\n\n")

    retried = [("x-mock-status", "500"), ("x-envoy-retry-on", "5xx"), ("x-envoy-max-retries", "3")]
    world.openai.requests.clear()
    assert ask(gateway, OPENAI, token, retried).status == 500
    assert len(world.openai.requests) == 1


@pytest.mark.parametrize("api", APIS.values(), ids=APIS)
def test_neither_response_nor_log_shows_a_credential(api, world, gateway, token):
    answers = [
        ask(gateway, api, token, [("cookie", LEAK)], f"?key={LEAK}"),
        ask(gateway, api, token, [("x-mock-status", "500")]),
        ask(gateway, api, LEAK),
        ask(gateway, api, token + LEAK),
        exchange(gateway, "GET", PREFIX, [BEARER.filled(token)]),
        exchange(gateway, "GET", f"{PREFIX}/{api.provider}", [BEARER.filled(token)]),
    ]
    assert [answer.status for answer in answers] == [200, 500, 401, 401, 200, 200]
    for shown in [*map(str, answers), gateway.log()]:
        for secret in (LEAK, token, api.upstream(world).api_key):
            assert secret not in shown


def test_response_headers_about_the_providers_account_are_removed(world, gateway, token):
    openai = ask(gateway, OPENAI, token)
    assert not {"openai-organization", "openai-project", "set-cookie"} & dict(openai.headers).keys()
    assert {"openai-version", "x-request-id"} <= dict(openai.headers).keys()
    anthropic = ask(gateway, APIS["anthropic"], token)
    assert anthropic.header("anthropic-organization-id") is None
    assert anthropic.header("request-id").startswith("req_mock")
    assert ask(gateway, APIS["google"], token).header("server-timing")


def test_the_removed_response_headers_can_be_configured(world, start_gateway, token):
    with start_gateway(configuration(world) | {"response_headers_to_remove": ["OpenAI-Version"]}) as gateway:
        answer = ask(gateway, OPENAI, token)
    assert answer.header("openai-version") is None
    assert answer.header("openai-organization") == "mock-organization"
