"""Errors that Envoy itself returns have a stable code, `retry-after`, a request id, and a body that every SDK reads.

413 is tested in test_bedrock_request_bodies.py, the reply of a VM that trapped in test_vm_traps.py.
"""

import time

import pytest

from support.client import wait_until
from support.gateway_config import PREFIX
from support.issuers import entry, identity_provider, running
from support.raw_http import Connection, ask, bearer, request
from support.raw_upstream import RawUpstream

HEAD_TIMEOUT_S = 1
ANSWER_TIMEOUT_S = 2


def provider(name, base_url):
    return {"name": name, "type": "openai", "base_url": base_url, "api_key": {"value": "key"}}


def shorten_timeouts(bootstrap):
    """Shorten timeouts that are hours in the shipped configuration."""
    manager = bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    manager["request_headers_timeout"] = f"{HEAD_TIMEOUT_S}s"
    for route in manager["route_config"]["virtual_hosts"][0]["routes"]:
        route["route"]["timeout"] = f"{ANSWER_TIMEOUT_S}s"


@pytest.fixture(scope="module")
def gateway(start_gateway):
    with running(identity_provider()) as (issuer,), RawUpstream() as upstream:
        providers = [
            provider("raw", f"http://127.0.0.1:{upstream.port}"),
            provider("nowhere", "http://nowhere.invalid"),
            provider("refusing", "http://127.0.0.1:1"),
            provider("without-cluster", "https://provider.test") | {"cluster": "not-in-the-bootstrap"},
        ]
        configuration = {"authentication": {"issuers": [entry(issuer)]}, "providers": providers}
        with start_gateway(configuration, edit_bootstrap=shorten_timeouts) as gateway:
            gateway.line = bearer(issuer.mint())
            yield gateway


def to(name, *lines, body=b"{}"):
    return lambda line: request(f"{PREFIX}/{name}", line, *lines, body=body)


# The request, then the response's status, code and `retry-after`, and Google's name of the status.
REPLIES = {
    "headers too large": (
        to("raw/v1/whole", "x-any: " + "a" * 70_000),
        431,
        "headers_too_large",
        None,
        "INVALID_ARGUMENT",
    ),
    "too many headers": (to("raw/v1/whole", *["x-any: a"] * 101), 431, "headers_too_large", None, "INVALID_ARGUMENT"),
    "not HTTP": (lambda _: b"GET\r\n\r\n", 400, "request_invalid", None, "INVALID_ARGUMENT"),
    "an incomplete head": (
        lambda _: b"GET / HTTP/1.1\r\nhost: a",
        408,
        "request_timeout",
        None,
        "DEADLINE_EXCEEDED",
    ),
    "a provider that refuses connections": (to("refusing/v1/x"), 503, "upstream_unavailable", "1", "UNAVAILABLE"),
    "a provider that closes the connection": (
        to("raw/v1/close-before"),
        503,
        "upstream_unavailable",
        "1",
        "UNAVAILABLE",
    ),
    "a provider that resets the connection": (
        to("raw/v1/reset-before"),
        503,
        "upstream_unavailable",
        "1",
        "UNAVAILABLE",
    ),
    "a provider that does not speak HTTP": (to("raw/v1/garbage"), 502, "upstream_invalid", "1", "UNAVAILABLE"),
    "a provider without an address": (to("nowhere/v1/x"), 503, "upstream_unresolved", "5", "UNAVAILABLE"),
    "a provider without a cluster": (to("without-cluster/v1/x"), 503, "cluster_not_found", None, "UNAVAILABLE"),
    "a provider that does not respond": (to("raw/v1/silent"), 504, "upstream_timeout", None, "DEADLINE_EXCEEDED"),
}
# Replies that Envoy sends before it has read a request and given it an id.
WITHOUT_AN_ID = {"not HTTP", "an incomplete head", "headers too large", "too many headers"}


@pytest.mark.parametrize("name", REPLIES)
def test_envoys_local_replies_have_the_form_of_the_filters(gateway, name):
    sent, status, code, retry_after, word = REPLIES[name]
    answer = ask(gateway, sent(gateway.line), timeout_s=15)
    document = answer.json()
    assert (answer.status, answer.code, document["error"]["status"]) == (status, code, word)
    assert answer.headers["x-ai-gateway-error"] == code
    assert answer.headers["retry-after"] == retry_after
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["x-amzn-errortype"].endswith("Exception")
    assert document["type"] == "error" and document["message"] == document["error"]["message"] != ""
    assert "; " in document["message"], "the message must also say what to do"
    if name not in WITHOUT_AN_ID:
        assert len(answer.headers["x-request-id"]) == 36


def test_a_missing_cluster_is_named_in_the_reply_and_once_per_worker_in_the_log(gateway):
    for _ in range(8):
        answer = ask(gateway, to("without-cluster/v1/x")(gateway.line))
        assert '"not-in-the-bootstrap"' in answer.json()["message"]
        assert answer.headers["x-should-retry"] == "false"
    line = "provider without-cluster: Envoy has no cluster not-in-the-bootstrap;"
    wait_until(lambda: line in gateway.log())
    assert gateway.log().count(line) <= gateway.concurrency


def test_envoys_refusals_say_why_and_what_to_do(gateway):
    good = request(f"{PREFIX}/raw/v1/whole", gateway.line)
    for sent, message in (
        (good.replace(b"HTTP/1.1", b"HTTP/1.0"), "use HTTP/1.1 or HTTP/2"),
        (good.replace(b"/whole", b"/whole#fragment"), "path_normalization_failed"),
        (b"GET\r\n\r\n", "codec"),
    ):
        answer = ask(gateway, sent)
        assert answer.code == "request_invalid"
        assert message in answer.json()["error"]["message"]


def test_the_filters_replies_have_the_request_id_of_the_access_log(gateway):
    answer = ask(gateway, request(f"{PREFIX}/raw/v1/whole", "authorization: Bearer bad"))
    assert answer.code == "token_malformed"
    assert answer.headers.get_all("x-request-id") == [answer.headers["x-request-id"]]
    deadline = time.monotonic() + 5
    while f'"request_id":"{answer.headers["x-request-id"]}"' not in gateway.log():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_responses_of_the_provider_are_not_rewritten(gateway):
    with Connection(gateway) as connection:
        connection.send(to("raw/v1/early")(gateway.line))
        answer = connection.answer()
    assert (answer.status, answer.body) == (413, b"early")
    assert not {"x-ai-gateway-error", "x-amzn-errortype", "retry-after", "x-request-id"} & set(answer.headers)


def fill_heap(bootstrap):
    """Set the heap limit to less than Envoy uses."""
    (limit,) = [it for it in bootstrap["overload_manager"]["resource_monitors"] if it["name"].endswith("fixed_heap")]
    limit["typed_config"]["max_heap_size_bytes"] = 1_000_000


def test_requests_are_refused_while_the_heap_is_nearly_full(start_gateway):
    configuration = {"authentication": {"disabled": True}, "providers": [provider("any", "http://127.0.0.1:1")]}
    with start_gateway(configuration, edit_bootstrap=fill_heap) as gateway:
        deadline = time.monotonic() + 10
        while (answer := ask(gateway, to("any/v1/models")("x: y"))).code != "gateway_overloaded":
            assert time.monotonic() < deadline, answer
            time.sleep(0.1)
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert answer.json()["error"]["status"] == "UNAVAILABLE"
