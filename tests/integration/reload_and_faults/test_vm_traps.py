"""Traps of the Wasm VM, caused in a special build: Envoy replaces the VM, and no request is admitted meanwhile."""

import json
import time
from contextlib import ExitStack

import pytest

from mocks.faults import Fault
from support.bootstrap import held_for
from support.client import active_requests, wait_until
from support.gateway_config import PREFIX, configuration
from support.issuers import entry, identity_provider, running, trusting
from support.raw_http import CHAT, Connection, ask, bearer, request
from support.workers import connect_to
from tools.gateway import PROJECT

MODULE = PROJECT / "target/ai_gateway_filter_faults.wasm"
SHIPPED = PROJECT / "ai_gateway_filter.wasm"
MESSAGE = "a test asked for this"
PLACES = ["request head", "request body", "response head", "response body", "log", "tick"]
# Callbacks in which the request that triggers the trap has no response yet.
BEFORE_AN_ANSWER = ["request head", "request body", "response head"]
WORKERS = 3
LONGEST_RECOVERY_S = 5
MODELS = f"{PREFIX}/my-openai/v1/models"
HELD_S = 3


def test_the_shipped_module_has_no_trap_header(gateway, token):
    assert MESSAGE.encode() not in SHIPPED.read_bytes()
    for place in PLACES:
        assert ask(gateway, request(CHAT, bearer(token), f"x-test-trap: {place}")).status == 200
    assert not any(gateway.stats("wasm.ai_gateway.vm_reload").values())


@pytest.fixture(scope="module")
def trapping(world, start_gateway):
    with start_gateway(configuration(world), wasm=MODULE, concurrency=WORKERS) as gateway:
        yield gateway


class Clients:
    """A connection to each worker, which is opened again to the same worker if it is closed."""

    def __init__(self, gateway, stack):
        self._gateway = gateway
        self._stack = stack
        self._connections = {}

    def ask(self, worker, *lines):
        """The status of a request without a body, or `None` if the connection was closed."""
        if worker not in self._connections:
            self._connections[worker] = self._stack.enter_context(connect_to(self._gateway, worker))
        connection = self._connections[worker]
        try:
            connection.send(request(MODELS, *lines, method="GET", body=b""))
            answer = connection.answer()
        except (BrokenPipeError, ConnectionResetError):
            answer = None
        if answer is None or answer.headers.get("connection") == "close":
            connection.close()
            del self._connections[worker]
        return answer and answer.status


@pytest.mark.parametrize("place", PLACES)
def test_a_trap_admits_no_request_and_affects_no_other_worker(world, trapping, token, place):
    before = traps(trapping)
    forged = token[:-8] + "AAAAAAAA"
    with ExitStack() as stack:
        clients = Clients(trapping, stack)
        for worker in range(WORKERS):
            assert clients.ask(worker, bearer(token)) == 200
        world.openai.requests.clear()
        victim = stack.enter_context(connect_to(trapping, 0))
        victim.send(request(CHAT, bearer(token), f"x-test-trap: {place}"))
        try:
            answer = victim.answer()
        except (TimeoutError, ConnectionError, ValueError):
            answer = None
        if place in BEFORE_AN_ANSWER:
            assert answer is not None and (answer.status, answer.code) == (503, "gateway_unavailable"), answer
            assert answer.headers["retry-after"] == "1"
        started, seen, recovered_s = time.monotonic(), 0, None
        while time.monotonic() - started < 1.5 or recovered_s is None:
            for worker in range(WORKERS):
                good = clients.ask(worker, bearer(token))
                bad = clients.ask(worker, bearer(forged), "x-unauthenticated: yes")
                none = clients.ask(worker, "x-unauthenticated: yes")
                seen += 3
                if worker == 0 and good == 503:
                    assert {bad, none} <= {401, 503}
                    recovered_s = None
                else:
                    assert (good, bad, none) == (200, 401, 401), (worker, time.monotonic() - started)
                    if worker == 0 and traps(trapping) > before:
                        recovered_s = recovered_s or time.monotonic() - started
            assert time.monotonic() - started < LONGEST_RECOVERY_S, "the worker has not recovered"
    print(f"trap at {place}: recovered after {recovered_s:.2f} s, {seen} requests meanwhile")
    assert traps(trapping) == before + 1
    assert MESSAGE in trapping.log()
    assert not any(recorded.values("x-unauthenticated") for recorded in world.openai.requests)


def traps(gateway):
    """The number of VMs that were replaced."""
    return gateway.stats("wasm.").get("wasm.ai_gateway.vm_reload_success", 0)


def test_the_fetch_lease_of_a_trapped_worker_is_taken_over(world, start_gateway):
    """The VM traps during its fetch of keys. Another worker fetches them when the lease has expired."""
    with running(identity_provider()) as (issuer,):
        issuer.fault["jwks"] = Fault(hang=True)
        settings = entry(issuer, fetch_timeout="1s", refresh_interval="1h")
        gateway = start_gateway(trusting(world, settings), wasm=MODULE, concurrency=1)
        wait_until(lambda: issuer.hits["jwks"] == 1)
        ask(gateway, request(CHAT, "x-test-trap: request head"))
        issuer.fault.clear()
        wait_until(lambda: ask(gateway, request(CHAT, bearer(issuer.mint()))).status == 200)
        assert issuer.hits["jwks"] == 2


def test_totals_survive_the_trap_of_a_worker(world, start_gateway, token):
    with start_gateway(configuration(world), wasm=MODULE, concurrency=1) as gateway:
        for _ in range(3):
            assert ask(gateway, request(CHAT, bearer(token))).status == 200
        time.sleep(2)  # totals are published each second
        ask(gateway, request(CHAT, "x-test-trap: request head"))
        wait_until(lambda: reported_requests(gateway, token) == 3)
        assert ask(gateway, request(CHAT, bearer(token))).status == 200
        assert reported_requests(gateway, token) == 4


def reported_requests(gateway, token):
    answer = ask(gateway, request("/llm/v1/usage", bearer(token), method="GET", body=b""))
    if answer.status != 200:
        return None
    lines = json.loads(answer.body)["providers"]
    return sum(line["requests"] for line in lines)


def test_a_request_held_by_a_trapping_vm_is_never_forwarded_and_times_out(world, start_gateway):
    """Envoy does not answer the streams of a VM that is gone, so the timeout of the route for held requests ends them."""
    with running(identity_provider()) as (issuer,):
        issuer.fault["jwks"] = Fault(hang=True)
        settings = entry(issuer, fetch_timeout="1s")
        options = {"edit_bootstrap": held_for(HELD_S), "wasm": MODULE, "concurrency": 1}
        gateway = start_gateway(trusting(world, settings), **options)
        with Connection(gateway) as held, Connection(gateway) as left:
            started = time.monotonic()
            for connection in (held, left):
                connection.send(request(CHAT, bearer(issuer.mint()), "x-held: yes"))
            wait_until(lambda: active_requests(gateway) == 2)
            ask(gateway, request(CHAT, "x-test-trap: request head"))
            issuer.fault.clear()
            wait_until(lambda: ask(gateway, request(CHAT, bearer(issuer.mint()))).status == 200)
            left.close()
            wait_until(lambda: active_requests(gateway) == 1)
            answer = held.answer()
            lasted_s = time.monotonic() - started
        assert (answer.status, answer.code) == (503, "gateway_unavailable")
        assert answer.headers["x-ai-gateway-error"] == "gateway_unavailable"
        assert answer.headers["retry-after"] == "1"
        assert HELD_S <= round(lasted_s, 2) < HELD_S + 2  # Envoy counts in whole milliseconds
        assert active_requests(gateway) == 0
        assert not any(recorded.values("x-held") for recorded in world.openai.requests)
    print(f"held by a trapped VM: answered after {lasted_s:.1f} s, with a timeout of {HELD_S} s")
