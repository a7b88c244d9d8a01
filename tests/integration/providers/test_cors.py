"""Browsers' rules for other origins (CORS), by Envoy's own filter before this one, as docs/install.md has it."""

import re

import pytest
import yaml

from support.client import OPENAI, exchange
from support.gateway_config import configuration
from tools.gateway import PROJECT

ORIGIN = ("origin", "https://app.example.com")
PREFLIGHT = [
    ("access-control-request-method", "POST"),
    ("access-control-request-headers", "authorization,content-type,x-stainless-os"),
]
DOCUMENTED = re.compile(r"<!-- cors -->\n```yaml\n(.*?)```\n.*?```yaml\n(.*?)```", re.DOTALL)


def with_cors(bootstrap):
    """The shipped bootstrap with what the page says."""
    page = (PROJECT / "docs/install.md").read_text()
    http_filter, policy = map(yaml.safe_load, DOCUMENTED.search(page).groups())
    manager = bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    manager["http_filters"][:0] = http_filter
    manager["route_config"]["virtual_hosts"][0] |= policy


@pytest.fixture(scope="module")
def browsed(world, start_gateway):
    with start_gateway(configuration(world), edit_bootstrap=with_cors) as gateway:
        yield gateway


def test_a_preflight_is_answered_by_envoy(browsed, world):
    answer = exchange(browsed, "OPTIONS", OPENAI.target, [ORIGIN, *PREFLIGHT])
    assert answer.status == 200
    assert answer.header("access-control-allow-origin") == ORIGIN[1]
    allowed = answer.header("access-control-allow-headers").lower().split(",")
    assert {"authorization", "content-type", "x-stainless-os"} <= {name.strip() for name in allowed}
    assert not world.openai.requests


def test_answers_and_refusals_may_be_read(browsed, token):
    for credential, status in ((token, 200), ("none", 401)):
        answer = exchange(browsed, "POST", OPENAI.target, [ORIGIN, OPENAI.token.filled(credential)], OPENAI.content())
        assert (answer.status, answer.values("access-control-allow-origin")) == (status, [ORIGIN[1]])
        assert "x-ai-gateway-error" in answer.header("access-control-expose-headers")


def test_other_origins_are_told_nothing(browsed):
    answer = exchange(browsed, "OPTIONS", OPENAI.target, [("origin", "https://other.example"), *PREFLIGHT])
    assert (answer.status, answer.header("access-control-allow-origin")) == (401, None)


def test_without_it_a_preflight_is_a_request_without_a_token(gateway):
    assert exchange(gateway, "OPTIONS", OPENAI.target, [ORIGIN, *PREFLIGHT]).status == 401
