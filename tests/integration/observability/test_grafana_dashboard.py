"""The observability example: every query of its dashboard matches metrics of a real Envoy."""

import json
import re

import promql_parser
import pytest
import yaml

from mocks.aws import ContainerCredentials
from mocks.faults import Fault
from support.bedrock import at
from support.client import wait_until
from support.gateway_config import CONTAINER_TOKEN
from support.scripted_provider import Script
from support.usage import post, samples, scripted_gateway, total
from tools.gateway import PROJECT

EXAMPLE = PROJECT / "examples" / "observability"
DASHBOARD = json.loads((EXAMPLE / "grafana" / "dashboards" / "ai-gateway.json").read_text())
QUERIES = {
    f"{panel['title']} {target['refId']}": target["expr"]
    for panel in DASHBOARD["panels"]
    for target in panel["targets"]
}
VARIABLES = [variable for variable in DASHBOARD["templating"]["list"] if variable["type"] == "query"]
GRAFANAS_OWN = {"$__rate_interval": "1m", "$__range": "30m", "$provider": ".*", "$model": ".*"}
CHAT = "/v1/chat/completions"
KEYS_TAKE_S = 2
TOLD_AT_THE_TICK = (
    "token_cache_lookups",
    "authentications",
    "jwks_fetches",
    "jwks_age_seconds",
    "waiting_requests",
    "credential_fetches",
    "credential_expires_in_seconds",
)

STREAM = (
    b'data: {"model":"m","choices":[{"delta":{"content":"a"}}]}\n\n',
    b'data: {"usage":{"prompt_tokens":9,"completion_tokens":3,"prompt_tokens_details":{"cached_tokens":4}}}\n\n',
    b"data: [DONE]\n\n",
)
TRAFFIC = [Script(STREAM), Script((b"{}",)), Script(status=429)]


@pytest.fixture(scope="module")
def counted(world, start_gateway):
    """The labels and values of each metric after a stream, a response without usage, an error and a refusal."""
    token = world.identity_provider.mint()
    prices = {"prices": {"*": {"input": 1000, "output": 1000}}}
    world.identity_provider.fault["jwks"] = Fault(delay_s=KEYS_TAKE_S)  # the first request waits
    with (
        ContainerCredentials(authorization_token=CONTAINER_TOKEN) as container,
        scripted_gateway(
            world, start_gateway, {"scripted": "openai"}, prices, [with_fetched_credentials(world, container)]
        ) as (upstream, gateway),
    ):
        for script in TRAFFIC:
            upstream.script = script
            post(gateway, token, "scripted", CHAT)
        world.identity_provider.fault.clear()
        post(gateway, token, "nobody", CHAT)
        measured = "gen_ai_server_request_duration_count"
        wait_until(lambda: total(gateway, measured) == len(TRAFFIC))
        for told_at_the_tick in TOLD_AT_THE_TICK:
            metric = f"ai_gateway_{told_at_the_tick}"
            wait_until(lambda metric=metric: samples(gateway, metric))
        return samples(gateway)


def with_fetched_credentials(world, container):
    """A provider without requests, whose credentials are fetched anyway."""
    return {
        "name": "fetched",
        "type": "bedrock",
        "region": "us-east-1",
        "base_url": world.bedrock.base_url,
        "credentials": at(container),
    }


def parsed(query):
    """A query with its variables replaced as Grafana does."""
    for variable, value in GRAFANAS_OWN.items():
        query = query.replace(variable, value)
    return promql_parser.parse(query)


def nodes(expression):
    """All nodes of an expression."""
    found = []
    promql_parser.walk(expression, found.append)
    return found


def matches(matcher, labels):
    """Whether a sample matches. The dashboard uses no negated matchers."""
    value = labels.get(matcher.name, "")
    match matcher.op:
        case promql_parser.MatchOp.Equal:
            return value == matcher.value
        case promql_parser.MatchOp.Re:
            return re.fullmatch(matcher.value, value) is not None
    raise AssertionError(f"unsupported matcher {matcher.op}")


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_each_query_selects_and_groups_existing_metrics(query, counted):
    found = nodes(parsed(query))
    selectors = [node for node in found if isinstance(node, promql_parser.VectorSelector)]
    selectors += [node.vector_selector for node in found if isinstance(node, promql_parser.MatrixSelector)]
    assert selectors
    selected = []
    for selector in selectors:
        matchers = selector.matchers.matchers
        passing = [
            sample.labels
            for sample in counted
            if sample.name == selector.name and all(matches(matcher, sample.labels) for matcher in matchers)
        ]
        assert passing, f"no sample matches {selector}"
        selected += passing
    grouped = {label for node in found if isinstance(node, promql_parser.AggregateExpr) for label in by(node)}
    assert all(grouped <= labels.keys() for labels in selected)


def by(aggregation):
    """The labels that an aggregation keeps."""
    return aggregation.modifier.labels if aggregation.modifier else []


def test_every_metric_of_the_filter_is_shown(counted):
    shown = " ".join(QUERIES.values())
    assert {name for name in family_names(counted) if name not in shown} == set()


def family_names(counted):
    """The metric names, without Prometheus' suffixes of histograms."""
    return {re.sub(r"_(bucket|sum|count)$", "", sample.name) for sample in counted}


@pytest.mark.parametrize("variable", VARIABLES, ids=[variable["name"] for variable in VARIABLES])
def test_each_variable_lists_values_of_a_label(variable, counted):
    metric, label = re.fullmatch(r"label_values\((\w+).*, (\w+)\)", variable["query"]["query"]).groups()
    assert [sample for sample in counted if sample.name == metric and label in sample.labels]
    assert variable["name"] == label


def test_the_files_refer_to_each_other_correctly():
    compose = yaml.safe_load((EXAMPLE / "docker-compose.yml").read_text())
    for service in compose["services"].values():
        assert re.fullmatch(r"[\w/]+:v?\d+\.\d+\.\d+", service["image"])
        for volume in service["volumes"]:
            assert (EXAMPLE / volume.split(":")[0]).exists()
    (source,) = yaml.safe_load((EXAMPLE / "grafana/provisioning/datasources/prometheus.yml").read_text())["datasources"]
    address = source["url"].removeprefix("http://")
    assert f"--web.listen-address={address}" in compose["services"]["prometheus"]["command"]
    scrape = yaml.safe_load((EXAMPLE / "prometheus.yml").read_text())["scrape_configs"][0]
    admin = yaml.safe_load((PROJECT / "envoy" / "bootstrap.yaml").read_text())["admin"]["address"]["socket_address"]
    assert scrape["static_configs"][0]["targets"] == [f"{admin['address']}:{admin['port_value']}"]
