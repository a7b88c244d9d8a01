"""The provider receives its own credential and no other, whatever the client sends."""

from base64 import b64encode
from urllib.parse import urlsplit

import pytest

from support.bedrock import static
from support.client import APIS, BEARER, OPENAI, Slot, ask, exchange
from support.gateway_config import PREFIX, configuration
from support.raw_upstream import RawUpstream

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


_NAMES = """
X-OpenWebUI-User-Name X-OpenWebUI-User-Id X-OpenWebUI-User-Email X-OpenWebUI-User-Role X-OpenWebUI-Chat-Id
X-OpenWebUI-Message-Id X-Pomerium-Jwt-Assertion X-Pomerium-Claim-Email X-Pomerium-Claim-Groups
X-Pomerium-Authorization X-authentik-username X-authentik-groups X-authentik-email X-authentik-name X-authentik-uid
X-authentik-jwt X-authentik-meta-app X-authentik-entitlements X-authentik-auth-callback Remote-User Remote-Name
Remote-Groups Remote-Email REMOTE_USER X-Remote-User X-Remote-Group X-Remote-Extra-Scopes OIDC_access_token
OIDC_id_token OIDC_CLAIM_email OIDC-Claim-Sub OIDC_REMOTE_USER X-OIDC-Userinfo X-Auth-Request-User
X-Auth-Request-Email X-Auth-Request-Groups X-Auth-Request-Access-Token X-Auth-Request-Preferred-Username
X-Auth-Request-Redirect X-Auth-User X-Auth-Token X-Auth-Roles X-Auth-Userinfo X-Authenticated-User
X-Authenticated-Userid X-Authenticated-Scope X-Authenticated-Groups X-Authorization X-User X-User-Id X-User-Email
X-User-Roles X-UserEmail X-UserInfo X-Username X-Userinfo X-Email X-Account-Email X-Access-Token X-Id-Token
X-Refresh-Token X-Session-Token X-Token X-Jwt X-JWT-Assertion X-Jwt-Payload X-Token-Subject X-Token-Claim-Sub
X-Csrf-Token X-GitHub-Token X-Gitlab-Token Private-Token X-Vault-Token X-Ms-Token-Aad-Refresh-Token
X-Forwarded-Access-Token X-Forwarded-User X-Forwarded-Groups X-Forwarded-Email X-Forwarded-Preferred-Username
X-Forwarded-Tls-Client-Cert X-Forwarded-Prefix X-Amzn-Oidc-Identity X-Amzn-Oidc-Data X-Amzn-Mtls-Clientcert
X-Amzn-Mtls-Clientcert-Subject X-Amzn-Tls-Version X-Amzn-Trace-Id X-Amzn-Ava-User-Context X-Amzn-Vpce-Id
X-Ms-Client-Principal X-Ms-Client-Principal-Id X-Ms-Client-Principal-Idp X-Ms-Token-Aad-Id-Token X-Arr-Ssl
X-Arr-ClientCert X-Azure-ClientIP X-Azure-Ref X-Goog-IAP-JWT-Assertion X-Goog-Authenticated-User-Email
X-Goog-Authenticated-User-Id X-AppEngine-User-IP X-AppEngine-Country Cf-Access-Jwt-Assertion
Cf-Access-Authenticated-User-Email Cf-Connecting-IP Cf-IPCountry CF-Ray Cf-Aig-Metadata CF-Access-Client-Secret
Tailscale-User-Login Tailscale-User-Name Tailscale-App-Capabilities X-WebAuth-User X-WebAuth-Role X-Vouch-User
X-Vouch-IdP-AccessToken X-Vouch-IdP-Claims-Groups X-Grafana-Id X-Grafana-User X-Portkey-Api-Key X-Portkey-Virtual-Key
X-Portkey-Metadata Helicone-Auth Helicone-User-Id Helicone-Property-Team X-LiteLLM-Api-Key X-LiteLLM-Key
X-LiteLLM-Customer-Id X-BF-VK X-Langfuse-Public-Key SSL-Client-Cert SSL-Client-S-DN SSL_CLIENT_VERIFY X-SSL-Client-DN
X-SSL-Cert X-Client-Cert X-Client-Cert-Chain Client-Cert X-Client-Dn X-Client-Verify X-Spiffe-Id
X-Forwarded-Client-Cert X-TLS-Client-Subject X-Ja3-Fingerprint X-Consumer-Username X-Consumer-Custom-Id
X-Credential-Identifier X-Kong-Jwt-Claim-Sub X-Tyk-Authorization X-Apigee-Developer-Email X-Hasura-Role
X-Hasura-Admin-Secret X-Keycloak-Token X-Okta-User X-Shib-Mail Shib-Session-ID X-Clerk-Auth-Status
X-Oathkeeper-Subject X-Teleport-Login Teleport-Jwt-Assertion Impersonate-User Impersonate-Group X-JupyterHub-User
X-IBM-Client-Id X-IBM-Client-Secret X-Functions-Key X-Shared-Secret X-Password X-Employee-Number X-Device-Id
X-Client-IP X-Real-IP True-Client-IP Fastly-Client-IP Fly-Client-IP X-Cluster-Client-IP X-Original-Forwarded-For
X-Original-URL X-Vercel-Oidc-Token X-Vercel-Ip-Country CloudFront-Viewer-Country X-Akamai-Edgescape Forwarded Via From
Baggage Correlation-Context Origin Referer Sec-Fetch-Site X-Requested-With OpenAI-Organization OpenAI-Project
Anthropic-Workspace-Id ChatGPT-Account-Id X-Goog-User-Project X-Tenant-Id X-Org-Id
"""
PRIVATE_HEADERS = _NAMES.split()
"""Headers of proxies, identity-aware proxies, front ends, other gateways, developers' shells and browsers."""

BATCH = 40
"""Envoy accepts 100 headers, of 60 KiB together."""


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


def each_type(world, base_url):
    """A provider of each type at one address, under the type's name."""
    credentials = {"static": static(world.aws_credential)}
    aws = {"region": "us-east-1", "credentials": credentials}
    key = {"api_key": {"value": "key"}}
    types = {
        "openai": key,
        "anthropic": key,
        "google": key,
        "openai_compatible": key,
        "bedrock": aws,
        "bedrock_mantle": aws,
    }
    return [
        {"name": kind.replace("_", "-"), "type": kind, "base_url": base_url, **credential}
        for kind, credential in types.items()
    ]


@pytest.fixture(scope="module")
def recording(world, start_gateway):
    """A provider of each type that records the heads that it receives, and their gateway."""
    with RawUpstream() as upstream:
        document = configuration(world)
        document["providers"] = each_type(world, f"http://127.0.0.1:{upstream.port}")
        with start_gateway(document) as gateway:
            yield upstream, gateway, [provider["name"] for provider in document["providers"]]


def test_no_header_that_describes_the_caller_reaches_any_provider(recording, token):
    """Half of the headers carry a token, in several forms."""
    upstream, gateway, providers = recording
    assert len({name.lower() for name in PRIVATE_HEADERS}) >= 150
    basic = b64encode(f"user:{token}".encode()).decode()
    forms = [token, f"Bearer {token}", f"Basic {basic}", f"a=b; session={token}"]
    sent = [(name, forms[index // 2 % len(forms)] if index % 2 else LEAK) for index, name in enumerate(PRIVATE_HEADERS)]
    secrets = (LEAK.encode(), token.encode(), basic.encode())
    for provider in providers:
        credential = ("x-goog-api-key", token) if provider == "google" else BEARER.filled(token)
        for start in range(0, len(sent), BATCH):
            batch = sent[start : start + BATCH]
            headers = [credential, ("content-type", "application/json"), *batch, *HARMLESS]
            answer = exchange(gateway, "POST", f"{PREFIX}/{provider}/v1/whole", headers, b"{}")
            assert (answer.status, answer.body) == (200, b"whole"), provider
            received = upstream.heads[-1]
            names = {line.split(b":")[0].strip().lower() for line in received.split(b"\r\n")[1:]}
            leaked = {name for name, _ in batch if name.lower().encode() in names}
            assert (provider, leaked) == (provider, set())
            assert not [secret for secret in secrets if secret in received]
            assert {b"user-agent", b"x-stainless-lang", b"anthropic-beta"} <= names


def test_a_token_reaches_no_provider_in_a_harmless_header_or_in_the_query(recording, token):
    upstream, gateway, providers = recording
    basic = b64encode(f"user:{token}".encode()).decode()
    for provider in providers:
        credential = ("x-goog-api-key", token) if provider == "google" else BEARER.filled(token)
        forms = [token, f"Bearer {token}", f"Basic {basic}", f"v1 {token}; x"]
        headers = [(f"X-Anything-{index}", form) for index, form in enumerate(forms)]
        query = f"?a=%2F&session={token}&other={token.replace('.', '%2E')}&third=Basic%20{basic}&id_token=x&page_token=/whole"
        target = f"{PREFIX}/{provider}/v1/x{query}"
        assert exchange(gateway, "POST", target, [credential, *headers], b"{}").status == 200
        head = upstream.heads[-1]
        assert head.split(b" ")[1].endswith(b"?a=%2F&page_token=/whole"), provider
        assert b"x-anything" not in head.lower()


def test_operators_choose_which_headers_pass(world, start_gateway, token):
    with RawUpstream() as upstream:
        whole = configuration(world) | {
            "request_headers_to_remove": ["X-Stainless-*"],
            "response_headers_to_remove": ["x-first-*"],
        }
        strict = {"request_headers_allowed": ["anthropic-*", "x-user-id"], "response_headers_to_remove": ["*-second"]}
        whole["providers"] = each_type(world, f"http://127.0.0.1:{upstream.port}")[:2]
        whole["providers"][1] |= strict
        answered = [("x-user-id", "7"), ("x-other", "1"), *HARMLESS]
        with start_gateway(whole) as gateway:
            received = []
            for provider in ("openai", "anthropic"):
                target = f"{PREFIX}/{provider}/v1/whole"
                assert exchange(gateway, "POST", target, [BEARER.filled(token), *answered], b"{}").status == 200
                head = upstream.heads[-1].lower()
                received.append({name for name, _ in answered if b"\r\n" + name.lower().encode() + b":" in head})
    assert received == [{"x-other", "User-Agent", "anthropic-beta"}, {"x-user-id", "User-Agent", "anthropic-beta"}]


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


@pytest.mark.parametrize("api", APIS.values(), ids=APIS)
def test_no_browser_runs_a_providers_response(api, gateway, token):
    for answer in (ask(gateway, api, token), ask(gateway, api, token, [("x-mock-status", "500")])):
        assert answer.values("content-security-policy") == ["sandbox; default-src 'none'; frame-ancestors 'none'"]
        assert answer.values("x-content-type-options") == ["nosniff"]


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
