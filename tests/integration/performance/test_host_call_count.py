"""The number of reads from the host. Each crosses the VM boundary twice and costs more than most of the filter's work.

Envoy logs each call into and out of the VM at trace. Every read of data calls `proxy_on_memory_allocate` once, whatever
function was used, so these calls are counted per callback.
"""

import contextlib
import re
import time

import pytest

from support.client import APIS, BEARER, OPENAI, ask, exchange, wait_until
from support.gateway_config import configuration
from support.scripted_provider import Script, ScriptedProvider
from support.usage import scripted_provider

# Four if the response's body comes in one piece: both heads, and one piece of each body.
READS_BESIDE_THE_ANSWERS_BODY = 3
READS_OF_A_PIECE = 1
CHUNKS = 30
INTERVAL_S = 0.02
CALL = re.compile(r"\[host->vm\] proxy_(\w+)\(|\[host<-vm\] proxy_(\w+) return")
HANDED_OVER = "on_memory_allocate"
OF_A_REQUEST = re.compile(r"on_(context_create|request_\w+|response_\w+|log|done|delete)")


@pytest.fixture(scope="module")
def upstream():
    with ScriptedProvider() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def gateway(world, upstream, start_gateway):
    document = configuration(world)
    document["providers"] += [
        scripted_provider(world, upstream, "scripted", "openai"),
        scripted_provider(world, upstream, "signed", "bedrock"),
    ]
    with start_gateway(document, concurrency=1, component_log_levels="wasm:trace") as gateway:
        yield gateway


@pytest.fixture
def warm_token(gateway, token):
    """A token that was accepted before, so that it is cached and metrics are defined."""
    for api in APIS.values():
        assert ask(gateway, api, token).status == 200
    return token


class Reads(list):
    """The callbacks of one request in order, with the reads in each."""

    def total(self):
        return sum(count for _, count in self)

    def of(self, callback):
        return [count for name, count in self if name == callback]

    def assert_few(self, more=0):
        pieces = self.of("on_response_body")
        assert max(pieces) == READS_OF_A_PIECE, self
        assert 1 < self.total() - sum(pieces) <= READS_BESIDE_THE_ANSWERS_BODY + more, self


@contextlib.contextmanager
def counted(gateway):
    """Count the reads of the request that is made in this block."""
    wait_until(lambda: is_still(gateway))
    before = len(gateway.log())
    reads = Reads()
    yield reads
    wait_until(lambda: "proxy_on_delete return" in gateway.log()[before:])
    running = []
    for call in CALL.finditer(gateway.log(), before):
        entered, left = call.groups()
        if entered:
            running.append([entered, 0])
        elif running and running[-1][0] == left:
            callback, count = running.pop()
            if callback == HANDED_OVER and running:
                running[-1][1] += 1
            elif OF_A_REQUEST.fullmatch(callback):
                reads.append((callback, count))
    assert [name for name, _ in reads].count("on_context_create") == 1, "the block must make exactly one request"


def is_still(gateway):
    size = len(gateway.log())
    time.sleep(0.05)
    return len(gateway.log()) == size


@pytest.mark.parametrize("api", APIS.values(), ids=APIS)
def test_a_json_request_takes_few_reads(gateway, warm_token, api):
    with counted(gateway) as reads:
        assert ask(gateway, api, warm_token).status == 200
    assert reads.of("on_request_headers") == [1]
    reads.assert_few()


def test_a_signed_request_takes_few_reads(gateway, upstream, warm_token):
    upstream.script = Script((b"{}",), headers={"content-type": "application/json"})
    target = OPENAI.target.replace("my-openai/v1/chat/completions", "signed/model/m/converse")
    with counted(gateway) as reads:
        content = b'{"messages":[{"role":"user","content":[{"text":"%s"}]}]}' % (b"x" * 2048)
        assert exchange(gateway, "POST", target, [BEARER.filled(warm_token)], content).status == 200
    reads.assert_few()


def test_a_new_token_takes_one_read_more(gateway, warm_token, world):
    """The host checks its signature, and the verdict is read as data."""
    token = world.identity_provider.mint({"jti": "new"})
    assert token != warm_token
    with counted(gateway) as reads:
        assert ask(gateway, OPENAI, token).status == 200
    assert reads.of("on_request_headers") == [2]
    reads.assert_few(more=1)


def test_a_chunk_of_a_stream_takes_one_read(gateway, upstream, warm_token):
    event = b'data: {"choices":[{"index":0,"delta":{"content":"x"},"finish_reason":null}],"usage":null}\n\n'
    upstream.script = Script((event,) * CHUNKS, headers={"content-type": "text/event-stream"}, interval_s=INTERVAL_S)
    target = OPENAI.target.replace("my-openai", "scripted")
    with counted(gateway) as reads:
        answer = exchange(gateway, "POST", target, [BEARER.filled(warm_token)], OPENAI.content(stream=True))
        assert answer.body == event * CHUNKS
    assert len(reads.of("on_response_body")) > CHUNKS / 2, "the chunks were merged"
    reads.assert_few()
