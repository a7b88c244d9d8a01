"""Resumable uploads, whose bytes go to a URL that the provider's response names, go through the gateway as well."""

import hashlib
import io
import urllib.parse
from base64 import b64decode

import pytest
from google.genai import types

from support.client import exchange, google_client
from support.node import NodeClients

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
