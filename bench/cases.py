"""The requests of the benchmark, and checks that each variant does the work that is measured."""

import hashlib
import hmac
import json
import re
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, replace

from mocks.aws.signature import AUTHORIZATION

from . import bootstraps
from .bootstraps import ACCESS_KEY, AUDIENCE, ISSUER, PERMISSION, PREFIX, REGION, SECRET_KEY, UPSTREAM_KEY

CHAT_PATH = f"{PREFIX}/my-openai/v1/chat/completions"
UPSTREAM_CHAT_PATH = "/v1/chat/completions"
UNTRACKED_PATH = "/v1/threads/runs"  # an API whose usage is not read
MODEL_PATH = "/model/anthropic.claude-3-5-sonnet-20241022-v2:0/invoke"
EVENTS, GAP_MS = 100, 5  # per stream
CHAT_BODY_BYTES, BEDROCK_BODY_BYTES, UPLOAD_BYTES, RESPONSE_BYTES = 600, 2048, 10_000_000, 1024
TOKEN_LIFETIME_S = 6 * 3600
SDK_HEADERS = {
    "accept": "application/json",
    "accept-encoding": "gzip, deflate",
    "user-agent": "OpenAI/Python 2.8.1",
    "x-stainless-lang": "python",
    "x-stainless-os": "Linux",
    "x-stainless-runtime": "CPython",
    "x-stainless-retry-count": "0",
}
PLAIN_HEADERS = {"accept": "*/*", "accept-encoding": "gzip, deflate", "user-agent": "python-httpx/0.28.1"}


class WorkNotDoneError(Exception):
    """A variant does not do the work that is measured."""


@dataclass(frozen=True)
class Case:
    """One kind of request to one of the variants."""

    name: str
    title: str
    variant: Callable
    path: str
    upstream_path: str
    body: bytes
    headers: dict
    token_count: int = 1
    authenticates: bool = True
    signs: bool = False

    def requests(self, tokens):
        """The requests in wire format, one for each token."""
        return [self.request(token) for token in tokens[: self.token_count]]

    def request(self, token):
        authorization = {"authorization": f"Bearer {token}"} if token else {}
        fixed = {"host": "gateway.example.com", "content-type": "application/json"}
        headers = fixed | authorization | self.headers | {"content-length": str(len(self.body))}
        lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        return f"POST {self.path} HTTP/1.1\r\n{lines}\r\n".encode() + self.body


def chat_body(**members):
    document = {"model": "gpt-4o", "messages": [{"role": "user", "content": ""}], "max_tokens": 64, **members}
    return padded(document, document["messages"][0], "content", CHAT_BODY_BYTES)


def stream_body(events, gap_ms):
    return chat_body(stream=True, max_tokens=events, gap_ms=gap_ms)  # see load/src/upstream.rs


def bedrock_body(size):
    document = {
        "anthropic_version": "bedrock-2023-05-31",
        "messages": [{"role": "user", "content": ""}],
        "max_tokens": 64,
    }
    return padded(document, document["messages"][0], "content", size)


def chat_response():
    message = {"role": "assistant", "content": "", "refusal": None, "annotations": []}
    document = {
        "id": "chatcmpl-0123456789abcdef",
        "object": "chat.completion",
        "created": 1767225600,
        "model": "gpt-4o-2024-08-06",
        "choices": [{"index": 0, "message": message, "logprobs": None, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 19,
            "completion_tokens": 10,
            "total_tokens": 29,
            "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
            "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
        },
        "service_tier": "default",
        "system_fingerprint": "fp_0123456789",
    }
    return padded(document, message, "content", RESPONSE_BYTES)


def bedrock_response():
    text = {"type": "text", "text": ""}
    document = {
        "id": "msg_bdrk_0123456789abcdef",
        "type": "message",
        "role": "assistant",
        "model": "claude-3-5-sonnet-20241022",
        "content": [text],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 19, "output_tokens": 10},
    }
    return padded(document, text, "text", RESPONSE_BYTES)


def padded(document, parent, member, size):
    """The document as JSON, with one of its strings extended so that it has this size."""
    words = "Sixty-four words are better than sixty-five, as the saying goes. "
    missing = size - len(json.dumps(document).encode())
    parent[member] = (words * (missing // len(words) + 1))[:missing]
    return json.dumps(document).encode()


def tokens(key, count):
    """Distinct valid tokens of about 850 bytes."""
    now = int(time.time())
    claims = {
        "iss": ISSUER,
        "sub": "my-service-account",
        "aud": AUDIENCE,
        "iat": now,
        "exp": now + TOKEN_LIFETIME_S,
        "permissions": ["dataplane_adp_llmprovider_get", PERMISSION],
        "groups": ["ml-team", "platform"],
        "email": "my-service-account@example.com",
        "tenant": "0123456789abcdef0123456789abcdef",
    }
    return [key.sign(claims | {"jti": f"{number:032x}"}) for number in range(count)]


CHAT = {"path": CHAT_PATH, "upstream_path": UPSTREAM_CHAT_PATH, "body": chat_body(), "headers": SDK_HEADERS}
BEDROCK_PATH = f"{PREFIX}/my-bedrock{MODEL_PATH}"
BEDROCK = {
    "path": BEDROCK_PATH,
    "upstream_path": MODEL_PATH,
    "body": bedrock_body(BEDROCK_BODY_BYTES),
    "headers": PLAIN_HEADERS,
}
UPLOAD = BEDROCK | {"body": bedrock_body(UPLOAD_BYTES)}
STREAM = CHAT | {"body": stream_body(EVENTS, GAP_MS)}
UNTRACKED = STREAM | {"path": f"{PREFIX}/my-openai{UNTRACKED_PATH}", "upstream_path": UNTRACKED_PATH}
# More tokens than the caches can hold. If they are used in turn, each one is evicted before it is used again.
EACH_NEW = 2 * bootstraps.CACHED_TOKENS

CHAT_CASES = (
    Case("bare", "bare router, prefix rewritten", bootstraps.bare, **CHAT, authenticates=False),
    Case("native", "native: jwt_authn (cached), rbac, credential_injector", bootstraps.native_cached, **CHAT),
    Case("native-new", "native, no token cache", bootstraps.native_uncached, **CHAT, token_count=EACH_NEW),
    Case("floor", "a Wasm filter that does nothing", bootstraps.floor, **CHAT, authenticates=False),
    Case(
        "calls",
        "a Wasm filter that makes our host calls and does no work",
        bootstraps.same_calls,
        **CHAT,
        authenticates=False,
    ),
    Case("ours", "ours, token cached", bootstraps.ours, **CHAT),
    Case(
        "calls-logged",
        "our host calls including those for the access log, and no work",
        bootstraps.same_calls_logged,
        **CHAT,
        authenticates=False,
    ),
    Case("ours-logged", "ours, token cached, all fields of the access log", bootstraps.ours_logged, **CHAT),
    Case("ours-new", "ours, each token new", bootstraps.ours, **CHAT, token_count=EACH_NEW),
)
BEDROCK_CASES = (
    Case("bedrock-bare", "bare router, prefix rewritten", bootstraps.bare, **BEDROCK, authenticates=False),
    Case(
        "bedrock-native",
        "native: jwt_authn (cached), rbac, aws_request_signing",
        bootstraps.native_sigv4,
        **BEDROCK | {"path": MODEL_PATH},
        signs=True,
    ),
    Case("bedrock-ours", "ours, token cached, signed in the filter", bootstraps.ours, **BEDROCK, signs=True),
)
STREAM_CASES = (
    Case("stream-bare", "bare router, prefix rewritten", bootstraps.bare, **STREAM, authenticates=False),
    Case("stream-native", "native: jwt_authn (cached), rbac, credential_injector", bootstraps.native_cached, **STREAM),
    Case("stream-floor", "a Wasm filter that does nothing", bootstraps.floor, **STREAM, authenticates=False),
    Case("stream-unread", "ours, for an API whose usage is not read", bootstraps.ours, **UNTRACKED),
    Case("stream-ours", "ours, token cached", bootstraps.ours, **STREAM),
)
UPLOAD_CASES = (
    Case("upload-bare", "bare router, prefix rewritten", bootstraps.bare, **UPLOAD, authenticates=False),
    Case(
        "upload-native",
        "native: jwt_authn (cached), rbac, aws_request_signing",
        bootstraps.native_sigv4,
        **UPLOAD | {"path": MODEL_PATH},
        signs=True,
    ),
    Case("upload-ours", "ours, token cached, signed in the filter", bootstraps.ours, **UPLOAD, signs=True),
)
ALL = (*CHAT_CASES, *BEDROCK_CASES, *STREAM_CASES, *UPLOAD_CASES)


def paced(case, events, gap_ms):
    """A stream case with this number of events, and this time between them."""
    return replace(case, name=f"{case.name}-{events}", body=stream_body(events, gap_ms))


def check(case, proxy, upstream_port, token):
    """Raise `WorkNotDoneError` unless the variant does its work for requests of this case."""

    def expect(condition, problem):
        if not condition:
            raise WorkNotDoneError(f"{case.name}: {problem}")

    expect(status_of(proxy.port, case.request(token)) == 200, "a valid request does not get 200")
    path, headers = last_request(upstream_port)
    expect(path == case.upstream_path, f"the upstream received the path {path}")
    if not case.authenticates:
        return
    authorization = headers["authorization"]
    expect(token not in json.dumps(headers), "the client's token reached the upstream")
    if case.signs:
        expect(
            is_signed(path, headers, case.body),
            f"the upstream received {authorization}, which is not a valid signature",
        )
    else:
        expect(authorization == f"Bearer {UPSTREAM_KEY}", "the upstream did not receive its key")
    if len(case.body) > BEDROCK_BODY_BYTES:
        return  # the variant was already checked with smaller bodies
    signature_start = token.rindex(".") + 1
    other = "A" if token[signature_start] != "A" else "B"
    forged = token[:signature_start] + other + token[signature_start + 1 :]
    expect(status_of(proxy.port, case.request(None)) == 401, "a request without a token is not rejected")
    expect(status_of(proxy.port, case.request(forged)) == 401, "a forged token is not rejected")
    if case.variant in (bootstraps.native_cached, bootstraps.native_sigv4):
        status_of(proxy.port, case.request(token))
        expect(not proxy.admin("/stats?filter=jwt_cache_hit").endswith(": 0\n"), "the token cache is not used")


def check_permission(case, proxy, key):
    """Raise `WorkNotDoneError` unless a valid token without permissions gets 403."""
    claims = {
        "iss": ISSUER,
        "sub": "unprivileged",
        "aud": AUDIENCE,
        "exp": int(time.time()) + 600,
        "permissions": ["none"],
    }
    status = status_of(proxy.port, case.request(key.sign(claims)))
    if status != 403:
        raise WorkNotDoneError(f"{case.name}: a caller without the permission gets {status}")


def status_of(port, request):
    """The status of the response."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
        connection.sendall(request)
        return int(connection.recv(65536)[9:12])


def last_request(upstream_port):
    """The path and headers of the last request that the upstream received."""
    request = b"GET /last HTTP/1.1\r\nhost: upstream\r\n\r\n"
    with socket.create_connection(("127.0.0.1", upstream_port), timeout=10) as connection:
        connection.sendall(request)
        connection.shutdown(socket.SHUT_WR)
        response = b"".join(iter(lambda: connection.recv(65536), b""))
    lines = response.partition(b"\r\n\r\n")[2].decode().split("\r\n")
    headers = dict(re.split(r":\s*", line, maxsplit=1) for line in lines[1:] if line)
    return lines[0].split(" ")[1], headers


def is_signed(path, headers, body):
    """Whether a received request has a valid AWS Signature Version 4."""
    found = AUTHORIZATION.fullmatch(headers["authorization"])
    if not found or found["key"] != ACCESS_KEY or "host" not in found["headers"].split(";"):
        return False
    digest = hashlib.sha256(body).hexdigest()
    canonical_headers = "".join(f"{name}:{headers[name]}\n" for name in found["headers"].split(";"))
    canonical_path = path.replace(":", "%3A")
    canonical = f"POST\n{canonical_path}\n\n{canonical_headers}\n{found['headers']}\n{digest}"
    scope = f"{found['date']}/{REGION}/{found['service']}/aws4_request"
    canonical_digest = hashlib.sha256(canonical.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{headers['x-amz-date']}\n{scope}\n{canonical_digest}"
    key = f"AWS4{SECRET_KEY}".encode()
    for part in (*scope.split("/"), to_sign):
        key = hmac.digest(key, part.encode(), "sha256")
    return key.hex() == found["signature"]
