"""Helpers of the tests of Bedrock: configurations, boto3's clients, uploads by hand, checks of what was signed."""

import http.client
import json
import socket

import boto3
from botocore.config import Config
from botocore.eventstream import EventStreamBuffer

from mocks.world import AUDIENCE
from support.client import Answer
from support.gateway_config import CONTAINER_TOKEN, EXTERNAL_ID, PREFIX, ROLE

NAME = "my-bedrock"
MODEL = "us.anthropic.claude-haiku-4-5-20251001-v1:0"
SAID = "Hello from AI Gateway"
CONVERSATION = [{"role": "user", "content": [{"text": SAID}]}]
CONVERSE = json.dumps({"messages": CONVERSATION}).encode()
INVOKE = json.dumps(
    {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 64, "messages": [{"role": "user", "content": SAID}]}
).encode()
QUOTED = f"you said '{SAID}'."
TIMEOUT_S = 30


def static(credential):
    """A credential as the filter's configuration holds it."""
    members = {"access_key_id": credential.access_key_id, "secret_access_key": credential.secret_access_key}
    if credential.session_token is not None:
        members["session_token"] = credential.session_token
    return {name: {"value": value} for name, value in members.items()}


def bedrock_configuration(world, credentials=None, base_url=None):
    """One provider, `my-bedrock`; by default the mock, with a credential that it knows."""
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
    """The request target at the gateway for a path at Bedrock."""
    return f"{PREFIX}/{NAME}{path}"


def bearer(token):
    """The header of a client that signs nothing."""
    return "authorization", f"Bearer {token}"


def boto3_client(url, *, provider=NAME, **options):
    """boto3's client of the gateway at `url`, which does not try again."""
    config = Config(retries={"total_max_attempts": 1}, read_timeout=TIMEOUT_S)
    return boto3.Session().client(
        "bedrock-runtime", endpoint_url=f"{url}{PREFIX}/{provider}", region_name="us-east-1", config=config, **options
    )


def add_header(client, event, name, value):
    """Has boto3's client send a header more; at "before-sign" it is signed along, at "before-send" not."""

    def add(request, **_):
        request.headers[name] = value

    client.meta.events.register(f"{event}.bedrock-runtime", add)


def frames(chunks):
    """The messages of an event stream, each as soon as it is whole; their checksums are checked."""
    buffer = EventStreamBuffer()
    for chunk in chunks:
        buffer.add_data(chunk)
        yield from buffer


class Upload:
    """A request that is sent bit by bit."""

    def __init__(self, gateway, method, path, headers):
        self._method = method
        self._connection = socket.create_connection(("127.0.0.1", gateway.port), TIMEOUT_S)
        lines = [f"{method} {path} HTTP/1.1", f"Host: 127.0.0.1:{gateway.port}"]
        lines += [f"{name}: {value}" for name, value in headers]
        self.send("".join(line + "\r\n" for line in [*lines, ""]).encode())

    def send(self, data):
        """Further bytes of the request."""
        self._connection.sendall(data)

    def send_chunk(self, data):
        """A chunk of a body in the chunked encoding; an empty one ends it."""
        self.send(b"%x\r\n%b\r\n" % (len(data), data))

    def answer(self):
        """The response."""
        response = http.client.HTTPResponse(self._connection, method=self._method)
        response.begin()
        headers = [(name.lower(), value) for name, value in response.getheaders()]
        return Answer(response.status, headers, response.read())

    def close(self):
        """Go away."""
        self._connection.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def only(values):
    """The one value there is."""
    assert len(values) == 1, values
    return values[0]


def assert_signed_by_the_gateway(request, credential, *secrets):
    """The mock has checked the signature; this checks whose it is, and that nothing of the client's came along."""
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
    """The configuration that names the endpoint."""
    return {"container": {"uri": container.uri, "authorization_token": {"value": CONTAINER_TOKEN}}}


def role(sts, source, **members):
    """The configuration that assumes the role."""
    asked = {"role_arn": ROLE, "external_id": EXTERNAL_ID, "endpoint": sts.url, "source": source}
    return {"assume_role": asked | members}


def assert_used(bedrock, credential, answer):
    """The request was signed with that credential."""
    assert answer.status == 200, answer.body
    assert_signed_by_the_gateway(bedrock.requests[-1], credential)


def assert_unavailable(answer):
    """The gateway has no credentials, and says so."""
    assert (answer.status, answer.code) == (503, "credentials_unavailable")
    assert answer.header("x-amzn-errortype") == "ServiceUnavailableException"
    assert int(answer.header("retry-after")) >= 1
    assert answer.json()["message"] == answer.message
