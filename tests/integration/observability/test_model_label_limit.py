"""The number of model labels is limited, across all workers and reloads, however many models clients name."""

import json
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

import pytest

from support.gateway_config import configuration
from support.scripted_provider import Script
from support.usage import post, samples, scripted_gateway, scripted_provider

CHAT = "/v1/chat/completions"
JSON = [("content-type", "application/json")]
WORKERS = 4
CLIENTS = 16
MODELS = 300
MOST_MODELS = 100
MORE = 20
CATALOG = ["listed-1", "listed-2"]
ANSWER = Script((b'{"usage":{"prompt_tokens":5,"completion_tokens":2}}',))


@pytest.fixture
def scripted(world, start_gateway):
    with scripted_gateway(world, start_gateway, {"p": "openai"}, concurrency=WORKERS) as (upstream, gateway):
        upstream.script = ANSWER
        yield upstream, gateway


def ask_for(models, gateway, token):
    """Request each of the models, concurrently, each on its own connection."""

    def ask(model):
        return post(gateway, token, "p", CHAT, JSON, json.dumps({"model": model}).encode()).status

    with ThreadPoolExecutor(CLIENTS) as clients:
        assert set(clients.map(ask, models)) == {200}


def by_worker(gateway):
    """The number of connections that each worker has had."""
    pattern = re.compile(rf"listener\..*_{gateway.port}\.worker_\d+\.downstream_cx_total")
    return [value for name, value in gateway.stats("listener.").items() if pattern.fullmatch(name)]


def counted(gateway):
    """The number of requests by model."""
    return Counter({sample.labels["model"]: sample.value for sample in samples(gateway, "ai_gateway_requests")})


def test_models_beyond_the_limit_share_one_label_in_all_workers_and_after_a_reload(world, scripted, token):
    upstream, gateway = scripted
    names = [f"model-{number}" for number in range(MODELS)]
    ask_for(names, gateway, token)
    assert len(connections := by_worker(gateway)) == WORKERS
    assert min(connections) > 0, connections

    first = counted(gateway)
    own = first.keys() - {"other"}
    assert own < set(names)
    assert len(own) == MOST_MODELS
    assert first == dict.fromkeys(own, 1) | {"other": MODELS - MOST_MODELS}

    # Every worker knows these labels, whichever worker saw the model first.
    ask_for([*own] * WORKERS, gateway, token)
    assert counted(gateway) == dict.fromkeys(own, 1 + WORKERS) | {"other": MODELS - MOST_MODELS}

    def configure(**observability):
        provider = scripted_provider(world, upstream, "p", "openai")
        assert gateway.configure(configuration(world) | {"providers": [provider], "observability": observability})

    before = counted(gateway)
    configure(log_claims=["a"])
    ask_for([*own, *(f"late-{number}" for number in range(MORE))], gateway, token)
    assert counted(gateway) - before == dict.fromkeys(own, 1) | {"other": MORE}

    configure(max_models=MOST_MODELS + MORE)
    ask_for([f"later-{number}" for number in range(2 * MORE)], gateway, token)
    after = counted(gateway)
    assert len(after) == MOST_MODELS + MORE + 1
    assert after["other"] == before["other"] + MORE + MORE


def test_models_of_the_catalog_do_not_count_toward_the_limit(world, start_gateway, token):
    catalog = {"models": ["listed-*", *CATALOG]}
    options = {"fields": catalog, "concurrency": WORKERS}
    with scripted_gateway(world, start_gateway, {"p": "openai"}, **options) as (upstream, gateway):
        upstream.script = ANSWER
        ask_for([f"listed-{number}" for number in range(MODELS)], gateway, token)
        own = counted(gateway).keys() - {"other"}
        assert own > set(CATALOG)
        assert len(own) == MOST_MODELS + len(CATALOG)
