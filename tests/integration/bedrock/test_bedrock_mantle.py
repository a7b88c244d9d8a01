"""Bedrock's OpenAI and Anthropic compatible endpoint, with the SDKs' dedicated clients and with their plain ones.

The mock verifies each signature with AWS's own signer, for the service `bedrock-mantle`.
"""

import pytest
from anthropic import Anthropic, AnthropicBedrockMantle
from openai import AuthenticationError, BedrockOpenAI, OpenAI

from mocks.providers import BedrockMantle
from mocks.world import AUDIENCE
from support.bedrock import NAME, assert_signed_by_the_gateway, only, static
from support.client import PROMPT, QUOTED, exchange, wait_until

MESSAGES = [{"role": "user", "content": PROMPT}]
CLAUDE = "anthropic.claude-haiku-4-5"
OPEN = "openai.gpt-oss-120b"
SECRET = "the-clients-own-secret-key"


@pytest.fixture(scope="module")
def mantle(world):
    mock = BedrockMantle([world.aws_credential], api_key="mock-mantle-key", verifier=world.sigv4_verifier)
    with mock:
        yield mock


@pytest.fixture(autouse=True)
def no_requests_yet(mantle):
    mantle.requests.clear()


def provider(world, mantle, **members):
    return {
        "name": NAME,
        "type": "bedrock_mantle",
        "region": mantle.judge.region,
        "base_url": mantle.base_url,
        "credentials": {"static": static(world.aws_credential)},
        **members,
    }


@pytest.fixture(scope="module")
def gateway(world, mantle, start_gateway):
    by_key = {"bedrock_api_key": {"value": mantle.api_key}}
    configuration = {
        "authentication": {"issuers": [{"issuer": world.identity_provider.issuer, "audiences": [AUDIENCE]}]},
        "providers": [provider(world, mantle), provider(world, mantle, name="by-key", credentials=by_key)],
    }
    with start_gateway(configuration) as gateway:
        yield gateway


@pytest.fixture
def was_signed(world, mantle, token):
    """Check that the only request was signed."""
    return lambda: assert_signed_by_the_gateway(
        only(mantle.requests), world.aws_credential, token, "AKIACLIENT", SECRET
    )


@pytest.fixture(params=["api_key", "session_token"])
def anthropic(request, proxy_url, token):
    """Anthropic's client for this endpoint, with the token in each place that it supports."""
    keys = {"aws_access_key": "AKIACLIENT", "aws_secret_key": SECRET, "aws_session_token": token}
    credential = {"api_key": token} if request.param == "api_key" else keys
    return AnthropicBedrockMantle(
        base_url=proxy_url(NAME) + "/anthropic", aws_region="us-east-1", max_retries=0, **credential
    )


@pytest.fixture(params=["api_key", "session_token"])
def openai(request, proxy_url, token):
    """OpenAI's client for this endpoint, likewise."""
    keys = {"aws_access_key_id": "AKIACLIENT", "aws_secret_access_key": SECRET, "aws_session_token": token}
    credential = {"api_key": token} if request.param == "api_key" else keys
    return BedrockOpenAI(base_url=proxy_url(NAME) + "/openai/v1", aws_region="us-east-1", max_retries=0, **credential)


def test_anthropics_client(anthropic, was_signed):
    message = anthropic.messages.create(model=CLAUDE, max_tokens=64, messages=MESSAGES)
    assert message.content[0].text.endswith(QUOTED)
    was_signed()


def test_anthropics_client_streamed(anthropic, was_signed):
    stream = anthropic.messages.create(model=CLAUDE, max_tokens=64, messages=MESSAGES, stream=True)
    pieces = [event.delta.text for event in stream if event.type == "content_block_delta"]
    assert len(pieces) > 1
    assert "".join(pieces).endswith(QUOTED)
    was_signed()


def test_openais_client(openai, was_signed):
    assert openai.responses.create(model=OPEN, input=PROMPT).output_text.endswith(QUOTED)
    was_signed()


def test_openais_client_streamed(openai, was_signed):
    with openai.chat.completions.create(model=OPEN, messages=MESSAGES, stream=True) as stream:
        pieces = [chunk.choices[0].delta.content or "" for chunk in stream if chunk.choices]
    assert len(pieces) > 1
    assert "".join(pieces).endswith(QUOTED)
    was_signed()


@pytest.mark.parametrize("below", ["", "/v1", "/openai/v1"])
def test_openais_plain_client(below, proxy_url, token, was_signed):
    client = OpenAI(base_url=proxy_url(NAME) + below, api_key=token, max_retries=0)
    assert client.chat.completions.create(model=OPEN, messages=MESSAGES).choices[0].message.content.endswith(QUOTED)
    was_signed()


@pytest.mark.parametrize("below", ["", "/anthropic"])
@pytest.mark.parametrize("place", ["api_key", "auth_token"])
def test_anthropics_plain_client(below, place, proxy_url, token, was_signed):
    client = Anthropic(base_url=proxy_url(NAME) + below, max_retries=0, **{place: token})
    message = client.messages.create(model=CLAUDE, max_tokens=64, messages=MESSAGES)
    assert message.content[0].text.endswith(QUOTED)
    assert client.messages.count_tokens(model=CLAUDE, messages=MESSAGES).input_tokens > 0


def test_a_bedrock_api_key(mantle, proxy_url, token):
    client = OpenAI(base_url=proxy_url("by-key"), api_key=token, max_retries=0)
    assert client.responses.create(model=OPEN, input=PROMPT).output_text.endswith(QUOTED)
    assert only(mantle.requests).values("authorization") == [f"Bearer {mantle.api_key}".encode()]


def test_a_wrong_token_raises_the_sdks_own_exception(mantle, proxy_url):
    client = OpenAI(base_url=proxy_url(NAME), api_key="no.good.token", max_retries=0)
    with pytest.raises(AuthenticationError, match="token"):
        client.responses.create(model=OPEN, input=PROMPT)
    assert not mantle.requests


def test_usage_is_counted(anthropic, gateway, token):
    anthropic.messages.create(model="anthropic.counted", max_tokens=64, messages=MESSAGES)
    bearer = [("authorization", f"Bearer {token}")]
    wait_until(lambda: b"anthropic.counted" in exchange(gateway, "GET", "/llm/v1/usage", headers=bearer).body)
