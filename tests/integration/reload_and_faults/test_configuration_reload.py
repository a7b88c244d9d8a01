"""Valid and invalid configurations loaded while requests run, and secrets in logs and admin pages."""

import json
import os
import threading
import time
import urllib.request

import pytest
import yaml

from mocks.providers import OpenAI
from mocks.world import AUDIENCE
from support.client import wait_until
from support.gateway_config import PREFIX
from support.issuers import entry, identity_provider, running, trusting, verdict, verdicts
from support.raw_http import CHAT, Connection, ask, bearer, request
from support.timed_stream import Stream
from tools.gateway import PROJECT, Gateway

GOOD = (200, None)
CLIENTS = 4
ROUNDS = 6
ROUND_S = 0.4
LEAST_RATE = 100
SECRET = "sk-never-to-be-shown"
ADMIN_PAGES = [
    "config_dump?include_eds",
    "stats",
    "stats/prometheus",
    "clusters",
    "listeners",
    "server_info",
    "init_dump",
]


class Load:
    """Clients that repeat a request until the end of the block, each on one connection."""

    def __init__(self, gateway, token):
        self.answered = 0
        self.failures = []
        self._gateway = gateway
        self._question = request(CHAT, bearer(token))
        self._over = threading.Event()
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]

    def __enter__(self):
        self._started = time.monotonic()
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._over.set()
        for thread in self._threads:
            thread.join()
        self.rate = self.answered / (time.monotonic() - self._started)

    def _ask(self):
        try:
            with Connection(self._gateway) as connection:
                while not self._over.is_set():
                    connection.send(self._question)
                    answer = connection.answer()
                    if answer is None or answer.status != 200:
                        self.failures.append(answer)
                        return
                    self.answered += 1
        except OSError as error:
            self.failures.append(error)


def configuration(issuer, upstream, generation):
    """One provider with a new key in each generation, and one that exists only in this generation."""
    key = {"api_key": {"value": f"key-{generation}"}, "type": "openai", "base_url": upstream.base_url}
    providers = [{"name": "my-openai", **key}, {"name": f"extra-{generation}", **key}]
    return {"authentication": {"issuers": [entry(issuer)]}, "providers": providers}


def test_configuration_changes_under_load_fail_no_request_and_cut_no_stream(start_gateway):
    with running(identity_provider(), OpenAI(None)) as (issuer, upstream):
        gateway = start_gateway(configuration(issuer, upstream, 0))
        token = issuer.mint()
        with Load(gateway, token) as load, Stream(gateway, token) as stream:
            for generation in range(1, ROUNDS + 1):
                started = time.monotonic()
                assert gateway.configure(configuration(issuer, upstream, generation))
                assert_active(gateway, upstream, token, generation)
                wait_until(lambda started=started: time.monotonic() - started > ROUND_S)
        print(f"{load.answered} requests, {load.rate:.0f}/s, across {ROUNDS} configurations")
        assert not load.failures
        assert load.rate > LEAST_RATE
        assert stream.events[-1] == "[DONE]" and len(stream.pieces()) == 20
        assert not any(gateway.stats("wasm.ai_gateway.vm_reload").values())


def assert_active(gateway, upstream, token, generation):
    def statuses(name):
        target = f"{PREFIX}/{name}/v1/chat/completions"
        return {ask(gateway, request(target, bearer(token))).status for _ in range(8)}

    wait_until(lambda: statuses(f"extra-{generation - 1}") == {404})
    assert statuses(f"extra-{generation}") == {200}
    upstream.requests.clear()
    assert verdict(gateway, token) == GOOD
    new_key = f"Bearer key-{generation}".encode()
    wait_until(lambda: {recorded.values("authorization")[0] for recorded in upstream.requests[-8:]} == {new_key})


def test_removing_an_issuer_invalidates_its_tokens(world, start_gateway):
    with running(identity_provider(), identity_provider()) as (old, new):
        gateway = start_gateway(trusting(world, entry(old)))
        token = old.mint()
        assert verdicts(gateway, token) == {GOOD}
        assert gateway.configure(trusting(world, entry(new)))
        wait_until(lambda: verdicts(gateway, token) == {(401, "issuer_unknown")})
        assert verdicts(gateway, new.mint()) == {GOOD}


@pytest.fixture
def unconfigured(tmp_path):
    """Starts a gateway whose first configuration is refused."""

    def start(configuration, **options):
        gateway = Gateway(tmp_path, os.environ["ENVOY"], **options)
        started.append(gateway)
        gateway.start(configuration, may_be_refused=True)
        return gateway

    started = []
    yield start
    for gateway in started:
        gateway.stop()


def assert_not_configured(gateway, token):
    for sent in (
        request(CHAT, bearer(token)),
        request(CHAT),
        request("/llm/v1/usage", method="GET"),
        request("/", method="GET"),
    ):
        answer = ask(gateway, sent)
        document = answer.json()
        assert (answer.status, answer.code) == (503, "gateway_not_configured")
        assert document["error"]["code"] == answer.headers["x-ai-gateway-error"] == "gateway_not_configured"
        assert document["message"] == document["error"]["message"] and "Envoy's log" in document["message"]
        assert answer.headers["content-type"] == "application/json"
        assert answer.headers["x-should-retry"] == "false" and answer.headers["retry-after"] is None
        assert len(answer.headers["x-request-id"]) == 36


def test_a_first_configuration_that_is_refused_answers_with_a_code_until_a_good_one_is_loaded(
    world, unconfigured, token
):
    good = trusting(world, entry(world.identity_provider))
    missing = openai("my-openai", api_key={"env": "NOT_SET_ANYWHERE"})
    gateway = unconfigured(good | {"providers": [missing]})
    assert_not_configured(gateway, token)
    assert "/providers/0/api_key: the environment variable NOT_SET_ANYWHERE is not set" in gateway.log()
    assert gateway.configure(good)
    wait_until(lambda: verdicts(gateway, token) == {GOOD})


def test_a_filter_that_envoy_cannot_load_answers_with_a_code(world, unconfigured, token):
    def without_a_module(plugin):
        plugin["vm_config"]["code"]["local"]["filename"] = "/missing.wasm"

    gateway = unconfigured(trusting(world, entry(world.identity_provider)), edit_plugin=without_a_module)
    assert_not_configured(gateway, token)


def test_the_shipped_configuration_starts_without_any_key(unconfigured, token, monkeypatch):
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_AI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    shipped = yaml.safe_load((PROJECT / "envoy" / "filter.yaml").read_text())
    plugin = shipped["resources"][0]["typed_config"]["config"]
    gateway = unconfigured(json.loads(plugin["configuration"]["value"]))
    assert verdict(gateway, token) == (401, "issuer_unknown")
    assert "the configuration is refused" not in gateway.log()


@pytest.fixture(scope="module")
def served(world, start_gateway):
    """A gateway for attempts to load other configurations."""
    return start_gateway(trusting(world, entry(world.identity_provider)))


def openai(name, **fields):
    return {"name": name, "type": "openai", **fields}


def test_a_refused_configuration_has_no_effect_and_all_its_problems_are_logged(served, token):
    mark = len(served.log())
    assert not served.configure(
        {
            "authentication": {"issuers": [{"issuer": "ftp://issuer.test", "audiences": []}]},
            "authorization": {"bindings": [{"subject": "a", "permissions": ["invoke"], "providers": ["missing"]}]},
            "providers": [
                openai("Bad_Name", api_key={"value": SECRET}, base_url="nowhere"),
                openai("other", api_key={"value": SECRET}) | {"type": "unheard-of"},
                openai("unset", api_key={"env": "NOT_SET_ANYWHERE"}),
                openai("twice", api_key={"value": f"{SECRET}\n"}),
                openai("unset", api_key={"value": SECRET}, authorization_passthrough=True),
                openai("credentials", api_key={"value": SECRET}, base_url=f"https://user:{SECRET}@x.test"),
                openai("header", api_key={"value": SECRET}, headers={"authorization": SECRET}),
            ],
        }
    )
    assert verdicts(served, token) == {GOOD}
    refusals = [line for line in served.log()[mark:].splitlines() if "the configuration is refused" in line]
    places = [
        "/authentication/issuers/0/issuer",
        "/authentication/issuers/0/audiences",
        "/authorization/bindings/0/providers",
        "/providers/0/name",
        "/providers/0/base_url",
        "/providers/1/type",
        "/providers/2/api_key",
        "/providers/3/api_key",
        "/providers/4/name",
        "/providers/4/api_key",
        "/providers/5/base_url",
        "/providers/6/headers/authorization",
    ]
    assert [place for place in places if f"{place}: " not in refusals[0]] == []
    assert "NOT_SET_ANYWHERE" in refusals[0]
    assert SECRET not in served.log()


WRONG_SHAPES = {
    "a key as plain text": ({"api_key": SECRET}, "/providers/0/api_key"),
    "a key in a list": ({"api_key": [SECRET]}, "/providers/0/api_key"),
    "a key for a flag": ({"enabled": SECRET}, "/providers/0/enabled"),
    "a key with quotes for a flag": ({"enabled": f'a", expected {SECRET}'}, "/providers/0/enabled"),
    "an unknown field": ({"api_kye": {"value": SECRET}}, "/providers/0/api_kye"),
}


@pytest.mark.parametrize(("fields", "place"), WRONG_SHAPES.values(), ids=WRONG_SHAPES)
def test_a_configuration_of_the_wrong_shape_is_refused_without_showing_its_values(served, token, world, fields, place):
    mark = len(served.log())
    issuers = {"issuers": [entry(world.identity_provider)]}
    assert not served.configure({"authentication": issuers, "providers": [openai("a", **fields)]})
    assert verdict(served, token) == GOOD
    log = served.log()[mark:]
    assert f"the configuration is refused: {place}" in log
    assert SECRET not in log


def test_neither_logs_nor_admin_pages_show_tokens_or_keys_from_the_environment(world, start_gateway):
    keys = {"A_KEY_FOR_THE_TEST": "mock-openai-key-x", "ANOTHER_KEY_FOR_THE_TEST": "mock-google-key-x"}
    gateway = start_gateway(environment=keys, configuration=from_environment(world, *keys))
    admin(gateway, "logging?wasm=trace", b"")
    assert gateway.configure(from_environment(world, *reversed(keys)))
    issuer = world.identity_provider
    tokens = [issuer.mint(), issuer.mint({"exp": 1}), issuer.mint()[:-4] + "AAAA", issuer.mint()[:-300]]
    google = f"{PREFIX}/my-google/v1beta/models/m:generateContent"
    for token in tokens:
        for line in (bearer(token), f"x-api-key: {token}", f"x-goog-api-key: {token}", f"cookie: token={token}"):
            for target in (CHAT, google, f"{google}?alt=sse&key={token}", PREFIX):
                ask(gateway, request(target, line))
    ask(gateway, request("/the-end"))
    wait_until(lambda: '"/the-end"' in gateway.log())
    shown = gateway.log() + "".join(admin(gateway, page) for page in ADMIN_PAGES)
    secrets = [*keys.values(), *tokens, *(token.split(".")[2] for token in tokens if token.count(".") == 2)]
    assert "A_KEY_FOR_THE_TEST" in shown and "request refused: token_expired" in shown
    assert [secret for secret in secrets if secret in shown] == []


def from_environment(world, openai_key, google_key):
    google = {"name": "my-google", "type": "google", "base_url": world.google.base_url, "api_key": {"env": google_key}}
    return {
        "authentication": {"issuers": [{"issuer": world.identity_provider.issuer, "audiences": [AUDIENCE]}]},
        "providers": [openai("my-openai", base_url=world.openai.base_url, api_key={"env": openai_key}), google],
    }


def admin(gateway, page, data=None):
    with urllib.request.urlopen(f"{gateway.admin_url}/{page}", data, timeout=10) as reply:
        return reply.read().decode()
