"""The gateway's verdicts on signatures, with either verifier.

The tokens in these tests have expired long ago. The gateway reports this only if the signature is valid, so the code
`token_expired` means a valid signature, and any other code an invalid one.
"""

import contextlib
import socket

from support.gateway_config import PREFIX, VERIFIERS

VALID = "token_expired"
CURVE_ORDERS = {
    "ES256": "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551",
    "ES384": "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
}


@contextlib.contextmanager
def signature_judge(start_gateway, configuration, issuers, verifier):
    """Yield a function that returns the error code for a token."""
    trusting = configuration | {"authentication": {"issuers": issuers, "signature_verifier": verifier}}
    with start_gateway(trusting, concurrency=1) as gateway:
        assert VERIFIERS[verifier] in gateway.log()
        with socket.create_connection(("127.0.0.1", gateway.port), 20) as connection:
            yield lambda token: _code(connection, token)


def _code(connection, token):
    """The error code for this token, over a raw socket. A client library would take longer than the gateway and the test."""
    connection.sendall(f"GET {PREFIX} HTTP/1.1\r\nhost: g\r\nauthorization: Bearer {token}\r\n\r\n".encode())
    answer = b""
    while b"\r\n\r\n" not in answer:
        answer += _received(connection)
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 401 ")), head
    headers = dict(line.split(b": ", 1) for line in head.split(b"\r\n")[1:])
    while len(body) < int(headers[b"content-length"]):
        body += _received(connection)
    return headers[b"x-ai-gateway-error"].decode()


def _received(connection):
    assert (piece := connection.recv(65536)), "the gateway has closed the connection"
    return piece
