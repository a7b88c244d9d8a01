"""Providers and issuers over TLS: nothing is sent to a server whose certificate does not match."""

import socket
import threading
from contextlib import closing

import h2.config
import h2.connection
import h2.events
import pytest

from mocks.faults import Fault
from mocks.providers import OpenAI
from mocks.tls import CertificateAuthority
from support.issuers import entry, identity_provider, running, verdict, verdicts
from tools.gateway import free_port

GOOD = (200, None)
API_KEY = "mock-openai-key"


@pytest.fixture(scope="module")
def unknown_authority(tmp_path_factory):
    return CertificateAuthority(tmp_path_factory.mktemp("unknown_authority"))


def issuer_at(host, context):
    port = free_port()
    return identity_provider(issuer=f"https://{host}:{port}", port=port, ssl_context=context)


def serving(issuer, base_url):
    provider = {"name": "my-openai", "type": "openai", "base_url": base_url, "api_key": {"value": API_KEY}}
    return {"authentication": {"issuers": [issuer]}, "providers": [provider]}


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_tls_upstreams_are_verified_by_name(start_gateway, authority, host):
    issuer = issuer_at(host, authority.issue(host).ssl_context())
    provider_context = authority.issue(host).ssl_context()
    names = []
    provider_context.sni_callback = lambda _connection, name, _context: names.append(name)
    provider = OpenAI(API_KEY, ssl_context=provider_context)
    with running(issuer, provider):
        base_url = f"https://{host}:{provider.port}/v1"
        gateway = start_gateway(serving(entry(issuer), base_url), ca_bundle=authority.certificate)
        assert verdicts(gateway, issuer.mint()) == {GOOD}
        assert provider.requests[0].values("host") == [f"{host}:{provider.port}".encode()]
        assert set(names) == {host if host == "localhost" else None}


@pytest.mark.parametrize("flaw", ["another name", "unknown authority", "plaintext"])
def test_nothing_is_sent_to_a_provider_with_an_invalid_certificate(start_gateway, authority, unknown_authority, flaw):
    contexts = {
        "another name": authority.issue("other.test").ssl_context(),
        "unknown authority": unknown_authority.issue("localhost").ssl_context(),
        "plaintext": None,
    }
    issuer, provider = identity_provider(), OpenAI(API_KEY, ssl_context=contexts[flaw])
    with running(issuer, provider):
        base_url = f"https://localhost:{provider.port}/v1"
        gateway = start_gateway(serving(entry(issuer), base_url), ca_bundle=authority.certificate)
        assert {status for status, _ in verdicts(gateway, issuer.mint())} == {503}
        assert not provider.requests


@pytest.mark.parametrize("flaw", ["another name", "unknown authority"])
def test_keys_of_an_issuer_with_an_invalid_certificate_are_not_used(start_gateway, authority, unknown_authority, flaw):
    contexts = {
        "another name": authority.issue("other.test").ssl_context(),
        "unknown authority": unknown_authority.issue("localhost").ssl_context(),
    }
    issuer = issuer_at("localhost", contexts[flaw])
    with running(issuer, OpenAI(API_KEY)) as (_, provider):
        gateway = start_gateway(serving(entry(issuer), provider.base_url), ca_bundle=authority.certificate)
        assert verdicts(gateway, issuer.mint()) == {(503, "keys_unavailable")}
        assert not issuer.hits


def test_a_discovery_document_cannot_downgrade_from_tls_to_plaintext(start_gateway, authority):
    issuer = issuer_at("localhost", authority.issue("localhost").ssl_context())
    with running(issuer, identity_provider(), OpenAI(API_KEY)) as (_, plaintext, provider):
        document = f'{{"issuer":"{issuer.issuer}","jwks_uri":"{plaintext.jwks_uri}"}}'
        issuer.fault["discovery"] = Fault(body=document.encode())
        gateway = start_gateway(serving(entry(issuer), provider.base_url), ca_bundle=authority.certificate)
        assert verdict(gateway, issuer.mint(key=plaintext.keys[0])) == (503, "keys_unavailable")
        assert not plaintext.hits


def test_http2_is_used_if_the_provider_offers_it(start_gateway, authority):
    context = authority.issue("localhost").ssl_context()
    context.set_alpn_protocols(["h2"])
    with running(identity_provider()) as (issuer,), Http2Server(context) as server:
        base_url = f"https://localhost:{server.port}/v1"
        gateway = start_gateway(serving(entry(issuer), base_url), ca_bundle=authority.certificate)
        assert verdict(gateway, issuer.mint())[0] == 200
        assert server.headers[b":scheme"] == b"https"
        assert server.headers[b":authority"] == f"localhost:{server.port}".encode()
        assert server.headers[b":path"] == b"/v1/chat/completions"
        assert server.headers[b"authorization"] == f"Bearer {API_KEY}".encode()


@pytest.mark.parametrize("is_held", [False, True], ids=["passing", "held for its signature"])
def test_request_trailers_do_not_reach_the_provider(start_gateway, authority, is_held):
    """Over HTTP/1.1 Envoy drops trailers. Over HTTP/2 it would forward whatever the client sends in them."""
    context = authority.issue("localhost").ssl_context()
    context.set_alpn_protocols(["h2"])
    with running(identity_provider()) as (issuer,), Http2Server(context) as server:
        base_url = f"https://localhost:{server.port}"
        document = serving(entry(issuer), base_url)
        if is_held:
            keys = {"access_key_id": {"value": "AKIA"}, "secret_access_key": {"value": "key"}}
            document["providers"][0] |= {"type": "bedrock", "region": "us-east-1", "credentials": {"static": keys}}
            del document["providers"][0]["api_key"]
        gateway = start_gateway(document, ca_bundle=authority.certificate)
        token = issuer.mint()
        trailers = [("authorization", f"Bearer {token}"), ("x-api-key", token), ("x-any", "a"), ("x-any", "b")]
        target = "/llm/v1/providers/my-openai/" + ("model/m/invoke" if is_held else "v1/chat/completions")
        headers = [(":method", "POST"), (":scheme", "http"), (":authority", "a"), (":path", target)]
        headers.append(("authorization", f"Bearer {token}"))
        assert http2_status(gateway, headers, trailers) == b"200"
        assert b":path" in server.headers
        assert token.encode() not in b"".join(server.headers.values())
        assert server.trailers == []


def http2_status(gateway, headers, trailers):
    """The status of a response to a request with a body and trailers."""
    connection = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding=None))
    connection.initiate_connection()
    connection.send_headers(1, headers)
    connection.send_data(1, b"{}")
    connection.send_headers(1, trailers, end_stream=True)
    with socket.create_connection(("127.0.0.1", gateway.port), 10) as peer:
        peer.sendall(connection.data_to_send())
        while data := peer.recv(65536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    return dict(event.headers)[b":status"]
            peer.sendall(connection.data_to_send())
    return None


class Http2Server:
    """Answers the requests of one connection with an empty 200, and keeps the last headers and all trailers."""

    def __init__(self, context):
        self.headers = {}
        self.trailers = []
        self._listener = context.wrap_socket(socket.create_server(("127.0.0.1", 0)), server_side=True)
        self.port = self._listener.getsockname()[1]
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._listener.close()

    def _serve(self):
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding=None))
        peer, _ = self._listener.accept()
        with closing(peer):
            connection.initiate_connection()
            peer.sendall(connection.data_to_send())
            while data := peer.recv(65536):
                for event in connection.receive_data(data):
                    if isinstance(event, h2.events.RequestReceived):
                        self.headers = dict(event.headers)
                    elif isinstance(event, h2.events.TrailersReceived):
                        self.trailers += event.headers
                    elif isinstance(event, h2.events.StreamEnded):
                        connection.send_headers(event.stream_id, [(":status", "200")], end_stream=True)
                peer.sendall(connection.data_to_send())
