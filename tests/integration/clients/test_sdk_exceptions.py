"""Each SDK raises its own typed exception with the gateway's message for a refusal, and does not retry."""

import time
from dataclasses import dataclass

import anthropic
import openai
import pytest
from google.genai import errors

from support.client import MESSAGES, PROMPT, google_client, requests_served
from support.gateway_config import configuration

INVALID_TOKEN = 'Bearer realm="ai-gateway", error="invalid_token", error_description='


@dataclass(frozen=True)
class Refusal:
    """A refusal as an SDK reports it."""

    exception: Exception
    status: int
    code: str
    message: str
    headers: object


class OpenAISDK:
    provider = "my-openai"
    classes = {401: openai.AuthenticationError, 403: openai.PermissionDeniedError, 404: openai.NotFoundError}

    def call(self, base_url, token):
        headers = {} if token else {"authorization": openai.omit}
        client = openai.OpenAI(base_url=base_url, api_key=token or "none")
        client.chat.completions.create(model="gpt-4o", messages=MESSAGES, extra_headers=headers)

    def refusal(self, error):
        return Refusal(error, error.status_code, error.code, error.body["message"], error.response.headers)


class AnthropicSDK:
    provider = "my-anthropic"
    classes = {401: anthropic.AuthenticationError, 403: anthropic.PermissionDeniedError, 404: anthropic.NotFoundError}

    def call(self, base_url, token):
        headers = {} if token else {"authorization": anthropic.omit}
        client = anthropic.Anthropic(base_url=base_url, auth_token=token or "none")
        client.messages.create(model="claude-sonnet-4-6", max_tokens=64, messages=MESSAGES, extra_headers=headers)

    def refusal(self, error):
        details = error.body["error"]
        return Refusal(error, error.status_code, details["code"], details["message"], error.response.headers)


class GoogleSDK:
    provider = "my-google"
    classes = {401: errors.ClientError, 403: errors.ClientError, 404: errors.ClientError}

    def call(self, base_url, token):
        headers = {} if token else {"headers": {"x-goog-api-key": ""}}
        client = google_client(base_url, token or "none", **headers)
        client.models.generate_content(model="gemini-2.0-flash", contents=PROMPT)

    def refusal(self, error):
        code = error.details["error"]["code"]
        return Refusal(error, error.code, code, error.message, error.response.headers)


@dataclass(frozen=True)
class Problem:
    """A request that is refused, and the expected error."""

    status: int
    code: str
    says: tuple
    amazon: str
    challenge: str | None = None
    claims: dict | None = None
    omitted: tuple = ()
    provider: str = "{}"
    has_token: bool = True
    retry: bool = False


PROBLEMS = {
    "no token": Problem(
        status=401,
        code="token_missing",
        says=("no token was sent", "x-goog-api-key"),
        amazon="UnrecognizedClientException",
        challenge='Bearer realm="ai-gateway", error_description=',
        has_token=False,
    ),
    "an expired token": Problem(
        status=401,
        code="token_expired",
        says=("expired at 20", "request a new one"),
        amazon="UnrecognizedClientException",
        challenge=INVALID_TOKEN,
        claims={"exp": int(time.time()) - 60},
        retry=True,
    ),
    "a token for another audience": Problem(
        status=401,
        code="audience_not_accepted",
        says=("another audience", '"ai-gateway"'),
        amazon="UnrecognizedClientException",
        challenge=INVALID_TOKEN,
        claims={"aud": "someone-else"},
    ),
    "a token of another issuer": Problem(
        status=401,
        code="issuer_unknown",
        says=("issuer is not accepted",),
        amazon="UnrecognizedClientException",
        challenge=INVALID_TOKEN,
        claims={"iss": "https://issuer.example"},
    ),
    "a token without the permission": Problem(
        status=403,
        code="permission_denied",
        says=("dataplane_adp_llmprovider_invoke", '"{}"'),
        amazon="AccessDeniedException",
        challenge='Bearer realm="ai-gateway", error="insufficient_scope", error_description=',
        omitted=("permissions",),
    ),
    "a disabled provider": Problem(
        status=403,
        code="provider_disabled",
        says=('"{}-off" is disabled',),
        amazon="AccessDeniedException",
        provider="{}-off",
    ),
    "an unknown provider": Problem(
        status=404,
        code="provider_not_found",
        says=('"no-such-provider"',),
        amazon="ResourceNotFoundException",
        provider="no-such-provider",
    ),
}


@pytest.fixture(scope="module")
def gateway(world, start_gateway):
    """Each provider twice, the second time disabled, as `<name>-off`."""
    whole = configuration(world)
    whole["providers"] += [
        provider | {"name": provider["name"] + "-off", "enabled": False} for provider in whole["providers"]
    ]
    with start_gateway(whole) as gateway:
        yield gateway


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
@pytest.mark.parametrize("sdk", [OpenAISDK(), AnthropicSDK(), GoogleSDK()], ids=["openai", "anthropic", "google"])
def test_each_sdk_raises_its_own_exception_once_with_our_message(sdk, problem, world, gateway, proxy_url):
    token = world.identity_provider.mint(problem.claims, omit=problem.omitted) if problem.has_token else None
    served = requests_served(gateway)

    with pytest.raises(sdk.classes[problem.status]) as raised:
        sdk.call(proxy_url(problem.provider.format(sdk.provider)), token)

    refusal = sdk.refusal(raised.value)
    assert (refusal.status, refusal.code) == (problem.status, problem.code)
    for words in problem.says:
        assert words.format(sdk.provider) in refusal.message
        assert words.format(sdk.provider) in str(refusal.exception)
    assert refusal.headers["x-amzn-errortype"] == problem.amazon
    assert refusal.headers.get("x-should-retry") == (None if problem.retry else "false")
    assert "retry-after" not in refusal.headers
    challenge = refusal.headers.get("www-authenticate")
    assert (challenge or "").startswith(problem.challenge or "")
    assert (challenge is None) == (problem.challenge is None)
    assert requests_served(gateway) == served + 1
    assert not [request for mock in world.servers[1:] for request in mock.requests]
