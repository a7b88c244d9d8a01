"""Request bodies that the filter signs: framing, the size limit, and that nothing is sent before they are complete."""

import concurrent.futures
import contextlib
import hashlib
import time

import pytest

from support.bedrock import (
    CONVERSE,
    MODEL,
    PartialRequest,
    assert_signed_by_the_gateway,
    bearer,
    bedrock_configuration,
    only,
    target,
)
from support.client import exchange, wait_until

MIB = 1024 * 1024
LIMIT = 32 * MIB
PAUSE_S = 0.5
SLOW_UPLOADS = 1000
JSON = ("content-type", "application/json")
CONVERSE_PATH = target(f"/model/{MODEL}/converse")


@pytest.fixture(scope="module")
def gateway(world, start_gateway, many_files):
    with start_gateway(bedrock_configuration(world)) as gateway:
        yield gateway


@pytest.fixture
def converse(gateway, token):
    """Send a request with the whole body at once."""
    return lambda body: exchange(gateway, "POST", CONVERSE_PATH, [bearer(token), JSON], body)


@pytest.fixture
def upload(gateway, token):
    """Begin a request whose body is sent piece by piece, by default with the length of `CONVERSE`."""

    def begin(*headers):
        framing = headers or [("content-length", str(len(CONVERSE)))]
        return PartialRequest(gateway, "POST", CONVERSE_PATH, [bearer(token), JSON, *framing])

    return begin


@pytest.mark.parametrize("pieces", [1, 3, 40])
def test_a_chunked_body(upload, world, pieces):
    body = CONVERSE + b" " * 100_000
    step = -(-len(body) // pieces)
    with upload(("transfer-encoding", "chunked")) as request:
        for start in range(0, len(body), step):
            request.send_chunk(body[start : start + step])
        request.send_chunk(b"")
        assert request.answer().status == 200
    assert only(world.bedrock.requests).body_sha256 == hashlib.sha256(body).hexdigest()


def test_a_body_of_10_mb(converse, world):
    body = CONVERSE + b" \r\n\t" * 2_500_000
    assert converse(body).status == 200
    assert only(world.bedrock.requests).body_sha256 == hashlib.sha256(body).hexdigest()


@pytest.mark.parametrize("framing", ["content-length", "chunked"])
def test_a_body_over_the_limit(upload, world, framing):
    size = 33 * MIB
    sized = ("content-length", str(size)) if framing == "content-length" else ("transfer-encoding", "chunked")
    with upload(sized) as request:
        send = request.send if framing == "content-length" else request.send_chunk
        with contextlib.suppress(OSError):  # the response and the end of the connection may come before all is sent
            for _ in range(size // MIB):
                send(bytes(MIB))
        answer = request.answer()
    assert answer.status == 413
    assert answer.code == "body_too_large"
    assert str(LIMIT) in answer.message
    assert answer.json()["message"] == answer.message
    assert answer.header("x-amzn-errortype") == "ValidationException"
    assert not world.bedrock.requests


def test_nothing_is_sent_before_the_body_is_complete(upload, world, token):
    with upload() as request:
        time.sleep(PAUSE_S)
        request.send(CONVERSE[:20])
        time.sleep(PAUSE_S)
        assert not world.bedrock.requests
        request.send(CONVERSE[20:])
        assert request.answer().status == 200
    assert_signed_by_the_gateway(only(world.bedrock.requests), world.aws_credential, token)


def test_a_client_that_sends_expect_100_continue(upload, world):
    with upload(("content-length", str(len(CONVERSE))), ("expect", "100-continue")) as request:
        request.send(CONVERSE)
        assert request.answer().status == 200
    assert not only(world.bedrock.requests).values("expect")


@pytest.mark.parametrize("sent", [0, 20, len(CONVERSE) - 1])
def test_a_client_that_disconnects_during_an_upload_is_cleaned_up(gateway, world, upload, converse, sent):
    with upload() as request:
        request.send(CONVERSE[:sent])
        time.sleep(PAUSE_S)
    active = "http.ai_gateway.downstream_rq_active"
    wait_until(lambda: gateway.stats(active)[active] == 0)
    assert not world.bedrock.requests
    assert converse(CONVERSE).status == 200
    assert len(world.bedrock.requests) == 1


def test_slow_uploads_do_not_delay_other_requests(upload, converse):
    slow = [upload() for _ in range(SLOW_UPLOADS)]
    try:
        for request in slow:
            request.send(CONVERSE[:20])
        with concurrent.futures.ThreadPoolExecutor(20) as pool:
            answers = list(pool.map(lambda _: converse(CONVERSE).status, range(100)))
        assert answers == [200] * 100
        for request in slow[:10]:
            request.send(CONVERSE[20:])
            assert request.answer().status == 200
    finally:
        for request in slow:
            request.close()
