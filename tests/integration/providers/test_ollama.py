"""Ollama's native API behind a provider of type `openai_compatible`: its paths outside `/v1`, and its usage."""

import json

import pytest

from support.client import BEARER, MESSAGES, access_log, exchange, wait_until
from support.gateway_config import PREFIX, configuration
from support.scripted_provider import Script, ScriptedProvider

LINES = [
    {"model": "llama3.2", "message": {"role": "assistant", "content": "Hello"}, "done": False},
    {
        "model": "llama3.2",
        "message": {"role": "assistant", "content": ""},
        "done": True,
        "done_reason": "stop",
        "prompt_eval_count": 26,
        "eval_count": 298,
    },
]
STREAM = tuple(json.dumps(line).encode() + b"\n" for line in LINES)
NDJSON = {"content-type": "application/x-ndjson"}


@pytest.fixture(scope="module")
def server():
    with ScriptedProvider() as server:
        yield server


@pytest.fixture(scope="module")
def gateway(world, server, start_gateway):
    one = {"name": "my-ollama", "type": "openai_compatible", "base_url": f"{server.url}/v1"}
    with start_gateway(configuration(world) | {"providers": [one]}) as gateway:
        yield gateway


@pytest.fixture
def ask(gateway, server, token):
    def ask(method, path, **body):
        server.targets.clear()
        headers = [BEARER.filled(token), ("content-type", "application/json")]
        return exchange(gateway, method, f"{PREFIX}/my-ollama{path}", headers, json.dumps(body).encode())

    return ask


def test_a_streamed_chat_is_forwarded_and_counted(gateway, server, ask):
    server.script = Script(STREAM, headers=NDJSON, interval_s=0.05)
    answer = ask("POST", "/api/chat", model="llama3.2", messages=MESSAGES)
    assert (answer.status, answer.body) == (200, b"".join(STREAM))
    assert server.targets == ["/api/chat"]
    wait_until(lambda: access_log(gateway))
    entry = access_log(gateway)[-1]
    assert entry["gen_ai.operation.name"] == "chat"
    assert entry["gen_ai.request.model"] == "llama3.2"
    assert (entry["gen_ai.usage.input_tokens"], entry["gen_ai.usage.output_tokens"]) == ("26", "298")
    assert entry["ai_gateway.usage.incomplete"] is None


@pytest.mark.parametrize(
    ("method", "path", "received"),
    [
        ("GET", "/api/tags", "/api/tags"),
        ("POST", "/api/embed", "/api/embed"),
        ("POST", "/v1/chat/completions", "/v1/chat/completions"),
        ("POST", "/api/pull", "/v1/api/pull"),  # where Ollama has nothing
        ("DELETE", "/api/delete", "/v1/api/delete"),
    ],
)
def test_only_generating_and_model_operations_have_native_paths(server, ask, method, path, received):
    server.script = Script((b"{}",), headers={"content-type": "application/json"})
    assert ask(method, path, model="llama3.2").status == 200
    assert server.targets == [received]
