"""What unauthenticated clients can learn: only what their own request explains, not which providers exist."""

import threading
import time

import pytest

from mocks.faults import Fault
from mocks.keys import SigningKey
from support.issuers import entry, identity_provider, running, trusting
from support.raw_http import CHAT, PREFIX, Connection, ask, assert_still_works, bearer, request

NAMES = ["my-openai", "my-anthropic", "my-google", "my-vllm", "my-disabled", "no-such-provider", "My-OpenAI"]
PATHS = [
    "/v1/chat/completions",
    "/v1beta/openai/chat/completions",
    "/v1/messages",
    "/v1beta/models/m:generateContent",
    "",
]
FOREIGN_KEY = SigningKey.generate(kid="foreign-key")

TOKENS = {
    "none": lambda i: None,
    "not a token": lambda i: "sk-not-a-token",
    "of another issuer": lambda i: i.mint({"iss": "https://other.test"}),
    "for another audience": lambda i: i.mint({"aud": "other"}),
    "expired": lambda i: i.mint({"exp": 1_000_000_000}),
    "with a wrong signature": lambda i: i.mint()[:-8] + "AAAAAAAA",
    "by an unknown key": lambda i: i.mint(key=FOREIGN_KEY),
    "twice": lambda i: "twice",
}
SLOTS = {
    "authorization": "authorization: Bearer {token}",
    "authorization by another scheme": "authorization: Basic {token}",
    "x-api-key": "x-api-key: {token}",
    "x-goog-api-key": "x-goog-api-key: {token}",
    "a gateway token header": "x-ai-gateway-authorization: Bearer {token}",
    "the other gateway token header": "x-redpanda-cloud-token: {token}",
    "an unused header": "api-key: {token}",
}


@pytest.fixture(autouse=True)
def still_works(gateway, token):
    yield
    assert_still_works(gateway, token)


def answers(gateway, target, *lines):
    """The responses for each provider name, without headers that always differ."""
    return [ask(gateway, request(target % name, *lines)).comparable() for name in NAMES]


def assert_all_equal(answers):
    assert answers[0][0] in (400, 401)
    assert all(answer == answers[0] for answer in answers), dict(zip(NAMES, answers, strict=True))


@pytest.mark.parametrize("slot", SLOTS.values(), ids=SLOTS)
@pytest.mark.parametrize("make", TOKENS.values(), ids=TOKENS)
def test_bad_tokens_get_equal_responses_for_existing_and_missing_providers(gateway, world, make, slot):
    token = make(world.identity_provider)
    lines = [] if token is None else [slot.replace("{token}", token)] * (1 + (token == "twice"))
    for path in PATHS:
        assert_all_equal(answers(gateway, f"{PREFIX}/%s{path}", *lines))


@pytest.mark.parametrize("make", TOKENS.values(), ids=TOKENS)
def test_bad_tokens_in_the_query_get_equal_responses(gateway, world, make):
    for path in PATHS:
        assert_all_equal(answers(gateway, f"{PREFIX}/%s{path}?key={make(world.identity_provider)}"))


@pytest.mark.parametrize("first", SLOTS.values(), ids=SLOTS)
@pytest.mark.parametrize("second", SLOTS.values(), ids=SLOTS)
def test_two_bad_tokens_get_equal_responses(gateway, world, first, second):
    expired, foreign = TOKENS["expired"](world.identity_provider), TOKENS["of another issuer"](world.identity_provider)
    lines = first.replace("{token}", expired), second.replace("{token}", foreign)
    assert_all_equal(answers(gateway, f"{PREFIX}/%s/v1/models", *lines))


@pytest.mark.parametrize("method", ["GET", "DELETE", "OPTIONS"])
def test_other_methods_get_equal_responses(gateway, method):
    for path in PATHS:
        responses = [
            ask(gateway, request(f"{PREFIX}/{name}{path}", method=method, body=b"")).comparable() for name in NAMES
        ]
        assert_all_equal(responses)


FORGED = 1000
RSA_KEYS = 8
KEYS_TAKE_S = 4
# On a busy machine. With every token tried against every key, and all of them in one callback, it was over 30 s.
LONGEST_STALL_S = 2


@pytest.mark.parametrize("kid", [None, "key-3"], ids=["without_kid", "with_kid"])
def test_forged_tokens_do_not_stop_a_worker(world, start_gateway, kid):
    """PS512 is verified in Wasm. All tokens wait for the keys, and are decided on when these arrive."""
    with running(identity_provider()) as (issuer,):
        key = SigningKey.generate("PS512", kid="key-0")
        issuer.keys = [SigningKey("PS512", f"key-{index}", key.private) for index in range(RSA_KEYS)]
        issuer.fault["jwks"] = Fault(delay_s=KEYS_TAKE_S)
        forger = SigningKey.generate("PS512")
        with start_gateway(trusting(world, entry(issuer, fetch_timeout="30s")), concurrency=1) as gateway:
            tokens = [issuer.mint(key=forger, header={"kid": kid}) for _ in range(FORGED)]
            connections = [Connection(gateway, timeout_s=30) for _ in tokens]
            try:
                for connection, token in zip(connections, tokens, strict=True):
                    connection.send(request(CHAT, bearer(token)))
                longest = longest_answer(gateway, until=threading.Thread(target=read_all, args=[connections]))
            finally:
                for connection in connections:
                    connection.close()
    print(f"{FORGED} forged tokens, kid {kid}: another client waited {longest * 1000:.0f} ms at most")
    assert longest < LONGEST_STALL_S


def read_all(connections):
    """Read the answers to all requests."""
    for connection in connections:
        assert connection.answer().status == 401


def longest_answer(gateway, until):
    """The longest time that a request without a token takes until the thread has ended."""
    until.start()
    longest = 0
    while until.is_alive():
        started = time.monotonic()
        assert ask(gateway, request(CHAT), timeout_s=30).status == 401
        longest = max(longest, time.monotonic() - started)
        time.sleep(0.005)
    return longest
