"""Every state of a request × everything that can end it: the right answer or a clean close, and nothing left behind."""

import time

import pytest

from mocks.faults import Fault
from mocks.identity_provider import IdentityProvider
from support.client import wait_until
from support.gateway_config import PREFIX
from support.issuers import entry, identity_provider, running
from support.raw_http import Connection, ask, bearer, request
from support.raw_upstream import EVENT, RawUpstream

SIGNS_OF_TROUBLE = ["panicked", "[critical]", "the host refuses", "the host cannot"]
BODY = b'{"model":"m","messages":[]}'
FOREVER = "300s"


class Scene:
    """A gateway with a provider by hand, one whose requests are signed, and an issuer that never gives its keys."""

    def __init__(self, gateway, upstream, issuer, mute):
        self.gateway = gateway
        self.upstream = upstream
        self.line = bearer(issuer.mint())
        self.waiting_line = bearer(mute.mint())

    def gauge(self, name):
        return self.gateway.stats(name).get(name, 0)

    def assert_nothing_left(self):
        """No request, no entry of a wait list, no connection to the provider that waits for an answer."""
        wait_until(lambda: self.gauge("http.ai_gateway.downstream_rq_active") == 0)
        wait_until(lambda: self.gauge("wasmcustom.ai_gateway_waiting_requests") == 0)
        wait_until(lambda: self.upstream.open == 0)
        log = self.gateway.log()
        assert [sign for sign in SIGNS_OF_TROUBLE if sign in log] == []
        assert not any(self.gateway.stats("wasm.ai_gateway.vm_reload").values())
        assert ask(self.gateway, raw("whole", self.line)).body == b"whole"


def raw(behaviour, *lines, body=BODY):
    return request(f"{PREFIX}/raw/v1/{behaviour}", *lines, body=body)


def configuration(upstream, issuers, credentials):
    url = f"http://127.0.0.1:{upstream.port}"
    signed = {"name": "signed", "type": "bedrock", "region": "us-east-1", "base_url": url, "credentials": credentials}
    plain = {"name": "raw", "type": "openai", "base_url": url, "api_key": {"value": "key"}}
    return {"authentication": {"issuers": issuers}, "providers": [plain, signed]}


STATIC = {"static": {"access_key_id": {"value": "AKIAMOCK"}, "secret_access_key": {"value": "secret"}}}


@pytest.fixture(scope="module")
def scene(start_gateway):
    with running(identity_provider(), identity_provider()) as (issuer, mute), RawUpstream() as upstream:
        mute.fault["discovery"] = Fault(hang=True)
        issuers = [entry(issuer), entry(mute, fetch_timeout=FOREVER)]
        with start_gateway(configuration(upstream, issuers, STATIC)) as gateway:
            yield Scene(gateway, upstream, issuer, mute)


def half(data):
    """A request but for the end of its body."""
    return data[: -len(BODY) // 2]


SIGNED = f"{PREFIX}/signed/model/m/whole"
# What a client has sent, and how a test sees that the request has come to this state.
STATES = {
    "its head is not whole": (lambda scene: raw("silent", scene.line)[:40], None),
    "it waits for keys": (lambda scene: raw("silent", scene.waiting_line), "wasmcustom.ai_gateway_waiting_requests"),
    "its body is awaited, to be signed": (lambda scene: half(request(SIGNED, scene.line, body=BODY)), None),
    "its body passes": (lambda scene: half(raw("silent", scene.line)), "upstream"),
    "its answer is awaited": (lambda scene: raw("silent", scene.line), "upstream"),
    "its answer passes": (lambda scene: raw("drip", scene.line), "upstream"),
}
WAYS = {
    "closes": Connection.close,
    "resets": Connection.reset,
    "says it has ended and closes": lambda connection: (connection.finish(), time.sleep(0.1), connection.close()),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(("sent", "sign"), STATES.values(), ids=STATES)
def test_a_client_that_leaves_leaves_nothing(scene, sent, sign, way):
    connection = Connection(scene.gateway)
    connection.send(sent(scene))
    if sign == "upstream":
        wait_until(lambda: scene.upstream.open == 1)
    elif sign:
        wait_until(lambda: scene.gauge(sign) == 1)
    else:
        time.sleep(0.2)
    way(connection)
    scene.assert_nothing_left()


def test_clients_that_wait_for_credentials_and_leave_leave_nothing(start_gateway):
    with running(identity_provider(), IdentityProvider({})) as (issuer, mute), RawUpstream() as upstream:
        mute.fault["jwks"] = Fault(hang=True)
        credentials = {"container": {"uri": mute.jwks_uri}}
        with start_gateway(configuration(upstream, [entry(issuer)], credentials)) as gateway:
            scene = Scene(gateway, upstream, issuer, issuer)
            for way in WAYS.values():
                connection = Connection(gateway, timeout_s=20)
                connection.send(request(SIGNED, scene.line, body=BODY))
                way(connection)
            scene.assert_nothing_left()


# What the provider does, and what a client is told of it; `None`: its connection ends in the middle of the answer.
FAULTS = {
    "close-before": (503, "upstream_unavailable"),
    "reset-before": (503, "upstream_unavailable"),
    "garbage": (502, "upstream_invalid"),
    "close-within": None,
    "reset-within": None,
}


@pytest.mark.parametrize("is_whole", [True, False], ids=["the request is whole", "the request is not whole"])
@pytest.mark.parametrize(("behaviour", "told"), FAULTS.items(), ids=FAULTS)
def test_a_provider_that_fails_is_told_of_or_ends_the_answer(scene, behaviour, told, is_whole):
    sent = raw(behaviour, scene.line)
    with Connection(scene.gateway) as connection:
        connection.send(sent if is_whole else half(sent))
        if told:
            answer = connection.answer()
            assert (answer.status, answer.code) == told
        else:
            received = connection.read_until_closed()
            assert received.startswith(b"HTTP/1.1 200 ") and EVENT in received
            assert not received.endswith(b"0\r\n\r\n"), "an answer that was cut looks whole"
    scene.assert_nothing_left()


def test_a_provider_that_answers_before_the_request_is_whole_is_heard(scene):
    with Connection(scene.gateway) as connection:
        connection.send(half(raw("early", scene.line)))
        answer = connection.answer()
        assert (answer.status, answer.body) == (413, b"early")
    scene.assert_nothing_left()


def test_an_exchange_with_trailers_both_ways_ends_well(scene):
    sent = raw("trailers", scene.line).replace(b"content-length: %d" % len(BODY), b"transfer-encoding: chunked")
    body = b"%x\r\n%b\r\n0\r\nx-request-trailer: yes\r\n\r\n" % (len(BODY), BODY)
    with Connection(scene.gateway) as connection:
        connection.send(sent.replace(BODY, body))
        answer = connection.answer()
    assert (answer.status, answer.body) == (200, EVENT)
    scene.assert_nothing_left()


@pytest.mark.parametrize("folded", ["x-any: a\r\n authorization: Bearer b", "x-any: a\r\n\tx-ai-gateway-cluster: b"])
def test_a_folded_line_is_one_value_when_it_reaches_the_provider(scene, folded):
    """RFC 9112 §5.2: it is refused, or its fold becomes a space."""
    scene.upstream.heads.clear()
    answer = ask(scene.gateway, raw("whole", scene.line, folded))
    assert answer.status in (200, 400)
    for head in scene.upstream.heads:
        names = [line.split(b":")[0].lower() for line in head.split(b"\r\n")[1:]]
        assert names.count(b"authorization") == 1 and b"x-ai-gateway-cluster" not in names
        assert b"\r\n " not in head and b"\r\n\t" not in head
    scene.assert_nothing_left()
