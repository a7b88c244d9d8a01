"""CORS with Envoy's own filter in front of this one, as docs/install.md describes it."""

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
    """The shipped bootstrap with the changes from the page."""
    page = (PROJECT / "docs/install.md").read_text()
    http_filter, policy = map(yaml.safe_load, DOCUMENTED.search(page).groups())
    manager = bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    manager["http_filters"][:0] = http_filter
    manager["route_config"]["virtual_hosts"][0] |= policy


@pytest.fixture(scope="module")
def gateway_with_cors(world, start_gateway):
    with start_gateway(configuration(world), edit_bootstrap=with_cors) as gateway:
        yield gateway


def test_a_preflight_is_answered_by_envoy(gateway_with_cors, world):
    answer = exchange(gateway_with_cors, "OPTIONS", OPENAI.target, [ORIGIN, *PREFLIGHT])
    assert answer.status == 200
    assert answer.header("access-control-allow-origin") == ORIGIN[1]
    allowed = answer.header("access-control-allow-headers").lower().split(",")
    assert {"authorization", "content-type", "x-stainless-os"} <= {name.strip() for name in allowed}
    assert not world.openai.requests


def test_responses_and_refusals_are_readable_for_allowed_origins(gateway_with_cors, token):
    for credential, status in ((token, 200), ("none", 401)):
        answer = exchange(
            gateway_with_cors, "POST", OPENAI.target, [ORIGIN, OPENAI.token.filled(credential)], OPENAI.content()
        )
        assert (answer.status, answer.values("access-control-allow-origin")) == (status, [ORIGIN[1]])
        assert "x-ai-gateway-error" in answer.header("access-control-expose-headers")


def test_other_origins_get_no_cors_headers(gateway_with_cors):
    answer = exchange(gateway_with_cors, "OPTIONS", OPENAI.target, [("origin", "https://other.example"), *PREFLIGHT])
    assert (answer.status, answer.header("access-control-allow-origin")) == (401, None)


def test_without_cors_a_preflight_is_refused_as_unauthenticated(gateway):
    assert exchange(gateway, "OPTIONS", OPENAI.target, [ORIGIN, *PREFLIGHT]).status == 401


def test_a_pages_fetch_passes_and_the_provider_does_not_learn_of_the_page(gateway_with_cors, world, token):
    fetch = [ORIGIN, ("referer", f"{ORIGIN[1]}/page"), ("sec-fetch-dest", "empty"), ("sec-fetch-mode", "cors")]
    answer = exchange(gateway_with_cors, "POST", OPENAI.target, [*fetch, OPENAI.token.filled(token)], OPENAI.content())
    assert (answer.status, answer.header("access-control-allow-origin")) == (200, ORIGIN[1])
    (request,) = world.openai.requests
    for name, _ in fetch:
        assert request.values(name) == [], name


@pytest.mark.parametrize("destination", ["document", "iframe", "script", "serviceworker", "worker", "object", "new"])
def test_a_response_that_a_browser_would_run_is_refused(gateway_with_cors, world, token, destination):
    headers = [OPENAI.token.filled(token), ("sec-fetch-dest", destination)]
    answer = exchange(gateway_with_cors, "GET", OPENAI.target, headers)
    assert (answer.status, answer.code) == (403, "browser_destination_refused")
    assert not world.openai.requests
