"""Resumable uploads, whose bytes go to a URL that the provider's response names, go through the gateway as well."""

import hashlib
import io
import urllib.parse
from base64 import b64decode

import pytest
from google.genai import types

from support.client import exchange, google_client
from support.gateway_config import PREFIX, configuration
from support.node import NodeClients
from support.scripted_provider import Script, ScriptedProvider

CONTENT = bytes(range(256)) * 40_000  # larger than one chunk of the SDK


@pytest.fixture
def node_clients():
    with NodeClients("google") as clients:
        yield clients


def through_the_gateway(world):
    """The requests of the upload that went through the gateway. Envoy gives each of them an id."""
    uploads = [request for request in world.google.requests if request.path.startswith("/upload/")]
    assert all(request.values("x-request-id") for request in uploads)
    assert all(request.values("x-goog-api-key") == [world.google.api_key.encode()] for request in uploads)
    return uploads


@pytest.mark.parametrize("base_url_in_call", [False, True], ids=["client", "client_and_call"])
def test_google_sdk(world, proxy_url, token, base_url_in_call):
    """The SDK sends the bytes without a credential. If the call has a base URL, it sends them to that host."""
    client = google_client(proxy_url("my-google"), token)
    options = {"http_options": types.HttpOptions(base_url=proxy_url("my-google"))} if base_url_in_call else {}
    config = types.UploadFileConfig(mime_type="application/octet-stream", display_name="all bytes", **options)
    file = client.files.upload(file=io.BytesIO(CONTENT), config=config)
    assert b64decode(file.sha256_hash).decode() == hashlib.sha256(CONTENT).hexdigest()
    _begun, *pieces = through_the_gateway(world)
    assert (len(pieces), sum(piece.body_size for piece in pieces)) == (2, len(CONTENT))
    assert [known.name for known in client.files.list()].count(file.name) == 1
    client.files.delete(name=file.name)


def test_googles_sdk_for_node(world, proxy_url, token, node_clients):
    done = node_clients.call("google", "upload", url=proxy_url("my-google"), token=token, prompt="Hello")
    assert done["answer"].startswith("files/")
    assert through_the_gateway(world)[-1].body == b"Hello"


@pytest.fixture
def thief(world, start_gateway):
    """A provider whose responses name another host for the bytes of an upload, that host, and their gateway."""
    with ScriptedProvider() as upstream, ScriptedProvider() as other:
        url = f"{other.url}/upload/v1beta/files?upload_id=1"
        headers = {"x-goog-upload-url": url, "x-goog-upload-control-url": url, "x-goog-upload-status": "active"}
        upstream.script = Script((b"{}",), headers=headers | {"content-type": "application/json"})
        one = {"name": "my-google", "type": "google", "base_url": upstream.url, "api_key": {"value": "mock-key"}}
        with start_gateway(configuration(world) | {"providers": [one]}) as gateway:
            yield upstream, other, gateway


def test_no_sdk_sends_the_token_or_bytes_to_a_host_that_a_provider_names(thief, token, node_clients):
    upstream, other, gateway = thief
    url = f"{gateway.url}{PREFIX}/my-google"
    client = google_client(url, token)
    with pytest.raises(Exception):  # noqa: B017, PT011
        client.files.upload(file=io.BytesIO(b"secret"), config=types.UploadFileConfig(mime_type="text/plain"))
    done = node_clients.call("google", "upload", url=url, token=token, prompt="secret")
    assert "error" in done
    assert len(upstream.targets) >= 2
    assert other.targets == []


@pytest.mark.parametrize("path", ["upload/v1beta/files", "v1beta/models", "v1beta/models/m:generateContent"])
@pytest.mark.parametrize(
    "name",
    ["location", "content-location", "operation-location", "azure-asyncoperation", "x-goog-upload-url", "x-next-url"],
)
def test_a_url_at_another_host_is_removed_from_every_response(thief, token, name, path):
    upstream, other, gateway = thief
    for status in (200, 201, 202, 307, 404):
        upstream.script = Script((b"{}",), status=status, headers={name: f"{other.url}/v1beta/files?upload_id=1"})
        answer = exchange(gateway, "POST", f"{PREFIX}/my-google/{path}", [("x-goog-api-key", token)], b"{}")
        assert (answer.status, answer.header(name)) == (status, None)


def test_the_url_of_an_operation_leads_through_the_gateway(thief, token):
    upstream, _other, gateway = thief
    for name, origin in (("operation-location", gateway.url), ("location", ""), ("content-location", "")):
        upstream.script = Script((b"{}",), status=202, headers={name: f"{upstream.url}/v1beta/operations/7?key=k&a=b"})
        answer = exchange(gateway, "POST", f"{PREFIX}/my-google/v1beta/files", [("x-goog-api-key", token)], b"{}")
        assert answer.header(name) == f"{origin}{PREFIX}/my-google/v1beta/operations/7?a=b"


def test_an_upload_url_works_only_for_its_upload(world, gateway, proxy_url, token):
    path = urllib.parse.urlsplit(proxy_url("my-google")).path
    start = [
        ("x-goog-api-key", token),
        ("x-goog-upload-protocol", "resumable"),
        ("x-goog-upload-command", "start"),
        ("x-goog-upload-header-content-length", "5"),
    ]
    answer = exchange(gateway, "POST", f"{path}/upload/v1beta/files", start, b"{}")
    link = urllib.parse.urlsplit(answer.header("x-goog-upload-url"))
    assert (link.netloc, link.path) == (f"127.0.0.1:{gateway.port}", f"{path}/upload/v1beta/files")
    assert answer.header("x-goog-upload-control-url") == answer.header("x-goog-upload-url")
    send = [("x-goog-upload-command", "upload, finalize"), ("x-goog-upload-offset", "0")]
    other = link.query.replace("upload_id=", "upload_id=x")
    for target in (f"{link.path}?{other}", f"{path}/v1beta/files?{link.query}"):
        refused = exchange(gateway, "POST", target, send, b"Hello")
        assert (refused.status, refused.code) == (401, "token_missing")
    assert exchange(gateway, "POST", f"{link.path}?{link.query}", send, b"Hello").status == 200
    assert b"x-ai-gateway-upload" not in world.google.requests[-1].path.encode()
