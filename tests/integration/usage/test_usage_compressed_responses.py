"""SDKs that advertise br and zstd: they get their responses, and usage is exact.

The gateway offers an upstream only codings that the filter can decode. If an upstream uses another one anyway, the
response still passes.
"""

import contextlib

import httpx
import pytest
from anthropic import Anthropic
from openai import OpenAI

from support.bedrock import bearer
from support.client import OPENAI, google_client
from support.compressing_upstream import CompressingUpstream
from support.gateway_config import PREFIX, configuration
from support.gateway_config import provider as with_key
from support.usage import TOKEN_FIELDS, assert_counted, flush_often, logged, usage_fields
from support.usage_calls import CALLS, client_of

UNREADABLE = ["br", "zstd"]
KINDS = ["openai", "anthropic", "google"]
CASES = [(kind, ask) for kind in KINDS for ask in CALLS[kind]]
NAMES = [ask.__name__.replace("_", "-") for _, ask in CASES]
ADVERTISED = "gzip, deflate, br, zstd"
READABLE = "gzip, deflate"


@pytest.fixture(scope="module")
def upstreams(world):
    """Upstreams by the coding that they always use (`None` for their choice), then by provider type."""
    with contextlib.ExitStack() as stack:
        yield {
            coding: {
                kind: stack.enter_context(CompressingUpstream(getattr(world, kind), forced=coding)) for kind in KINDS
            }
            for coding in (None, *UNREADABLE)
        }


@pytest.fixture(scope="module")
def gateway(world, upstreams, start_gateway):
    """One provider for each call and coding, so that each has its own counters."""
    providers = [
        with_key(provider_name(name, coding), kind, of_kind[kind])
        for coding, of_kind in upstreams.items()
        for (kind, _), name in zip(CASES, NAMES, strict=True)
    ]
    providers.append(with_key("plain-httpx", "openai", upstreams[None]["openai"]))
    with start_gateway(configuration(world) | {"providers": providers}, edit_bootstrap=flush_often) as gateway:
        yield gateway


def provider_name(name, coding):
    return f"{name}-{coding}" if coding else name


def direct_client(kind, upstream):
    """The SDK, set up without a gateway."""
    where = {"base_url": upstream.base_url, "api_key": upstream.api_key}
    match kind:
        case "openai":
            return OpenAI(**where)
        case "anthropic":
            return Anthropic(**where, default_headers={"x-api-key": upstream.api_key})
    return google_client(upstream.base_url, upstream.api_key)


@pytest.mark.parametrize(("kind", "ask"), CASES, ids=NAMES)
def test_the_sdk_offers_all_codings_and_gets_a_supported_one(kind, ask, upstreams, gateway, token):
    name = ask.__name__.replace("_", "-")
    upstream = upstreams[None][kind]
    upstream.answers.clear()
    tokens, model, _ = ask(client_of(kind, gateway, name, token))
    assert upstream.answers == [(READABLE, "gzip")]
    (entry,) = logged(gateway, name)
    expected = {TOKEN_FIELDS[token_type]: str(used) for token_type, used in tokens.items()}
    fields = usage_fields(entry)
    assert {field: value for field, value in fields.items() if field.startswith("gen_ai.usage.")} == expected
    assert fields["gen_ai.response.model"] == model
    assert_counted(gateway, name, 1, tokens)


@pytest.mark.parametrize("coding", UNREADABLE)
@pytest.mark.parametrize(("kind", "ask"), CASES, ids=NAMES)
def test_responses_in_unsupported_codings_reach_the_sdk(kind, ask, coding, upstreams, gateway, token):
    name = provider_name(ask.__name__.replace("_", "-"), coding)
    tokens, model, _ = ask(client_of(kind, gateway, name, token))
    assert tokens["input"] > 0
    assert model
    (entry,) = logged(gateway, name)
    fields = usage_fields(entry)
    assert fields.pop("ai_gateway.usage.incomplete") == "undecodable"
    assert fields == {}
    assert_counted(gateway, name, 1, {}, unknown="undecodable")


@pytest.mark.parametrize("kind", KINDS)
def test_without_the_gateway_the_sdk_gets_zstd(kind, upstreams):
    upstream = upstreams[None][kind]
    upstream.answers.clear()
    ask = CALLS[kind][0]
    tokens, _, _ = ask(direct_client(kind, upstream))
    assert tokens["input"] > 0
    assert upstream.answers == [(ADVERTISED, "zstd")]


def test_httpx_offers_all_codings_and_gets_a_supported_one(upstreams, gateway, token):
    upstream = upstreams[None]["openai"]
    upstream.answers.clear()
    url = f"{gateway.url}{PREFIX}/plain-httpx{OPENAI.path}"
    answer = httpx.post(url, headers=dict([bearer(token)]), content=OPENAI.content())
    assert answer.request.headers["accept-encoding"] == ADVERTISED
    assert answer.headers["content-encoding"] == "gzip"
    usage = answer.json()["usage"]
    assert upstream.answers == [(READABLE, "gzip")]
    (entry,) = logged(gateway, "plain-httpx")
    assert entry["gen_ai.usage.input_tokens"] == str(usage["prompt_tokens"])
    assert entry["gen_ai.usage.output_tokens"] == str(usage["completion_tokens"])
