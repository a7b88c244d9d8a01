"""Statements of the guide that no other test covers."""

import time

import openai
import pytest
from authlib.integrations.requests_client import OAuth2Session
from google.genai import types

from mocks.identity_provider import LIFETIME_HEADER
from mocks.world import AUDIENCE, CLIENT_ID, CLIENT_SECRET
from support.client import (
    ANTHROPIC,
    BEARER,
    COMPATIBLE,
    GOOGLE,
    MESSAGES,
    OPENAI,
    PROMPT,
    ask,
    exchange,
    google_client,
    wait_until,
)
from support.gateway_config import PREFIX

GET = "dataplane_adp_llmprovider_get"
INVOKE = "dataplane_adp_llmprovider_invoke"

ODD_BODY = b'{ "messages":[{"content":"\xc3\xa4 \\u00e4","role":"user"}],\t"model" : "gpt-4o", "n":1e0,"n":1 }\n'


def test_the_body_is_forwarded_unchanged(world, gateway, token):
    assert exchange(gateway, "POST", OPENAI.target, [BEARER.filled(token)], ODD_BODY).status == 200
    assert world.openai.requests[0].body == ODD_BODY


def test_only_credentials_and_host_of_the_request_change(world, gateway, token):
    own = [*ANTHROPIC.headers, ("anthropic-beta", "a,b"), ("Accept-Encoding", "gzip, deflate"), ("X-Own", "")]
    exchange(gateway, "POST", ANTHROPIC.target, [*own, BEARER.filled(token)], ANTHROPIC.content())
    (request,) = world.anthropic.requests
    assert request.method == "POST"
    for name, value in own:
        assert request.values(name) == [value.encode()]


def test_a_compatible_endpoint_accepts_whatever_model_ids_the_upstream_exposes(world, gateway, token):
    for model in ("meta-llama/Llama-3.3-70B-Instruct", "../unusual model: ä", ""):
        answer = exchange(gateway, "POST", COMPATIBLE.target, [BEARER.filled(token)], COMPATIBLE.content(model=model))
        assert (answer.status, answer.json()["model"]) == (200, model)


def test_a_gemini_token_in_the_wrong_header_is_a_401_that_names_the_right_one(world, gateway, token):
    for header in (BEARER.filled(token), ("x-api-key", token)):
        answer = exchange(gateway, "POST", GOOGLE.target, [header], GOOGLE.content())
        assert (answer.status, answer.code) == (401, "token_misplaced")
        assert "x-goog-api-key" in answer.message
    assert not world.google.requests


def test_a_gemini_client_sends_its_token_as_x_goog_api_key(world, proxy_url, token):
    client = google_client(proxy_url("my-google"), token)
    client.models.generate_content(
        model="gemini-2.0-flash", contents=PROMPT, config=types.GenerateContentConfig(temperature=0.5)
    )
    (request,) = world.google.requests
    assert request.values("x-goog-api-key") == [world.google.api_key.encode()]
    assert request.json()["generationConfig"] == {"temperature": 0.5}


@pytest.mark.parametrize("form", ["{}", "Basic {}", "Token {}", "JWT {}"])
def test_the_authorization_header_must_be_formatted_bearer_token(form, world, gateway, token):
    answer = exchange(gateway, "POST", OPENAI.target, [("authorization", form.format(token))], OPENAI.content())
    assert (answer.status, answer.code) == (401, "token_malformed")
    assert "authorization: Bearer <token>" in answer.message
    assert not world.openai.requests


def test_a_token_is_valid_only_until_it_expires(world, gateway):
    expiry = int(time.time()) + 2
    token = world.identity_provider.mint({"exp": expiry})
    assert ask(gateway, OPENAI, token).status == 200
    wait_until(lambda: ask(gateway, OPENAI, token).status == 401)
    assert 0 <= time.time() - expiry < 1


def test_authlib_renews_its_token_by_itself(world, proxy_url):
    """Authlib renews a token a minute before it expires, so one of 30 s is renewed at its first use. See docs/clients.md."""
    client = OAuth2Session(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        token_endpoint=f"{world.identity_provider.url}/oauth/token",
        grant_type="client_credentials",
    )
    short = client.fetch_token(audience=AUDIENCE, headers={LIFETIME_HEADER: "30"})
    assert short["expires_in"] == 30
    for _ in range(2):
        assert client.get(proxy_url("my-openai") + "/v1/models").status_code == 200
        assert client.token["access_token"] != short["access_token"]
    assert "refresh_token" not in client.token
    assert [request.values("authorization") for request in world.openai.requests] == [
        [f"Bearer {world.openai.api_key}".encode()]
    ] * 2


def test_the_two_roles_and_the_built_in_one_grant_what_the_guide_says(world, gateway):
    def statuses(**claims):
        token = world.identity_provider.mint({"permissions": [], **claims})
        read = exchange(gateway, "GET", f"{PREFIX}/my-openai", [BEARER.filled(token)])
        return read.status, ask(gateway, OPENAI, token).status

    assert statuses(permissions=[GET]) == (200, 403)
    assert statuses(permissions=[INVOKE]) == (403, 200)
    assert statuses(permissions=[GET, INVOKE]) == (200, 200)
    assert statuses(roles=["LLMProviderInvoker"])[1] == 200
    assert statuses() == (403, 403)


def test_the_gateway_has_no_rate_limit(world, gateway, token):
    assert {ask(gateway, OPENAI, token).status for _ in range(200)} == {200}
    assert len(world.openai.requests) == 200


def test_malformed_json_gets_the_providers_400(world, gateway, token):
    answer = exchange(gateway, "POST", OPENAI.target, [BEARER.filled(token)], b'{"model":')
    assert (answer.status, answer.json()["error"]["type"]) == (400, "invalid_request_error")
    assert "not JSON" in answer.json()["error"]["message"]
    assert world.openai.requests[0].body == b'{"model":'


def test_a_stream_requested_without_usage_has_a_choice_in_every_chunk(proxy_url, token):
    """The guide's streaming snippet reads `chunk.choices[0]`, so the gateway must not request a usage chunk."""
    client = openai.OpenAI(base_url=proxy_url("my-openai"), api_key=token)
    chunks = list(client.chat.completions.create(model="gpt-4o", messages=MESSAGES, stream=True))
    assert [len(chunk.choices) for chunk in chunks] == [1] * len(chunks)
