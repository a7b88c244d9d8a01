"""Requests that wait for keys, and keys that come and go."""

import json
import secrets
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager

import pytest

from conftest import PREFIX, provider
from issuers import entry, identity_provider, running, trusting, verdict, verdicts
from mocks.faults import Fault
from mocks.keys import SigningKey, base64url
from raw import CHAT, Connection, ask, assert_unharmed, bearer, request
from support import wait_until

GOOD = (200, None)
KEY_UNKNOWN = (401, "key_unknown")
CROWD = 60
# The most requests that wait in one worker.
WAITING_ROOM = 1000
UNKNOWN_KIDS = 10_000
REFETCH_INTERVAL_S = 30


@contextmanager
def waiting(gateway, token, count):
    """That many requests, each on its connection, once all of them have come to the gateway."""
    with ExitStack() as stack:
        connections = [stack.enter_context(Connection(gateway)) for _ in range(count)]
        for connection in connections:
            connection.send(request(CHAT, bearer(token)))
        wait_until(lambda: active_requests(gateway) == count)
        yield connections


def active_requests(gateway):
    return gateway.stats("http.ai_gateway.downstream_rq_active")["http.ai_gateway.downstream_rq_active"]


def outcomes(connections):
    return {(answer.status, answer.code) for answer in (connection.answer() for connection in connections)}


def assert_nothing_went_wrong_inside(gateway):
    log = gateway.log()
    assert [sign for sign in ("panicked", "[critical]", "the host refuses", "the host cannot") if sign in log] == []


def test_requests_before_the_first_keys_wait_for_one_fetch_and_pass(world, start_gateway):
    with running(identity_provider()) as (issuer,):
        issuer.fault["jwks"] = Fault(delay_s=1)
        gateway = start_gateway(trusting(world, entry(issuer)))
        with waiting(gateway, issuer.mint(), CROWD) as connections:
            assert outcomes(connections) == {GOOD}
        assert issuer.hits["discovery"] == 1
        assert issuer.hits["jwks"] == 1


def test_clients_that_leave_while_they_wait_leave_nothing(world, start_gateway):
    with running(identity_provider()) as (issuer,):
        issuer.fault["discovery"] = Fault(hang=True)
        gateway = start_gateway(trusting(world, entry(issuer, fetch_timeout="2s")))
        with waiting(gateway, issuer.mint(), CROWD):
            pass
        wait_until(lambda: active_requests(gateway) == 0)
        issuer.fault.clear()
        wait_until(lambda: verdicts(gateway, issuer.mint()) == {GOOD})
        assert_nothing_went_wrong_inside(gateway)


@pytest.mark.usefixtures("many_files")
def test_of_too_many_requests_the_last_are_sent_away_and_the_others_served(world, start_gateway):
    with running(identity_provider()) as (issuer,):
        issuer.fault["discovery"] = Fault(delay_s=3)
        gateway = start_gateway(trusting(world, entry(issuer)), concurrency=1)
        with waiting(gateway, issuer.mint(), WAITING_ROOM) as connections:
            answer = ask(gateway, request(CHAT, bearer(issuer.mint())))
            assert (answer.status, answer.code) == (503, "too_many_waiting")
            assert answer.headers["retry-after"] == "1"
            assert outcomes(connections) == {GOOD}


def test_requests_that_wait_are_served_though_the_configuration_changes(world, start_gateway):
    with running(identity_provider(), identity_provider()) as (issuer, other):
        issuer.fault["jwks"] = Fault(delay_s=1.5)
        gateway = start_gateway(trusting(world, entry(issuer)))
        with waiting(gateway, issuer.mint(), CROWD) as connections:
            assert gateway.configure(trusting(world, entry(issuer), entry(other)))
            assert outcomes(connections) == {GOOD}
        assert verdicts(gateway, other.mint()) == {GOOD}
        assert_nothing_went_wrong_inside(gateway)


def test_an_unknown_kid_has_keys_fetched_once(world, start_gateway):
    with running(identity_provider()) as (issuer,):
        gateway = start_gateway(trusting(world, entry(issuer)))
        assert verdicts(gateway, issuer.mint()) == {GOOD}
        before = issuer.hits.copy()
        tokens = [issuer.mint(header={"kid": secrets.token_hex(8)}) for _ in range(200)]
        with ThreadPoolExecutor(16) as pool:
            assert set(pool.map(lambda token: verdict(gateway, token), tokens)) == {KEY_UNKNOWN}
        assert issuer.hits["jwks"] - before["jwks"] == 1
        assert issuer.hits["discovery"] - before["discovery"] == 1


def test_ten_thousand_unknown_kids_have_keys_fetched_once_whichever_worker_they_meet(world, start_gateway):
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


def test_an_answer_says_how_long_its_keys_are_good(world, start_gateway):
    bounds = {"min_refresh_interval": "100ms", "max_refresh_interval": "1h"}
    with running(identity_provider(), identity_provider()) as (brief, lasting):
        brief.fault["jwks"] = Fault(headers={"cache-control": "public, max-age=1"})
        lasting.fault["jwks"] = Fault(headers={"cache-control": "max-age=600", "age": "10"})
        gateway = start_gateway(
            trusting(
                world,
                entry(brief, refresh_interval="1h", **bounds),
                entry(lasting, refresh_interval="100ms", **bounds),
            )
        )
        wait_until(lambda: brief.hits["jwks"] >= 4)
        assert lasting.hits["jwks"] == 1
        assert verdict(gateway, brief.mint()) == verdict(gateway, lasting.mint()) == GOOD


def test_stale_keys_serve_and_are_told_of(world, start_gateway):
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


def test_stale_keys_end(world, start_gateway):
    with running(identity_provider()) as (issuer,):
        gateway = start_gateway(trusting(world, entry(issuer, refresh_interval="500ms", max_stale="2s")))
        token = issuer.mint()
        assert verdicts(gateway, token) == {GOOD}
        issuer.fault["discovery"] = Fault(status=500)
        wait_until(lambda: verdicts(gateway, token) == {(503, "keys_unavailable")})
        issuer.fault.clear()
        wait_until(lambda: verdicts(gateway, token) == {GOOD})


def stale(gateway):
    """Whether the gateway says that it has stale keys."""
    values = [value for name, value in gateway.stats("wasmcustom.").items() if name.endswith("ai_gateway_jwks_stale")]
    return any(values)


def test_a_request_waits_for_the_keys_of_each_issuer_that_it_brings_a_token_of(world, start_gateway):
    """A stranger is told what it would be told elsewhere: first its own token is checked, then the other."""
    with running(identity_provider(), identity_provider()) as (slow, fast):
        slow.fault["jwks"], fast.fault["jwks"] = Fault(delay_s=1.5), Fault(delay_s=0.5)
        google = provider("my-google", "google", world.google)
        gateway = start_gateway(trusting(world, entry(slow), entry(fast)) | {"providers": [google]})
        lines = [f"x-goog-api-key: {fast.mint({'exp': 1})}", bearer(slow.mint())]
        answer = ask(gateway, request(f"{PREFIX}/my-google/v1beta/models/m:generateContent", *lines))
        assert (answer.status, answer.code) == (401, "token_expired")


def test_a_new_key_is_accepted_at_its_first_token(world, start_gateway):
    with running(identity_provider()) as (issuer,):
        gateway = start_gateway(trusting(world, entry(issuer)))
        old = issuer.mint()
        assert verdicts(gateway, old) == {GOOD}
        issuer.rotate("ES256")
        assert verdicts(gateway, issuer.mint()) == {GOOD}
        assert verdicts(gateway, old) == {GOOD}


def test_another_unknown_kid_has_keys_fetched_again_after_the_refetch_interval(world, start_gateway):
    with running(identity_provider()) as (issuer,):
        gateway = start_gateway(trusting(world, entry(issuer, refetch_interval="1s")))
        assert verdicts(gateway, issuer.mint(key=SigningKey.generate())) == {KEY_UNKNOWN}
        token = issuer.mint(key=issuer.rotate("ES256"))
        assert KEY_UNKNOWN in verdicts(gateway, token)
        wait_until(lambda: verdicts(gateway, token) == {GOOD}, 3)


def test_a_withdrawn_key_ends_its_tokens_at_the_next_refresh_cached_or_not(world, start_gateway):
    with running(identity_provider()) as (issuer,):
        gateway = start_gateway(trusting(world, entry(issuer, refresh_interval="500ms")))
        old_key = issuer.keys[0]
        cached = issuer.mint()
        assert verdicts(gateway, cached) == {GOOD}
        issuer.rotate("ES256", drop_old=True)
        wait_until(lambda: verdicts(gateway, cached) == {KEY_UNKNOWN}, 5)
        assert verdicts(gateway, issuer.mint(key=old_key)) == {KEY_UNKNOWN}
        assert verdicts(gateway, issuer.mint()) == {GOOD}


def test_a_key_set_that_moves_is_followed(world, start_gateway):
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


def test_times_beyond_all_reason_do_no_harm(world, start_gateway, token):
    """They overflowed: of a worker's own calculation, at which it trapped, and of Envoy's timer."""
    names = ("clock_skew", "fetch_timeout", "refresh_interval", "max_refresh_interval", "max_stale", "refetch_interval")
    absurd = dict.fromkeys(names, "18000000000000000000s")
    with start_gateway(trusting(world, entry(world.identity_provider, **absurd))) as gateway:
        assert verdicts(gateway, token) == {GOOD}
        assert_unharmed(gateway, token)
