"""Helpers for Bedrock tests: configurations, boto3 clients, partial uploads, checks of signed requests."""

import http.client
import json
import socket

import boto3
from botocore.config import Config
from botocore.eventstream import EventStreamBuffer

from mocks.world import AUDIENCE
from support.client import PROMPT, Response
from support.gateway_config import CONTAINER_TOKEN, EXTERNAL_ID, PREFIX, ROLE

NAME = "my-bedrock"
MODEL = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
CONVERSATION = [{"role": "user", "content": [{"text": PROMPT}]}]
CONVERSE = json.dumps({"messages": CONVERSATION}).encode()
INVOKE = json.dumps(
    {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 64, "messages": [{"role": "user", "content": PROMPT}]}
).encode()
TIMEOUT_S = 30


def static(credential):
    """The configuration entry of an AWS credential."""
    members = {"access_key_id": credential.access_key_id, "secret_access_key": credential.secret_access_key}
    if credential.session_token is not None:
        members["session_token"] = credential.session_token
    return {name: {"value": value} for name, value in members.items()}


def bedrock_configuration(world, credentials=None, base_url=None):
    """A configuration with one provider, `my-bedrock`. By default it is the mock, with a credential that the mock accepts."""
    return {
        "authentication": {"issuers": [{"issuer": world.identity_provider.issuer, "audiences": [AUDIENCE]}]},
        "providers": [
            {
                "name": NAME,
                "type": "bedrock",
                "region": world.bedrock.judge.region,
                "base_url": base_url or world.bedrock.base_url,
                "credentials": credentials or {"static": static(world.aws_credential)},
            }
        ],
    }


def target(path):
    """The request target at the gateway for a Bedrock path."""
    return f"{PREFIX}/{NAME}{path}"


def bearer(token):
    """The authorization header of a client that does not sign requests."""
    return "authorization", f"Bearer {token}"


def boto3_client(url, *, provider=NAME, **options):
    """A boto3 client for the gateway at `url`, without retries."""
    config = Config(retries={"total_max_attempts": 1}, read_timeout=TIMEOUT_S)
    return boto3.Session().client(
        "bedrock-runtime", endpoint_url=f"{url}{PREFIX}/{provider}", region_name="us-east-1", config=config, **options
    )


def add_header(client, event, name, value):
    """Make a boto3 client send one more header: at "before-sign" as a signed header, at "before-send" as an unsigned one."""

    def add(request, **_):
        request.headers[name] = value

    client.meta.events.register(f"{event}.bedrock-runtime", add)


def frames(chunks):
    """The messages of an event stream, each as soon as it is complete. Their checksums are checked."""
    buffer = EventStreamBuffer()
    for chunk in chunks:
        buffer.add_data(chunk)
        yield from buffer


class PartialRequest:
    """A request that the caller sends piece by piece."""

    def __init__(self, gateway, method, path, headers):
        self._method = method
        self._connection = socket.create_connection(("127.0.0.1", gateway.port), TIMEOUT_S)
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{gateway.port}"]
        lines += [f"{name}: {value}" for name, value in headers]
        self.send("".join(line + "\r\n" for line in [*lines, ""]).encode())

    def send(self, data):
        """Send more bytes of the request."""
        self._connection.sendall(data)

    def send_chunk(self, data):
        """Send a chunk of a chunked body. An empty chunk ends the body."""
        self.send(b"%x\r\n%b\r\n" % (len(data), data))

    def answer(self):
        """Read the response."""
        response = http.client.HTTPResponse(self._connection, method=self._method)
        response.begin()
        headers = [(name.lower(), value) for name, value in response.getheaders()]
        return Response(response.status, headers, response.read())

    def close(self):
        """Close the connection."""
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def only(values):
    """The only element of a sequence."""
    assert len(values) == 1, values
    return values[0]


def assert_signed_by_the_gateway(request, credential, *secrets):
    """Check which credential signed the request, and that no header of the client's signature was forwarded.

    The mock has already verified the signature itself.
    """
    authorization = only(request.values("authorization")).decode()
    assert authorization.startswith(f"AWS4-HMAC-SHA256 Credential={credential.access_key_id}/")
    assert only(request.values("x-amz-content-sha256")).decode() == request.body_sha256
    only(request.values("x-amz-date"))
    tokens = [value.decode() for value in request.values("x-amz-security-token")]
    assert tokens == ([] if credential.session_token is None else [credential.session_token])
    names = {name.decode().lower() for name, _ in request.headers}
    known = {"x-amz-date", "x-amz-content-sha256", "x-amz-security-token"}
    assert not {name for name in names - known if name.startswith(("x-amz-", "amz-sdk-", "x-ai-gateway-"))}
    sent = [request.path.encode(), *(value for _, value in request.headers)]
    for secret in secrets:
        assert not any(secret.encode() in part for part in sent)


def at(container):
    """The configuration of a container credentials endpoint."""
    return {"container": {"uri": container.uri, "authorization_token": {"value": CONTAINER_TOKEN}}}


def role(sts, source, **members):
    """The configuration of a role to assume."""
    parameters = {"role_arn": ROLE, "external_id": EXTERNAL_ID, "endpoint": sts.url, "source": source}
    return {"assume_role": parameters | members}


def assert_used(bedrock, credential, answer):
    """Check that the request succeeded and was signed with this credential."""
    assert answer.status == 200, answer.body
    assert_signed_by_the_gateway(bedrock.requests[-1], credential)


def assert_unavailable(answer):
    """Check that the gateway reports missing AWS credentials."""
    assert (answer.status, answer.code) == (503, "credentials_unavailable")
    assert answer.header("x-amzn-errortype") == "ServiceUnavailableException"
    assert int(answer.header("retry-after")) >= 1
    assert answer.json()["message"] == answer.message
