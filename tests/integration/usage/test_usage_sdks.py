"""The usage that the gateway logs and counts equals what the real SDKs report, streaming or not."""

import pytest

from support.bedrock import static
from support.gateway_config import configuration
from support.gateway_config import provider as with_key
from support.usage import TOKEN_FIELDS, assert_counted, flush_often, logged, usage_fields
from support.usage_calls import CALLS, client_of

CASES = [(kind, ask) for kind, calls in CALLS.items() for ask in calls]
NAMES = [ask.__name__.replace("_", "-") for _, ask in CASES]


@pytest.fixture(scope="module")
def gateway(world, start_gateway):
    """One provider for each call, so that each has its own counters."""
    aws = {"base_url": world.bedrock.base_url, "credentials": {"static": static(world.aws_credential)}}
    providers = [
        {"name": name, "type": kind, "region": "us-east-1", **aws}
        if kind == "bedrock"
        else with_key(name, kind, getattr(world, kind))
        for (kind, _), name in zip(CASES, NAMES, strict=True)
    ]
    with start_gateway(configuration(world) | {"providers": providers}, edit_bootstrap=flush_often) as gateway:
        yield gateway


@pytest.mark.parametrize(("kind", "ask"), CASES, ids=NAMES)
def test_the_counted_usage_equals_what_the_sdk_reports(kind, ask, gateway, token):
    name = ask.__name__.replace("_", "-")
    tokens, model, response_id = ask(client_of(kind, gateway, name, token))
    assert tokens["input"] > 0
    (entry,) = logged(gateway, name)
    fields = usage_fields(entry)
    fields.pop("gen_ai.response.finish_reasons", None)
    expected = {TOKEN_FIELDS[token_type]: str(used) for token_type, used in tokens.items()}
    expected |= {"gen_ai.response.model": model} if model else {}
    expected |= {"gen_ai.response.id": response_id} if response_id else {}
    assert fields == expected
    assert_counted(gateway, name, 1, tokens)
