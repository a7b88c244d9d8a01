"""Helpers for usage tests: a scripted upstream of any type, and what the gateway counted and logged."""

import contextlib
import re
import urllib.request
from typing import NamedTuple

import pytest

from support.bedrock import bearer, static
from support.client import access_log, exchange, wait_until
from support.gateway_config import PREFIX, configuration
from support.scripted_provider import ScriptedProvider

TOKENS = "gen_ai_client_token_usage"
APPROXIMATION = 0.05 + 1e-9
"""The precision of Envoy's histograms. They store two significant digits (1 as 1.05), so sums are as precise."""

LABEL = re.compile(r'(\w+)="([^"]*)"')

TOKEN_FIELDS = {
    "input": "gen_ai.usage.input_tokens",
    "output": "gen_ai.usage.output_tokens",
    "cached_read": "gen_ai.usage.cache_read.input_tokens",
    "cache_write": "gen_ai.usage.cache_creation.input_tokens",
    "reasoning": "gen_ai.usage.reasoning.output_tokens",
}
"""The access log field of each `token_type`."""


def flush_often(bootstrap):
    """Make Envoy merge histograms at once instead of every 5 s."""
    bootstrap["stats_flush_interval"] = "0.05s"


@contextlib.contextmanager
def scripted_gateway(world, start_gateway, kinds, fields=None, others=(), **options):
    """A scripted upstream, and a gateway with one provider for each entry of `kinds` (name to type) that uses it.

    `fields` are added to each of these providers. `others` are further providers.
    """
    with ScriptedProvider() as upstream:
        providers = [scripted_provider(world, upstream, name, kind) | (fields or {}) for name, kind in kinds.items()]
        document = configuration(world) | {"providers": [*providers, *others]}
        with start_gateway(document, edit_bootstrap=flush_often, **options) as gateway:
            yield upstream, gateway


def scripted_provider(world, upstream, name, kind):
    """The configuration entry of the upstream as a provider of that type."""
    provider = {"name": name, "type": kind, "base_url": upstream.url}
    if kind == "bedrock":
        return provider | {"region": "us-east-1", "credentials": {"static": static(world.aws_credential)}}
    return provider | {"api_key": {"value": "mock-key"}}


def post(gateway, token, provider, path, headers=(), body=b"{}"):
    """Send a request to a provider. All types accept the token in this header."""
    headers = [("x-ai-gateway-authorization", bearer(token)[1]), *headers]
    return exchange(gateway, "POST", f"{PREFIX}/{provider}{path}", headers, body)


def logged(gateway, provider, count=1):
    """The access log entries of a provider, without fields that have no value."""

    def entries():
        return [
            {name: value for name, value in entry.items() if value is not None}
            for entry in access_log(gateway)
            if entry["ai_gateway.provider"] == provider
        ]

    wait_until(lambda: len(entries()) >= count)
    return entries()


def usage_fields(entry):
    """The usage fields of an access log entry."""
    names = ("gen_ai.usage.", "gen_ai.response.", "ai_gateway.usage.")
    return {name: value for name, value in entry.items() if name.startswith(names)}


def exposition(gateway):
    """The metrics in Prometheus format."""
    with urllib.request.urlopen(f"{gateway.admin_url}/stats/prometheus", timeout=10) as reply:
        return reply.read().decode()


class Sample(NamedTuple):
    """One sample in Prometheus format."""

    name: str
    labels: dict
    value: float


def samples(gateway, name=r"(?:gen_ai|ai_gateway)_\w+"):
    """All samples of the filter, or those of one metric."""
    lines = re.findall(rf"^({name})\{{(.*)\}} (\S+)$", exposition(gateway), re.MULTILINE)
    return [Sample(name, dict(LABEL.findall(labels)), float(value)) for name, labels, value in lines]


def total(gateway, name, **labels):
    """The sum of a metric's samples that have these labels."""
    matching = (sample for sample in samples(gateway, name) if labels.items() <= sample.labels.items())
    return sum(sample.value for sample in matching)


def assert_counted(gateway, provider, requests, tokens, *, status=200, unknown=None, **labels):
    """Check the metrics of `requests` equal requests: the tokens of each by type, or the reason why usage is unknown."""
    labels["provider"] = provider
    wait_until(lambda: total(gateway, "gen_ai_server_request_duration_count", **labels) == requests)

    def counted(name, label):
        found = [sample for sample in samples(gateway, name) if sample.labels["provider"] == provider]
        assert all(labels.items() <= sample.labels.items() for sample in found)
        return {sample.labels[label]: sample.value for sample in found}

    assert counted("ai_gateway_requests", "status") == {str(status): requests}
    assert counted("ai_gateway_usage_unknown", "reason") == ({unknown: requests} if unknown else {})
    assert counted(f"{TOKENS}_count", "token_type") == dict.fromkeys(tokens, requests)
    sums = {token_type: used * requests for token_type, used in tokens.items()}
    assert counted(f"{TOKENS}_sum", "token_type") == pytest.approx(sums, rel=APPROXIMATION)
