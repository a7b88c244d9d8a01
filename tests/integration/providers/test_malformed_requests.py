"""Paths, targets, methods and framing that no SDK sends, with a valid token, over raw HTTP/1.1 through real Envoy."""

from urllib.parse import urlsplit

import pytest

from support.raw_http import CHAT, PREFIX, QUESTION, Connection, ask, assert_still_works, bearer, request


@pytest.fixture(autouse=True)
def still_works(gateway, world, token):
    world.openai.requests.clear()
    yield
    assert_still_works(gateway, token)


PATHS = {
    "a provider's name in other case": (f"{PREFIX}/My-OpenAI/v1/models", 404, "provider_not_found"),
    "a name with %2F": (f"{PREFIX}/my-openai%2Fv1/models", 404, "provider_not_found"),
    "a name with its hyphen encoded": (f"{PREFIX}/my%2Dopenai/v1/models", 404, "provider_not_found"),
    "a name with parameters": (f"{PREFIX}/my-openai;v=1/v1/models", 404, "provider_not_found"),
    "an empty name": (f"{PREFIX}//v1/models", 404, "provider_not_found"),
    "a name of 10 KB": (f"{PREFIX}/{'a' * 10_000}/v1/models", 404, "provider_not_found"),
    "a name of 50 KB": (f"{PREFIX}/{'a' * 50_000}/v1/models", 404, "provider_not_found"),
    "a name with an encoded NUL": (f"{PREFIX}/my-openai%00/v1/models", 400, "path_invalid"),
    "no upstream path": (f"{PREFIX}/my-openai", 404, "upstream_path_missing"),
    "a slash as the upstream path": (f"{PREFIX}/my-openai/", 404, "upstream_path_missing"),
    "the prefix in other case": (f"{PREFIX.upper()}/my-openai/v1/models", 404, "path_not_found"),
    "the prefix after a double slash": (f"/{CHAT}", 404, "path_not_found"),
    "the prefix with an encoded letter": (CHAT.replace("llm", "%6Clm"), 404, "path_not_found"),
    "nothing but a slash": ("/", 404, "path_not_found"),
    "an absolute target of a bare host": ("http://other.test", 404, "path_not_found"),
    "an absolute target of another scheme": (f"ftp://other.test{CHAT}", 400, "request_invalid"),
    "an absolute target of https in plaintext": (f"https://other.test{CHAT}", 403, "request_invalid"),
    "the authority form": ("other.test:80", 400, "request_invalid"),
    "a relative target": (CHAT[1:], 400, "request_invalid"),
    "an empty target": ("", 400, "request_invalid"),
    "a target with a fragment": (f"{CHAT}#a", 400, "request_invalid"),
    "a space in the target": (f"{CHAT} a", 400, "request_invalid"),
    "a NUL in the target": (f"{CHAT}\0", 400, "request_invalid"),
    "bytes that are not UTF-8 in the target": (f"{CHAT}/\xff", 400, "request_invalid"),
    "a target beyond the limit": (f"{CHAT}/{'a' * 65_000}", 431, "headers_too_large"),
}

DOT_SEGMENTS = [".", "..", "%2e", "%2E%2e", ".%2E", "..;", "..;a=b", "..%2F", "%2e%2e%2f", "..%5C", "..\\", "a\\.."]


@pytest.mark.parametrize(("target", "status", "code"), PATHS.values(), ids=PATHS)
def test_malformed_paths_are_refused(gateway, world, token, target, status, code):
    answer = ask(gateway, request(target, bearer(token)))
    assert (answer.status, answer.code) == (status, code)
    assert len(answer.body) < 1000
    assert not world.openai.requests


@pytest.mark.parametrize("segment", DOT_SEGMENTS)
@pytest.mark.parametrize("place", [f"{PREFIX}/my-openai/%s/v1/models", f"{PREFIX}/%s/v1/models", f"{CHAT}/%s"])
def test_dot_segments_are_refused_with_and_without_a_token(gateway, world, token, segment, place):
    for headers in [[bearer(token)], []]:
        answer = ask(gateway, request(place % segment, *headers))
        assert (answer.status, answer.code) == (400, "path_invalid")
    assert not world.openai.requests


def test_a_path_of_50_kb_reaches_the_provider(gateway, world, token):
    tail = "a" * 50_000
    assert ask(gateway, request(f"{CHAT}/{tail}", bearer(token))).status == 404
    assert world.openai.requests[0].path == f"/v1/chat/completions/{tail}"


@pytest.mark.parametrize("host", ["other.test", "user:password@other.test", "other.test:1"])
@pytest.mark.parametrize("form", ["absolute target", "host header", "second host header"])
def test_the_client_does_not_choose_the_upstream_host(gateway, world, token, host, form):
    good = request(CHAT, bearer(token))
    sent = {
        "absolute target": request(f"http://{host}{CHAT}", bearer(token)),
        "host header": good.replace(b"host: gateway.test", f"host: {host}".encode()),
        "second host header": good.replace(b"\r\n\r\n", f"\r\nHost: {host}\r\n\r\n".encode(), 1),
    }[form]
    assert ask(gateway, sent).status in (200, 400)
    provider = urlsplit(world.openai.base_url).netloc.encode()
    assert all(recorded.values("host") == [provider] for recorded in world.openai.requests)


def test_the_asterisk_form_is_refused(gateway, token):
    assert ask(gateway, request("*", bearer(token), method="OPTIONS", body=b"")).status == 404


def test_connect_is_refused(gateway, token):
    answer = ask(gateway, request("other.test:443", bearer(token), method="CONNECT", body=b""))
    assert (answer.status, answer.code) == (405, "method_not_allowed")
    answer = ask(gateway, request("other.test:443", method="CONNECT", body=b""))
    assert (answer.status, answer.code) == (405, "method_not_allowed")


def test_trace_is_refused_as_it_would_echo_the_providers_key(gateway, world, token):
    """RFC 9110 §9.3.8: the response to TRACE is the received request, including credentials."""
    answer = ask(gateway, request(CHAT, bearer(token), method="TRACE", body=b""))
    assert not world.openai.requests
    assert 400 <= answer.status < 500


@pytest.mark.parametrize("version", ["1.0", "0.9", "2.0", "1.2"])
def test_unsupported_http_versions_are_refused(gateway, token, version):
    answer = ask(gateway, request(CHAT, bearer(token)).replace(b"HTTP/1.1", f"HTTP/{version}".encode()))
    assert answer.status == 426


def test_a_connection_header_does_not_remove_headers_that_the_gateway_adds(gateway, world, token):
    """Envoy removes headers named by `connection` before the gateway adds its own."""
    for line in ["connection: x-ai-gateway-cluster", "connection: host"]:
        assert ask(gateway, request(CHAT, bearer(token), line)).status in (200, 400)
    assert all(recorded.values("authorization") == [b"Bearer mock-openai-key"] for recorded in world.openai.requests)
    assert ask(gateway, request(CHAT, bearer(token), "connection: authorization")).code == "token_missing"


# Some HTTP parsers accept these lines. They follow a correct content-length.
MALFORMED_LINES = {
    "a length and chunks": "transfer-encoding: chunked",
    "an unknown transfer coding": "transfer-encoding: xchunked",
    "chunks before identity": "transfer-encoding: chunked, identity",
    "identity before chunks": "transfer-encoding: identity, chunked",
    "a vertical tab before chunks": "transfer-encoding:\x0bchunked",
    "a space before the colon": "transfer-encoding : chunked",
    "two lengths that differ": "content-length: 5",
    "two lengths that agree": f"content-length: {len(QUESTION)}",
    "a negative length": "content-length: -1",
    "a length with a sign": f"content-length: +{len(QUESTION)}",
    "a space in a name": "x any: a",
    "a NUL in a name": "x\0: a",
    "a NUL in a value": "x-any: a\0b",
    "a control character in a value": "x-any: a\x01b",
    "an empty name": ": a",
    "a line without a colon": "x-any",
}


def smuggled(token):
    """A request that would be forwarded if the gateway read it."""
    return request(f"{PREFIX}/my-openai/v1/models", bearer(token), "x-smuggled: yes", method="GET", body=b"")


@pytest.mark.parametrize("line", MALFORMED_LINES.values(), ids=MALFORMED_LINES)
def test_a_malformed_request_closes_its_connection_and_nothing_after_it_is_read(gateway, world, token, line):
    answer = last_response(gateway, request(CHAT, bearer(token), line) + smuggled(token))
    assert 400 <= answer.status < 500
    assert not any(recorded.values("x-smuggled") for recorded in world.openai.requests)


CHUNKS = {
    "a size that is not a number": b"zz\r\nhello\r\n0\r\n\r\n",
    "a size over 64 bits": b"fffffffffffffffff\r\nhello\r\n0\r\n\r\n",
    "a negative size": b"-5\r\nhello\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("body", CHUNKS.values(), ids=CHUNKS)
def test_malformed_chunks_close_the_connection(gateway, world, token, body):
    head = request(CHAT, bearer(token), "transfer-encoding: chunked", body=b"").replace(b"content-length: 0\r\n", b"")
    answer = last_response(gateway, head + body + smuggled(token))
    assert 400 <= answer.status < 500
    assert not any(recorded.values("x-smuggled") for recorded in world.openai.requests)


def test_the_body_of_a_refused_request_is_not_read_as_a_request(gateway, world, token):
    answer = last_response(gateway, request(CHAT, "authorization: Bearer bad", body=smuggled(token)) + smuggled(token))
    assert answer.status == 401
    assert not world.openai.requests


def last_response(gateway, data):
    """The response after which the gateway closes the connection."""
    with Connection(gateway) as connection:
        connection.send(data)
        answer = connection.answer()
        connection.finish()
        assert connection.answer() is None
    return answer


def test_1000_headers_get_431(gateway, token):
    lines = [f"x-{number}: a" for number in range(1000)]
    assert ask(gateway, request(CHAT, bearer(token), *lines)).status == 431
