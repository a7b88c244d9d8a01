"""Errors of the provider reach the client unchanged, and each SDK reads them as its own."""

import anthropic
import openai
import pytest
from google.genai import errors

from support.client import APIS, BEARER, MESSAGES, PROMPT, ask, exchange, google_client, requests_served, wait_until
from support.gateway_config import PREFIX, configuration, provider
from support.scripted_provider import Script, ScriptedProvider

HOP_BY_HOP = {"date", "connection", "keep-alive", "transfer-encoding", "content-length"}

SCRIPTS = {
    "400, JSON with unusual spaces": Script(
        (b'{ "error" :\t{"message":"b\xc3\xa4d \\u00e9",', b'"type":null } }\n\n'),
        400,
        {"content-type": "application/json"},
    ),
    "401, as if the key were wrong": Script((b'{"error":{"message":"Incorrect API key"}}',), 401),
    "402, an unusual status": Script((b"pay",), 402),
    "404, HTML": Script((b"<html>no model</html>",), 404, {"content-type": "text/html"}),
    "413, no body": Script((), 413),
    "429, with limits": Script(
        (b'{"error":"slow down"}',),
        429,
        {"retry-after": "7", "retry-after-ms": "7000", "x-ratelimit-remaining-tokens": "0", "x-should-retry": "true"},
    ),
    "500, binary": Script((bytes(range(256)),), 500, {"content-type": "application/octet-stream"}),
    "503, with a date": Script((b"busy",), 503, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}),
    "529, overloaded": Script((b'{"type":"error"}',), 529),
    "201, with a location": Script((b"made",), 201, {"location": "https://elsewhere.example/"}),
}

# They keep a browser from running a provider's response as a page of the gateway's origin.
ADDED_HEADERS = [
    ("content-security-policy", "sandbox; default-src 'none'; frame-ancestors 'none'"),
    ("x-content-type-options", "nosniff"),
]


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
def test_an_upstream_error_passes_byte_for_byte_with_its_headers(script, scripted, token):
    upstream, gateway = scripted
    upstream.script = script
    direct = exchange(upstream, "POST", "/v1/chat/completions", body=b"{}")
    answer = exchange(gateway, "POST", f"{PREFIX}/scripted/v1/chat/completions", [BEARER.filled(token)], b"{}")

    assert (answer.status, answer.body) == (direct.status, direct.body)
    # A location that does not lead through the gateway is removed, whatever the status.
    expected = [header for header in end_to_end(direct) if header[0] != "location"]
    assert sorted(end_to_end(answer)) == sorted([*expected, *ADDED_HEADERS])


@pytest.mark.parametrize("place", ["another host", "link-local", "metadata by name", "the gateway", "itself", "a path"])
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_rewritten_to_the_gateway_or_removed(status, place, scripted, token):
    upstream, gateway = scripted
    with ScriptedProvider() as elsewhere:
        location = {
            "another host": f"{elsewhere.url}/v1/chat/completions",
            "link-local": "http://169.254.169.254/latest/meta-data/iam/security-credentials/",
            "metadata by name": "http://metadata.google.internal/computeMetadata/v1/",
            "the gateway": f"{gateway.url}{PREFIX}/scripted/v1/models",
            "itself": f"{upstream.url}/v1/models?a=%2F&key=k",
            "a path": "/v1/models?a=%2F",
        }[place]
        through = [f"{PREFIX}/scripted/v1/models?a=%2F"] if place in ("itself", "a path") else []
        upstream.script = Script((b"moved",), status, {"location": location})
        upstream.targets.clear()
        served = requests_served(gateway)
        answer = exchange(gateway, "POST", f"{PREFIX}/scripted/v1/chat/completions", [BEARER.filled(token)], b"{}")
        wait_until(lambda: requests_served(gateway) > served)

        assert (answer.status, answer.body, answer.values("location")) == (status, b"moved", through)
        assert (upstream.targets, elsewhere.targets) == (["/v1/chat/completions"], [])
        assert requests_served(gateway) == served + 1


def test_sdks_do_not_send_tokens_to_redirect_targets(world, start_gateway, token):
    """Google's SDK for Python sends its key header to any host. Others remove the credentials that they know."""
    with ScriptedProvider() as provider, ScriptedProvider() as elsewhere:
        google = {"name": "my-google", "type": "google", "base_url": provider.url, "api_key": {"value": "mock-key"}}
        provider.script = Script((b"{}",), 307, {"location": f"{elsewhere.url}/v1beta/models/m:generateContent"})
        with start_gateway(configuration(world) | {"providers": [google]}) as gateway:
            client = google_client(f"{gateway.url}{PREFIX}/my-google", token)
            with pytest.raises(errors.APIError):
                client.models.generate_content(model="m", contents=PROMPT)
    assert len(provider.targets) == 1
    assert elsewhere.targets == []


def test_host_related_response_headers_of_the_provider_are_removed(scripted, token):
    upstream, gateway = scripted
    about_the_host = {
        "alt-svc": 'h3=":443"; ma=86400',
        "clear-site-data": '"*"',
        "nel": '{"max_age":604800}',
        "report-to": '{"group":"cf-nel"}',
        "set-cookie": "__cf_bm=1; HttpOnly",
        "strict-transport-security": "max-age=31536000; includeSubDomains; preload",
    }
    upstream.script = Script((b"{}",), 200, {**about_the_host, "openai-version": "2020-10-01"})
    answer = exchange(gateway, "POST", f"{PREFIX}/scripted/v1/chat/completions", [BEARER.filled(token)], b"{}")
    assert not about_the_host.keys() & dict(answer.headers).keys()
    assert answer.header("openai-version") == "2020-10-01"


def end_to_end(answer):
    return [(name, value) for name, value in answer.headers if name not in HOP_BY_HOP]


def test_an_unreachable_upstream_is_a_503_with_the_body_that_every_sdk_reads(world, start_gateway, token):
    whole = configuration(world)
    whole["providers"] = [provider("my-openai", "openai", world.openai) | {"base_url": "http://127.0.0.1:1/v1"}]
    with start_gateway(whole) as gateway:
        answer = ask(gateway, APIS["openai"], token)
    assert answer.status == 503
    assert answer.header("x-should-retry") is None
    assert answer.header("x-amzn-errortype") == "ServiceUnavailableException"
    assert answer.json()["type"] == "error"


@pytest.mark.parametrize("status", [400, 404, 429, 500])
@pytest.mark.parametrize("api", APIS.values(), ids=APIS)
def test_the_error_response_is_the_providers_own(api, status, world, gateway, token):
    wanted = [("x-mock-status", str(status)), ("x-mock-retry-after", "3")]
    answer = ask(gateway, api, token, wanted)
    assert answer.status == status
    assert f"The mock was asked to answer {status}." in answer.body.decode()
    assert answer.header("retry-after") == "3"
    assert not {"x-amzn-errortype", "www-authenticate", "x-should-retry"} & dict(answer.headers).keys()
    assert len(api.upstream(world).requests) == 1


def fail_with(status):
    return {"x-mock-status": str(status)}


@pytest.mark.parametrize(
    ("status", "name", "attempts"),
    [(400, "BadRequestError", 1), (429, "RateLimitError", 2), (500, "InternalServerError", 2)],
)
@pytest.mark.parametrize("sdk", [openai, anthropic])
def test_an_sdk_retries_temporary_errors_and_raises_the_providers_error(
    sdk, status, name, attempts, world, proxy_url, token
):
    options = {"max_retries": 1, "default_headers": fail_with(status)}
    with pytest.raises(getattr(sdk, name), match="The mock was asked") as raised:
        if sdk is openai:
            client = openai.OpenAI(base_url=proxy_url("my-openai"), api_key=token, **options)
            client.responses.create(model="gpt-4o", input=PROMPT)
        else:
            client = anthropic.Anthropic(base_url=proxy_url("my-anthropic"), auth_token=token, **options)
            client.messages.create(model="claude-sonnet-4-6", max_tokens=64, messages=MESSAGES)
    assert raised.value.request_id.startswith("req_mock")
    assert len(world.openai.requests + world.anthropic.requests) == attempts


@pytest.mark.parametrize(
    ("status", "kind", "name"),
    [
        (400, errors.ClientError, "INVALID_ARGUMENT"),
        (429, errors.ClientError, "RESOURCE_EXHAUSTED"),
        (500, errors.ServerError, "INTERNAL"),
    ],
)
def test_google_raises_the_providers_error(status, kind, name, proxy_url, token):
    client = google_client(proxy_url("my-google"), token, headers=fail_with(status))
    with pytest.raises(kind, match="The mock was asked") as raised:
        client.models.generate_content(model="gemini-2.0-flash", contents=PROMPT)
    assert (raised.value.code, raised.value.status) == (status, name)


def test_an_unknown_model_is_the_providers_own_404(world, proxy_url, token):
    client = openai.OpenAI(base_url=proxy_url("my-openai"), api_key=token)
    with pytest.raises(openai.NotFoundError, match="'no-such-model' does not exist") as raised:
        client.models.retrieve("no-such-model")
    assert raised.value.code == "model_not_found"
    assert len(world.openai.requests) == 1
