"""Requests that wait for signing keys, and keys that are added, withdrawn or expire."""

import json
import secrets
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from mocks.faults import Fault
from mocks.keys import SigningKey, base64url
from support.client import active_requests, wait_until
from support.gateway_config import PREFIX, provider
from support.issuers import entry, identity_provider, running, trusting, verdict, verdicts
from support.raw_http import CHAT, Connection, ask, assert_still_works, bearer, request

GOOD = (200, None)
KEY_UNKNOWN = (401, "key_unknown")
WAITING_REQUESTS = 60
# The maximum number of waiting requests per worker.
MAX_WAITING = 1000
UNKNOWN_KIDS = 10_000
REFETCH_INTERVAL_S = 30


@contextmanager
def waiting(gateway, token, count):
    """`count` requests, each on its own connection, once all of them have reached the gateway."""
    with ExitStack() as stack:
        connections = [stack.enter_context(Connection(gateway)) for _ in range(count)]
        for connection in connections:
            connection.send(request(CHAT, bearer(token)))
        wait_until(lambda: active_requests(gateway) == count)
        yield connections


def outcomes(connections):
    return {(answer.status, answer.code) for answer in (connection.answer() for connection in connections)}


def assert_no_internal_error_logged(gateway):
    log = gateway.log()
    assert [sign for sign in ("panicked", "[critical]", "the host refuses", "the host cannot") if sign in log] == []


def test_requests_before_the_first_keys_wait_for_one_fetch_and_pass(world, start_gateway):
    with running(identity_provider()) as (issuer,):
        issuer.fault["jwks"] = Fault(delay_s=1)
        gateway = start_gateway(trusting(world, entry(issuer)))
        with waiting(gateway, issuer.mint(), WAITING_REQUESTS) as connections:
            assert outcomes(connections) == {GOOD}
        assert issuer.hits["discovery"] == 1
        assert issuer.hits["jwks"] == 1


def test_clients_that_disconnect_while_waiting_are_cleaned_up(world, start_gateway):
    with running(identity_provider()) as (issuer,):
        issuer.fault["discovery"] = Fault(hang=True)
        gateway = start_gateway(trusting(world, entry(issuer, fetch_timeout="2s")))
        with waiting(gateway, issuer.mint(), WAITING_REQUESTS):
            pass
        wait_until(lambda: active_requests(gateway) == 0)
        issuer.fault.clear()
        wait_until(lambda: verdicts(gateway, issuer.mint()) == {GOOD})
        assert_no_internal_error_logged(gateway)


@pytest.mark.usefixtures("many_files")
def test_requests_beyond_the_waiting_limit_are_refused_and_the_others_served(world, start_gateway):
    with running(identity_provider()) as (issuer,):
        issuer.fault["discovery"] = Fault(delay_s=3)
        gateway = start_gateway(trusting(world, entry(issuer)), concurrency=1)
        with waiting(gateway, issuer.mint(), MAX_WAITING) as connections:
            answer = ask(gateway, request(CHAT, bearer(issuer.mint())))
            assert (answer.status, answer.code) == (503, "too_many_waiting")
            assert answer.headers["retry-after"] == "1"
            assert outcomes(connections) == {GOOD}


def test_waiting_requests_are_served_across_a_configuration_change(world, start_gateway):
    with running(identity_provider(), identity_provider()) as (issuer, other):
        issuer.fault["jwks"] = Fault(delay_s=1.5)
        gateway = start_gateway(trusting(world, entry(issuer)))
        with waiting(gateway, issuer.mint(), WAITING_REQUESTS) as connections:
            assert gateway.configure(trusting(world, entry(issuer), entry(other)))
            assert outcomes(connections) == {GOOD}
        assert verdicts(gateway, other.mint()) == {GOOD}
        assert_no_internal_error_logged(gateway)


def test_an_unknown_kid_triggers_one_fetch(world, start_gateway):
    with running(identity_provider()) as (issuer,):
        gateway = start_gateway(trusting(world, entry(issuer)))
        assert verdicts(gateway, issuer.mint()) == {GOOD}
        before = issuer.hits.copy()
        tokens = [issuer.mint(header={"kid": secrets.token_hex(8)}) for _ in range(200)]
        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(lambda token: verdict(gateway, token), tokens)) == {KEY_UNKNOWN}
        assert issuer.hits["jwks"] - before["jwks"] == 1
        assert issuer.hits["discovery"] - before["discovery"] == 1


def test_ten_thousand_unknown_kids_trigger_one_fetch_across_workers(world, start_gateway):
    with running(identity_provider()) as (issuer,):
        gateway = start_gateway(trusting(world, entry(issuer)), concurrency=4)
        assert verdicts(gateway, issuer.mint()) == {GOOD}
        before = issuer.hits.copy()
        _, payload, signature = issuer.mint().split(".")

        def ask_often(_):
            seen = Counter()
            with Connection(gateway) as connection:
                for _ in range(UNKNOWN_KIDS // len(clients)):
                    header = base64url(json.dumps({"alg": "RS256", "kid": secrets.token_hex(8)}).encode())
                    line = bearer(f"{header}.{payload}.{signature}")
                    connection.send(request(CHAT, line, method="GET", body=b""))
                    seen[connection.answer().code] += 1
            return seen

        clients = range(20)
        started = time.monotonic()
        with ThreadPoolExecutor(4) as pool:
            seen = sum(pool.map(ask_often, clients), Counter())
        took = time.monotonic() - started
        print(f"{seen.total()} requests with unknown kids to 4 workers in {took:.1f} s")
        assert seen == {"key_unknown": UNKNOWN_KIDS}
        assert took < REFETCH_INTERVAL_S
        assert issuer.hits - before == {"discovery": 1, "jwks": 1}


def test_cache_headers_set_the_refresh_interval_of_keys(world, start_gateway):
    bounds = {"min_refresh_interval": "100ms", "max_refresh_interval": "1h"}
    with running(identity_provider(), identity_provider()) as (short_lived, long_lived):
        short_lived.fault["jwks"] = Fault(headers={"cache-control": "public, max-age=1"})
        long_lived.fault["jwks"] = Fault(headers={"cache-control": "max-age=600", "age": "10"})
        gateway = start_gateway(
            trusting(
                world,
                entry(short_lived, refresh_interval="1h", **bounds),
                entry(long_lived, refresh_interval="100ms", **bounds),
            )
        )
        wait_until(lambda: short_lived.hits["jwks"] >= 4)
        assert long_lived.hits["jwks"] == 1
        assert verdict(gateway, short_lived.mint()) == verdict(gateway, long_lived.mint()) == GOOD


def test_stale_keys_are_used_and_reported(world, start_gateway):
    with running(identity_provider()) as (issuer,):
        gateway = start_gateway(trusting(world, entry(issuer, refresh_interval="1s")))
        token = issuer.mint()
        assert verdicts(gateway, token) == {GOOD}
        assert not stale(gateway)
        issuer.fault["jwks"] = Fault(status=500)
        wait_until(lambda: stale(gateway))
        assert verdicts(gateway, token) == verdicts(gateway, issuer.mint()) == {GOOD}
        wait_until(lambda: "the current ones are stale and are used until 2" in gateway.log())
        issuer.fault.clear()
        wait_until(lambda: not stale(gateway))


def test_stale_keys_expire(world, start_gateway):
    with running(identity_provider()) as (issuer,):
        gateway = start_gateway(trusting(world, entry(issuer, refresh_interval="500ms", max_stale="2s")))
        token = issuer.mint()
        assert verdicts(gateway, token) == {GOOD}
        issuer.fault["discovery"] = Fault(status=500)
        wait_until(lambda: verdicts(gateway, token) == {(503, "keys_unavailable")})
        issuer.fault.clear()
        wait_until(lambda: verdicts(gateway, token) == {GOOD})


def stale(gateway):
    """Whether the gateway reports stale keys."""
    values = [value for name, value in gateway.stats("wasmcustom.").items() if name.endswith("ai_gateway_jwks_stale")]
    return any(values)


def test_a_request_with_tokens_of_two_issuers_waits_for_the_keys_of_both(world, start_gateway):
    """The outcome is the same as elsewhere: the token in Google's header is checked first, then the other one."""
    with running(identity_provider(), identity_provider()) as (slow, fast):
        slow.fault["jwks"], fast.fault["jwks"] = Fault(delay_s=1.5), Fault(delay_s=0.5)
        google = provider("my-google", "google", world.google)
        gateway = start_gateway(trusting(world, entry(slow), entry(fast)) | {"providers": [google]})
        lines = [f"x-goog-api-key: {fast.mint({'exp': 1})}", bearer(slow.mint())]
        answer = ask(gateway, request(f"{PREFIX}/my-google/v1beta/models/m:generateContent", *lines))
        assert (answer.status, answer.code) == (401, "token_expired")


def test_a_new_key_is_accepted_with_its_first_token(world, start_gateway):
    with running(identity_provider()) as (issuer,):
        gateway = start_gateway(trusting(world, entry(issuer)))
        old = issuer.mint()
        assert verdicts(gateway, old) == {GOOD}
        issuer.rotate("ES256")
        assert verdicts(gateway, issuer.mint()) == {GOOD}
        assert verdicts(gateway, old) == {GOOD}


def test_an_unknown_kid_triggers_another_fetch_after_the_refetch_interval(world, start_gateway):
    with running(identity_provider()) as (issuer,):
        gateway = start_gateway(trusting(world, entry(issuer, refetch_interval="1s")))
        assert verdicts(gateway, issuer.mint(key=SigningKey.generate())) == {KEY_UNKNOWN}
        token = issuer.mint(key=issuer.rotate("ES256"))
        assert KEY_UNKNOWN in verdicts(gateway, token)
        wait_until(lambda: verdicts(gateway, token) == {GOOD}, 3)


def test_a_withdrawn_key_invalidates_its_tokens_at_the_next_refresh(world, start_gateway):
    with running(identity_provider()) as (issuer,):
        gateway = start_gateway(trusting(world, entry(issuer, refresh_interval="500ms")))
        old_key = issuer.keys[0]
        cached = issuer.mint()
        assert verdicts(gateway, cached) == {GOOD}
        issuer.rotate("ES256", drop_old=True)
        wait_until(lambda: verdicts(gateway, cached) == {KEY_UNKNOWN}, 5)
        assert verdicts(gateway, issuer.mint(key=old_key)) == {KEY_UNKNOWN}
        assert verdicts(gateway, issuer.mint()) == {GOOD}


def test_a_changed_jwks_uri_is_followed(world, start_gateway):
    with running(identity_provider(), identity_provider()) as (issuer, elsewhere):
        gateway = start_gateway(trusting(world, entry(issuer, refresh_interval="500ms")))
        assert verdicts(gateway, issuer.mint()) == {GOOD}
        document = f'{{"issuer":"{issuer.issuer}","jwks_uri":"{elsewhere.jwks_uri}"}}'
        issuer.fault["discovery"] = Fault(body=document.encode())
        moved = issuer.mint(key=elsewhere.keys[0])
        wait_until(lambda: verdicts(gateway, moved) == {GOOD}, 5)


def test_tokens_that_expire_while_cached_are_refused(world, start_gateway):
    with running(identity_provider()) as (issuer,):
        gateway = start_gateway(trusting(world, entry(issuer)))
        token = issuer.mint({"exp": time.time() + 2})
        assert verdicts(gateway, token) == {GOOD}
        wait_until(lambda: verdicts(gateway, token) == {(401, "token_expired")}, 4)


def test_extreme_times_do_not_overflow(world, start_gateway, token):
    """Such times used to overflow a calculation in the filter, which trapped, and Envoy's timer."""
    names = ("clock_skew", "fetch_timeout", "refresh_interval", "max_refresh_interval", "max_stale", "refetch_interval")
    absurd = dict.fromkeys(names, "18000000000000000000s")
    with start_gateway(trusting(world, entry(world.identity_provider, **absurd))) as gateway:
        assert verdicts(gateway, token) == {GOOD}
        assert_still_works(gateway, token)
