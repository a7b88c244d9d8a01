"""Response heads that no well-behaved provider sends: each is refused with its own code, or forwarded as it is."""

import pytest

from support.gateway_config import PREFIX, configuration
from support.raw_http import CHAT, Connection, ask, assert_still_works, bearer, request
from support.raw_upstream import RawUpstream

OK = b"HTTP/1.1 200 OK\r\nconnection: close\r\n"
END = b"content-length: 2\r\n\r\n{}"
REFUSED = {
    "a-header-of-100-kb": OK + b"x-a: " + b"a" * 100_000 + b"\r\n" + END,
    "300-headers": OK + b"".join(b"x-%d: a\r\n" % number for number in range(300)) + END,
    "a-status-of-099": b"HTTP/1.1 099 X\r\n" + END,
    "a-nul": OK + b"x-a: a\0b\r\n" + END,
    "two-lengths": OK + b"content-length: 1\r\n" + END,
    "a-length-and-chunks": OK + b"transfer-encoding: chunked\r\n" + END,
    "an-unknown-coding": OK + b"transfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
    "no-content-with-a-length": b"HTTP/1.1 204 No\r\n" + END,
    "a-space-in-a-name": OK + b"x a: 1\r\n" + END,
    "an-empty-name": OK + b": 1\r\n" + END,
}
PASSING = {
    "an-early-hint": (200, b"HTTP/1.1 103 Early\r\nlink: </a>\r\n\r\n" + OK + END),
    "a-folded-line": (200, OK + b"x-a: b\r\n  x-ai-gateway-error: c\r\n" + END),
    "bytes-that-are-no-text": (200, OK + b"x-a: \xe9\xff\r\n" + END),
    "no-reason": (200, b"HTTP/1.1 200\r\nconnection: close\r\n" + END),
    "http-1-0": (200, b"HTTP/1.0 200 OK\r\n\r\n{}"),
    "the-gateways-own-words": (200, OK + b"x-ai-gateway-error: token_expired\r\n" + END),
    "an-unknown-status": (599, b"HTTP/1.1 599 X\r\nconnection: close\r\n" + END),
    "a-second-answer": (200, OK + END + b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nstolen"),
}

STOLEN = b"HTTP/1.1 200 OK\r\ncontent-length: 6\r\n\r\nstolen"
UPGRADES = {
    "an-upgrade-that-nobody-asked-for": b"HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n" + STOLEN,
    "a-websocket-that-nobody-asked-for": b"HTTP/1.1 101 X\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n"
    + STOLEN,
}


@pytest.fixture(scope="module")
def gateway(world, start_gateway):
    answers = REFUSED | UPGRADES | {name: data for name, (_, data) in PASSING.items()}
    with RawUpstream(answers) as upstream:
        malformed = {
            "name": "malformed",
            "type": "openai",
            "base_url": f"http://127.0.0.1:{upstream.port}",
            "api_key": {"value": "k"},
        }
        document = configuration(world)
        with start_gateway(document | {"providers": [*document["providers"], malformed]}) as gateway:
            yield gateway


def answer_to(gateway, token, name):
    return ask(gateway, request(f"{PREFIX}/malformed/v1/{name}", bearer(token)))


@pytest.mark.parametrize("name", REFUSED)
def test_unparsable_responses_are_reported_as_upstream_errors(name, gateway, token):
    answer = answer_to(gateway, token, name)
    assert (answer.status, answer.code) == (502, "upstream_invalid")
    assert answer.headers["x-ai-gateway-error"] == "upstream_invalid"
    assert_still_works(gateway, token)


@pytest.mark.parametrize("name", PASSING)
def test_unusual_responses_pass_and_cannot_impersonate_the_gateway(name, gateway, token):
    status, _ = PASSING[name]
    answer = answer_to(gateway, token, name)
    assert (answer.status, answer.body) == (status, b"{}")
    assert answer.headers["x-ai-gateway-error"] is None
    assert_still_works(gateway, token)


def without_the_routes_edits(bootstrap):
    """Remove what the shipped route does about response headers."""
    manager = bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    (host,) = manager["route_config"]["virtual_hosts"]
    assert host.pop("response_headers_to_remove") == ["x-ai-gateway-error"]


def test_the_filter_itself_removes_the_gateways_headers_from_a_providers_response(world, start_gateway, token):
    forged = OK + b"x-ai-gateway-error: token_expired\r\nx-ai-gateway-anything: 1\r\n" + END
    with RawUpstream({"forged": forged}) as upstream:
        whole = configuration(world)
        whole["providers"] = [
            {"name": name, "type": "openai", "base_url": f"http://127.0.0.1:{port}", "api_key": {"value": "k"}}
            for name, port in (("forging", upstream.port), ("refusing", 1))
        ]
        with start_gateway(whole, edit_bootstrap=without_the_routes_edits) as gateway:
            answer = ask(gateway, request(f"{PREFIX}/forging/v1/forged", bearer(token)))
            assert (answer.status, answer.body) == (200, b"{}")
            assert not [name for name in answer.headers if name.startswith("x-ai-gateway-")]
            own = ask(gateway, request(f"{PREFIX}/refusing/v1/x", bearer(token)))
            assert (own.status, own.headers["x-ai-gateway-error"]) == (503, "upstream_unavailable")


@pytest.mark.parametrize("name", UPGRADES)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_an_unrequested_upgrade_response_is_not_forwarded(method, name, gateway, token):
    with Connection(gateway) as connection:
        connection.send(request(f"{PREFIX}/malformed/v1/{name}", bearer(token), method=method))
        answer = connection.answer()
        assert (answer.status, answer.headers["x-ai-gateway-error"]) == (502, "upstream_invalid")
        assert answer.headers["upgrade"] is None
        connection.send(request(CHAT, bearer(token)))
        following = connection.answer()
        assert following is None or b"stolen" not in following.body
    assert_still_works(gateway, token)
