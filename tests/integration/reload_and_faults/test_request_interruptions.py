"""Every state of a request combined with every way to interrupt it: an error or a clean close, and nothing leaks."""

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


class System:
    """A gateway with a raw provider, a provider with request signing, and an issuer that never serves its keys."""

    def __init__(self, gateway, upstream, issuer, mute):
        self.gateway = gateway
        self.upstream = upstream
        self.line = bearer(issuer.mint())
        self.waiting_line = bearer(mute.mint())

    def gauge(self, name):
        return self.gateway.stats(name).get(name, 0)

    def assert_no_leftovers(self):
        """No active request, no entry of a wait list, no upstream connection that waits for a response."""
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
def system(start_gateway):
    with running(identity_provider(), identity_provider()) as (issuer, mute), RawUpstream() as upstream:
        mute.fault["discovery"] = Fault(hang=True)
        issuers = [entry(issuer), entry(mute, fetch_timeout=FOREVER)]
        with start_gateway(configuration(upstream, issuers, STATIC)) as gateway:
            yield System(gateway, upstream, issuer, mute)


def half(data):
    """A request without the end of its body."""
    return data[: -len(BODY) // 2]


SIGNED = f"{PREFIX}/signed/model/m/whole"
# What the client has sent, and how the test sees that the request has reached this state.
STATES = {
    "incomplete head": (lambda system: raw("silent", system.line)[:40], None),
    "waiting for keys": (lambda system: raw("silent", system.waiting_line), "wasmcustom.ai_gateway_waiting_requests"),
    "waiting for the body to sign": (lambda system: half(request(SIGNED, system.line, body=BODY)), None),
    "forwarding the body": (lambda system: half(raw("silent", system.line)), "upstream"),
    "waiting for the response": (lambda system: raw("silent", system.line), "upstream"),
    "forwarding the response": (lambda system: raw("drip", system.line), "upstream"),
}
WAYS = {
    "closes": Connection.close,
    "resets": Connection.reset,
    "shuts down and closes": lambda connection: (connection.finish(), time.sleep(0.1), connection.close()),
}


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize(("sent", "sign"), STATES.values(), ids=STATES)
def test_a_client_that_disconnects_is_cleaned_up_in_every_state(system, sent, sign, way):
    connection = Connection(system.gateway)
    connection.send(sent(system))
    if sign == "upstream":
        wait_until(lambda: system.upstream.open == 1)
    elif sign:
        wait_until(lambda: system.gauge(sign) == 1)
    else:
        time.sleep(0.2)
    way(connection)
    system.assert_no_leftovers()


def test_clients_that_disconnect_while_waiting_for_credentials_are_cleaned_up(start_gateway):
    with running(identity_provider(), IdentityProvider({})) as (issuer, mute), RawUpstream() as upstream:
        mute.fault["jwks"] = Fault(hang=True)
        credentials = {"container": {"uri": mute.jwks_uri}}
        with start_gateway(configuration(upstream, [entry(issuer)], credentials)) as gateway:
            system = System(gateway, upstream, issuer, issuer)
            for way in WAYS.values():
                connection = Connection(gateway, timeout_s=20)
                connection.send(request(SIGNED, system.line, body=BODY))
                way(connection)
            system.assert_no_leftovers()


# The provider's behaviour and the status of the response. `None` means that the connection breaks during the response.
FAULTS = {
    "close-before": (503, "upstream_unavailable"),
    "reset-before": (503, "upstream_unavailable"),
    "garbage": (502, "upstream_invalid"),
    "close-within": None,
    "reset-within": None,
}


@pytest.mark.parametrize("is_whole", [True, False], ids=["complete request", "incomplete request"])
@pytest.mark.parametrize(("behaviour", "expected"), FAULTS.items(), ids=FAULTS)
def test_a_failing_provider_causes_an_error_or_ends_the_response(system, behaviour, expected, is_whole):
    sent = raw(behaviour, system.line)
    with Connection(system.gateway) as connection:
        connection.send(sent if is_whole else half(sent))
        if expected:
            answer = connection.answer()
            assert (answer.status, answer.code) == expected
        else:
            received = connection.read_until_closed()
            assert received.startswith(b"HTTP/1.1 200 ") and EVENT in received
            assert not received.endswith(b"0\r\n\r\n"), "a truncated response must not look complete"
    system.assert_no_leftovers()


def test_an_early_response_of_the_provider_is_forwarded(system):
    with Connection(system.gateway) as connection:
        connection.send(half(raw("early", system.line)))
        answer = connection.answer()
        assert (answer.status, answer.body) == (413, b"early")
    system.assert_no_leftovers()


def test_trailers_in_both_directions(system):
    sent = raw("trailers", system.line).replace(b"content-length: %d" % len(BODY), b"transfer-encoding: chunked")
    body = b"%x\r\n%b\r\n0\r\nx-request-trailer: yes\r\n\r\n" % (len(BODY), BODY)
    with Connection(system.gateway) as connection:
        connection.send(sent.replace(BODY, body))
        answer = connection.answer()
    assert (answer.status, answer.body) == (200, EVENT)
    system.assert_no_leftovers()


@pytest.mark.parametrize("folded", ["x-any: a\r\n authorization: Bearer b", "x-any: a\r\n\tx-ai-gateway-cluster: b"])
def test_a_folded_header_line_is_refused_or_unfolded(system, folded):
    """RFC 9112 §5.2: a folded line is refused, or the fold is replaced by a space."""
    system.upstream.heads.clear()
    answer = ask(system.gateway, raw("whole", system.line, folded))
    assert answer.status in (200, 400)
    for head in system.upstream.heads:
        names = [line.split(b":")[0].lower() for line in head.split(b"\r\n")[1:]]
        assert names.count(b"authorization") == 1 and b"x-ai-gateway-cluster" not in names
        assert b"\r\n " not in head and b"\r\n\t" not in head
    system.assert_no_leftovers()
