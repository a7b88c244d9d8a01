"""`GET /llm/v1/status` reports the state of the gateway across all workers, without secrets."""

import json

import pytest

from mocks.faults import Fault
from support.client import BEARER, exchange, wait_until
from support.gateway_config import PREFIX, configuration
from support.issuers import entry, identity_provider, running

STATUS = "/llm/v1/status"
CHAT = f"{PREFIX}/my-openai/v1/chat/completions"


def status(gateway, token):
    answer = exchange(gateway, "GET", STATUS, [BEARER.filled(token)])
    assert (answer.status, answer.header("content-type")) == (200, "application/json"), answer.body
    return answer.json()


@pytest.fixture(scope="module")
def gateway(world, start_gateway):
    whole = configuration(world)
    pair = world.aws_credential
    whole["providers"].append(
        {
            "name": "my-bedrock",
            "type": "bedrock",
            "region": "us-east-1",
            "base_url": world.bedrock.base_url,
            "credentials": {
                "static": {
                    "access_key_id": {"value": pair.access_key_id},
                    "secret_access_key": {"value": pair.secret_access_key},
                }
            },
        }
    )
    whole["providers"][0]["models"] = ["gpt-4o"]
    with start_gateway(whole) as gateway:
        yield gateway


def test_it_shows_no_secret(gateway, world, token):
    shown = json.dumps(status(gateway, token))
    pair = world.aws_credential
    mocks = (world.openai, world.anthropic, world.google, world.compatible)
    for secret in (*(mock.api_key for mock in mocks), pair.secret_access_key, pair.access_key_id, token):
        assert secret not in shown


def test_it_reports_configuration_keys_and_credentials(gateway, world, token):
    shown = status(gateway, token)
    assert len(shown["configuration"]["sha256"]) == 64
    assert shown["configuration"]["age_seconds"] < 300
    [issuer] = shown["issuers"]
    assert (issuer["issuer"], issuer["keys"]) == (world.identity_provider.issuer, "fresh")
    assert issuer["age_seconds"] < 300 and issuer["next_fetch"] and issuer["last_error"] is None
    states = {line["provider"]: line["state"] for line in shown["credentials"]}
    assert states["my-openai"] == states["my-bedrock"] == "configured"
    assert states["my-claude"] == "passthrough"


def test_refusals_of_all_workers_are_counted_by_code(gateway, token):
    before = status(gateway, token)["refusals"].get("token_missing", 0)
    for _ in range(20):
        exchange(gateway, "GET", f"{PREFIX}/my-openai/v1/files")
    wait_until(lambda: status(gateway, token)["refusals"].get("token_missing", 0) == before + 20)


def test_it_reports_whether_the_host_delivers_held_bodies(gateway, token):
    body = json.dumps({"x": "y" * 50_000, "model": "gpt-4o", "messages": []}).encode()
    exchange(gateway, "POST", CHAT, [BEARER.filled(token), ("content-type", "application/json")], body)

    def host():
        return status(gateway, token)["host"]

    wait_until(lambda: host()["hands_over_held_bodies"] is True)
    wait_until(lambda: host()["largest_held_body_bytes"] >= 50_000)


def test_a_body_beyond_the_hosts_buffer_limit_is_reported(world, start_gateway, token):
    def small_buffer(bootstrap):
        bootstrap["static_resources"]["listeners"][0]["per_connection_buffer_limit_bytes"] = 40_000

    whole = configuration(world)
    whole["providers"][0]["models"] = ["gpt-4o"]
    with start_gateway(whole, edit_bootstrap=small_buffer, concurrency=1) as gateway:
        status(gateway, token)  # keys are fetched now, so later requests are held only for their body
        body = json.dumps({"x": "y" * 300_000, "model": "gpt-4o"}).encode()
        headers = [BEARER.filled(token), ("content-type", "application/json")]
        assert exchange(gateway, "POST", CHAT, headers, body).status == 413
        wait_until(lambda: status(gateway, token)["host"]["smallest_refused_body_bytes"])


def test_unavailable_keys_are_reported(world, start_gateway):
    with running(identity_provider(), identity_provider()) as (good, bad):
        bad.fault["jwks"] = Fault(status=500)
        whole = configuration(world) | {"authentication": {"issuers": [entry(good), entry(bad)]}}
        with start_gateway(whole) as gateway:
            wait_until(lambda: status(gateway, good.mint())["issuers"][1]["failures"] > 0)
            line = status(gateway, good.mint())["issuers"][1]
            assert (line["keys"], line["count"]) == ("none", 0)
            assert "500" in line["last_error"]


def test_it_needs_the_get_permission(gateway, world):
    assert exchange(gateway, "GET", STATUS).status == 401
    powerless = world.identity_provider.mint({"permissions": ["dataplane_adp_llmprovider_invoke"]})
    assert exchange(gateway, "GET", STATUS, [BEARER.filled(powerless)]).status == 403
    token = world.identity_provider.mint()
    assert exchange(gateway, "POST", STATUS, [BEARER.filled(token)]).status == 404
