"""Reading usage has no side effects on clients and providers, and no content is logged or counted."""

import json

import pytest

from support.client import ANTHROPIC, OPENAI, ask, exchange
from support.gateway_config import PREFIX
from support.scripted_provider import Script
from support.usage import APPROXIMATION, assert_counted, exposition, logged, post, samples, scripted_gateway, total

CHAT = "/v1/chat/completions"
INTERVAL_S = 0.1
LATEST_S = 0.08
"""The delay with which a busy machine may see a token."""

REFUSED = ["token_missing", "provider_not_found", "upstream_path_missing"]
HOSTILE_MODELS = {
    'x;.;status=.=999;.;"} 1': "x_._status_._999_.____1",
    "émile\n": "_mile_",
    "m" * 200: "m" * 128,
    "anthropic/claude:free@v1.0_a": "anthropic/claude:free@v1.0_a",
}
PROVIDERS = ["hostile", "secret", "paced"]


@pytest.fixture(scope="module")
def scripted(world, start_gateway):
    with scripted_gateway(world, start_gateway, dict.fromkeys(PROVIDERS, "openai")) as both:
        yield both


def document(model="m", **members):
    """A response with 5 input and 2 output tokens."""
    usage = {"prompt_tokens": 5, "completion_tokens": 2}
    return json.dumps({"id": "c", "model": model, "usage": usage, **members}).encode()


@pytest.mark.parametrize(
    ("sent", "forwarded"),
    [
        ("gzip, deflate, br, zstd", "gzip, deflate"),
        ("br;q=1.0, gzip;q=0.8, *;q=0.1", "gzip;q=0.8"),
        ("zstd", "identity"),
        ("gzip,deflate;q=0.5", "gzip,deflate;q=0.5"),
        (None, None),
    ],
)
def test_only_supported_codings_are_requested(sent, forwarded, world, gateway, token):
    headers = [("accept-encoding", sent)] if sent else []
    assert ask(gateway, OPENAI, token, headers).status == 200
    (request,) = world.openai.requests
    assert request.values("accept-encoding") == ([forwarded.encode()] if forwarded else [])


def test_a_request_without_a_body_is_forwarded(gateway, token):
    for _ in range(4):
        answer = exchange(gateway, "POST", f"{PREFIX}/{OPENAI.provider}{CHAT}", [OPENAI.token.filled(token)])
        assert answer.status == 400


@pytest.mark.parametrize(
    ("api", "method", "path"),
    [
        (OPENAI, "GET", "/v1/models"),
        (OPENAI, "GET", "/v1/chat/completions"),
        (OPENAI, "POST", "/v1/files"),
        (ANTHROPIC, "POST", "/v1/messages/count_tokens"),
    ],
)
def test_operations_without_usage_keep_accept_encoding(api, method, path, world, gateway, token):
    headers = [*api.headers, api.token.filled(token), ("accept-encoding", "gzip, br, zstd")]
    exchange(gateway, method, f"{PREFIX}/{api.provider}{path}", headers)
    (request,) = api.upstream(world).requests
    assert request.values("accept-encoding") == [b"gzip, br, zstd"]


def test_the_gateways_own_refusals_are_counted_by_their_code(scripted, token):
    _, gateway = scripted
    refusals = [
        exchange(gateway, "POST", f"{PREFIX}/hostile{CHAT}"),
        post(gateway, token, "nobody", CHAT),
        post(gateway, token, "hostile", ""),
    ]
    assert [refusal.code for refusal in refusals] == REFUSED
    counted = {sample.labels["code"]: sample.value for sample in samples(gateway, "ai_gateway_refusals")}
    assert counted == dict.fromkeys(REFUSED, 1)


@pytest.mark.parametrize(("model", "label"), HOSTILE_MODELS.items(), ids=range(len(HOSTILE_MODELS)))
def test_a_model_name_cannot_break_out_of_its_label(model, label, scripted, token):
    upstream, gateway = scripted
    before = total(gateway, "ai_gateway_requests", provider="hostile", status="200")
    upstream.script = Script((document(model),))
    post(gateway, token, "hostile", CHAT)
    assert total(gateway, "ai_gateway_requests", provider="hostile", model=label, status="200") == 1
    assert total(gateway, "ai_gateway_requests", provider="hostile") == before + 1


def test_time_to_first_token(scripted, token):
    """The first event has no token. Of the three tokens, the last one is sent two intervals after the first."""
    upstream, gateway = scripted
    delta = b'data: {"choices":[{"delta":{"content":"%s"}}]}\n\n'
    end = b'data: {"usage":{"completion_tokens":3}}\n\ndata: [DONE]\n\n'
    upstream.script = Script((delta % b"", delta % b"a", delta % b"b", end), interval_s=INTERVAL_S)
    post(gateway, token, "paced", CHAT)
    (entry,) = logged(gateway, "paced")
    first_s = int(entry["gen_ai.server.time_to_first_token_ms"]) / 1000
    assert INTERVAL_S <= first_s < INTERVAL_S + LATEST_S
    assert_counted(gateway, "paced", 1, {"output": 3})
    for name, least_s in [("time_to_first_token", INTERVAL_S), ("time_per_output_token", INTERVAL_S)]:
        measured_s = total(gateway, f"gen_ai_server_{name}_sum", provider="paced") / 1000
        assert least_s * (1 - APPROXIMATION) <= measured_s < (least_s + LATEST_S) * (1 + APPROXIMATION)
    duration_s = total(gateway, "gen_ai_server_request_duration_sum", provider="paced") / 1000
    assert duration_s >= 4 * INTERVAL_S * (1 - APPROXIMATION)


def test_no_prompt_response_or_credential_is_logged_or_counted(scripted, token):
    upstream, gateway = scripted
    prompt, completion = "a-secret-question", "a-secret-answer"
    choices = [{"message": {"content": completion}, "finish_reason": "stop"}]
    upstream.script = Script((document(choices=choices),), headers={"x-answer": completion})
    body = json.dumps({"model": "m", "user": prompt, "messages": [{"role": "user", "content": prompt}]}).encode()
    post(gateway, token, "secret", f"{CHAT}?q={prompt}&key={token}", [("x-note", prompt), ("api-key", prompt)], body)
    assert_counted(gateway, "secret", 1, {"input": 5, "output": 2})
    assert logged(gateway, "secret")
    visible = gateway.log() + exposition(gateway)
    for secret in (prompt, completion, token, token.rpartition(".")[2], "mock-key"):
        assert secret not in visible
