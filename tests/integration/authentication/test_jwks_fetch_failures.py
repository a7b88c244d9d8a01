"""Identity providers that fail in every way, before and after keys were fetched, all behind one gateway."""

import json
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import pytest

from mocks.faults import Fault
from mocks.identity_provider import IdentityProvider
from mocks.keys import SigningKey
from support.client import wait_until
from support.issuers import entry, identity_provider, running, trusting, verdict, verdicts
from support.raw_http import CHAT, ask, bearer, request
from support.scripted_provider import Script, ScriptedProvider

FETCH_TIMEOUT_S = 1
# Discovery and key set may each take that long, and the request starts shortly after the fetch.
LONGEST_WAIT_S = 2 * FETCH_TIMEOUT_S + 0.5
# The delay between attempts doubles, starting at one second.
LONGEST_RECOVERY_S = 8
GOOD = (200, None)
UNAVAILABLE = (503, "keys_unavailable")
REFUSED = "refuses connections"
UNUSABLE_KEYS = [{"kty": "oct", "k": "a2V5"}, SigningKey.generate(bits=1024).jwk()]

FAULTS = {
    "hangs": Fault(hang=True),
    "is slow to answer": Fault(delay_s=30),
    "drips its body": Fault(drip_s=30),
    "answers 500": Fault(status=500),
    "answers 404": Fault(status=404),
    "redirects": Fault(status=302, location="/.well-known/jwks.json?elsewhere"),
    "sends HTML": Fault(body=b"<!doctype html><title>Sign in</title>", content_type="text/html"),
    "truncates its body": Fault(truncated=True),
    "sends 50 MB": Fault(size=50 * 1024 * 1024),
    "sends nothing": Fault(body=b""),
    "sends a list": Fault(body=b"[]"),
    "sends deep JSON": Fault(body=b'{"keys":' + b"[" * 100_000),
    "flaps": Fault(status=503, good_every=2),
    "is not UTF-8": Fault(body=b'{"issuer":"\xff","jwks_uri":"\xff","keys":[{"kty":"\xff"}]}'),
}
KEY_SET_FAULTS = {
    "is empty": Fault(body=b'{"keys":[]}'),
    "has unusable keys only": Fault(body=json.dumps({"keys": UNUSABLE_KEYS}).encode()),
}
# Changes of the discovery document. `None` removes a member.
DISCOVERY_FAULTS = {
    "names another issuer": {"issuer": "https://other.test"},
    "names no issuer": {"issuer": None},
    "names a host that does not resolve": {"jwks_uri": "http://keys.invalid/jwks.json"},
    "names a port where nothing listens": {"jwks_uri": "http://127.0.0.1:1/jwks.json"},
}
CASES = [
    *((endpoint, name) for endpoint in ("discovery", "jwks") for name in FAULTS),
    *(("jwks", name) for name in KEY_SET_FAULTS),
    *(("discovery", name) for name in DISCOVERY_FAULTS),
    ("any endpoint", REFUSED),
]


@dataclass
class Case:
    """An issuer with a fault, and the outcomes of requests with its tokens."""

    endpoint: str
    name: str
    issuer: IdentityProvider = field(default_factory=identity_provider)
    cold: tuple = ()
    cold_s: float = 0.0
    cold_hits: Counter = field(default_factory=Counter)
    retry_after: str | None = None
    recovery_s: float = 0.0
    warm: set = field(default_factory=set)
    token: str = ""
    log_mark: int = 0

    def break_down(self):
        if self.name == REFUSED:
            self.issuer.stop()
        elif self.name in DISCOVERY_FAULTS:
            document = {"issuer": self.issuer.issuer, "jwks_uri": self.issuer.jwks_uri} | DISCOVERY_FAULTS[self.name]
            changed = {name: value for name, value in document.items() if value is not None}
            self.issuer.fault["discovery"] = Fault(body=json.dumps(changed).encode())
        else:
            self.issuer.fault[self.endpoint] = (FAULTS | KEY_SET_FAULTS)[self.name]

    def repair(self):
        if self.name == REFUSED:
            self.issuer.start()
        self.cold_hits = self.issuer.hits.copy()
        self.issuer.fault.clear()

    def ask_cold(self, gateway):
        start = time.monotonic()
        try:
            answer = ask(gateway, request(CHAT, bearer(self.issuer.mint())))
        except TimeoutError:
            return
        self.cold_s = time.monotonic() - start
        self.cold, self.retry_after = (answer.status, answer.code), answer.headers["retry-after"]

    def ask_until_good(self, gateway):
        start = time.monotonic()
        self.token = self.issuer.mint()
        wait_until(lambda: verdicts(gateway, self.token) == {GOOD}, 2 * LONGEST_RECOVERY_S)
        self.recovery_s = time.monotonic() - start

    def ask_warm(self, gateway):
        wait_until(lambda: self.has_failed(gateway))
        self.warm = verdicts(gateway, self.token) | verdicts(gateway, self.issuer.mint())

    def has_failed(self, gateway):
        """Whether a fetch has failed since the log was marked. One worker fetches for all."""
        failure = f"cannot fetch the keys of issuer {self.issuer.issuer}:"
        return failure in gateway.log()[self.log_mark :]


@pytest.fixture(scope="module")
def cases(world, start_gateway):
    """All cases, each failing at the start, then repaired, then failing again."""
    cases = {case: Case(*case) for case in CASES}
    with running(*(case.issuer for case in cases.values())), ThreadPoolExecutor(len(cases)) as pool:
        for case in cases.values():
            case.break_down()
        intervals = {"fetch_timeout": f"{FETCH_TIMEOUT_S}s", "refresh_interval": "200ms"}
        gateway = start_gateway(trusting(world, *(entry(case.issuer, **intervals) for case in cases.values())))
        list(pool.map(lambda case: case.ask_cold(gateway), cases.values()))
        for case in cases.values():
            case.repair()
        list(pool.map(lambda case: case.ask_until_good(gateway), cases.values()))
        mark = len(gateway.log())
        for case in cases.values():
            case.log_mark = mark
            case.break_down()
        list(pool.map(lambda case: case.ask_warm(gateway), cases.values()))
        assert not any(gateway.stats("wasm.ai_gateway.vm_reload").values())
        yield cases


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_without_keys_tokens_get_503_with_retry_after(cases, case):
    case = cases[case]
    assert case.cold == UNAVAILABLE
    assert 1 <= int(case.retry_after) <= 30
    assert case.cold_s < LONGEST_WAIT_S


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_the_gateway_recovers_without_a_restart(cases, case):
    assert 0 < cases[case].recovery_s < LONGEST_RECOVERY_S


@pytest.mark.parametrize("case", CASES, ids=" ".join)
def test_requests_succeed_with_cached_keys_while_fetches_fail(cases, case):
    assert cases[case].warm == {GOOD}


def test_redirects_are_not_followed(cases):
    assert cases["discovery", "redirects"].cold_hits["jwks"] == 0


def test_an_issuer_whose_name_does_not_resolve_gets_503(world, start_gateway):
    nowhere = identity_provider(issuer="http://issuer.invalid")
    gateway = start_gateway(trusting(world, entry(nowhere, fetch_timeout=f"{FETCH_TIMEOUT_S}s")))
    assert verdict(gateway, nowhere.mint()) == UNAVAILABLE
    failure = f"cannot fetch the keys of issuer {nowhere.issuer}: issuer.invalid through cluster upstream_http: "
    # Envoy reports the first failure as a response, and later ones when the request is sent.
    wait_until(lambda: gateway.log().count(failure) > 2, 2 * LONGEST_RECOVERY_S)
    lines = [line for line in gateway.log().splitlines() if failure in line]
    assert all("cannot be resolved; check the name and DNS" in line for line in lines), lines


def test_a_cluster_that_is_missing_is_named_in_the_log(world, start_gateway):
    issuer = identity_provider(issuer="http://issuer.test")
    start_with = entry(issuer, cluster="not-in-the-bootstrap")
    gateway = start_gateway(trusting(world, start_with))
    assert verdict(gateway, issuer.mint()) == UNAVAILABLE
    assert "issuer.test through cluster not-in-the-bootstrap: Envoy has no such cluster" in gateway.log()
    assert "DNS" not in gateway.log()


def test_keys_are_fetched_with_a_user_agent_and_may_follow_a_byte_order_mark(world, start_gateway):
    with running(identity_provider()) as (issuer,), ScriptedProvider() as server:
        server.script = Script((b"\xef\xbb\xbf" + json.dumps(issuer.jwks()).encode(),))
        with start_gateway(trusting(world, entry(issuer, jwks_uri=f"{server.url}/keys"))) as gateway:
            assert verdict(gateway, issuer.mint()) == (200, None)
    assert all(agent.startswith("ai-gateway-filter/") for agent in server.user_agents), server.user_agents
    assert server.targets


def test_the_log_names_the_target_of_a_redirected_key_set(world, start_gateway):
    with running(identity_provider()) as (issuer,):
        issuer.fault["jwks"] = Fault(status=302, location="https://login.test/keys")
        with start_gateway(trusting(world, entry(issuer))) as gateway:
            assert verdict(gateway, issuer.mint()) == (503, "keys_unavailable")
            assert "the key set redirects (302) to https://login.test/keys" in gateway.log()
