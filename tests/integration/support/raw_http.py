"""HTTP/1.1 requests written byte for byte, such as no client library would send."""

import http.client
import json
import socket
import struct
from dataclasses import dataclass
from email.message import Message

from support.gateway_config import PREFIX

CHAT = f"{PREFIX}/my-openai/v1/chat/completions"
QUESTION = b'{"model":"m","messages":[]}'
ANSWER_TIMEOUT_S = 5
# Headers that may differ between equal responses.
CHANGING_HEADERS = ("date", "connection", "x-request-id")


def reset_on_close(connection):
    """Make `close` send a TCP reset."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


@dataclass(frozen=True)
class Response:
    """A complete response."""

    status: int
    headers: Message
    body: bytes

    @property
    def code(self):
        """The gateway's error code, or `None` if the response does not come from the gateway."""
        try:
            return json.loads(self.body)["error"]["code"]
        except (ValueError, KeyError, TypeError):
            return None

    def json(self):
        """The parsed body."""
        return json.loads(self.body)

    def comparable(self):
        """Everything in which a client could tell two responses apart, without headers that differ each time."""
        headers = [(name, value) for name, value in self.headers.items() if name not in CHANGING_HEADERS]
        return self.status, headers, self.body


class Connection:
    """One connection, for one or more requests. A response that does not come in time raises `TimeoutError`."""

    def __init__(self, gateway, timeout_s=ANSWER_TIMEOUT_S):
        self._socket = socket.create_connection(("127.0.0.1", gateway.port), timeout_s)
        self._input = self._socket.makefile("rb")

    def send(self, data):
        self._socket.sendall(data)

    def answer(self):
        """The next response, or `None` if the gateway has closed the connection."""
        try:
            start = self._input.readline()
        except ConnectionResetError:
            return None
        if not start:
            return None
        headers = http.client.parse_headers(self._input)
        if headers.get("transfer-encoding") == "chunked":
            body = b"".join(self._chunks())
        else:
            body = self._input.read(int(headers["content-length"]) if "content-length" in headers else -1)
        return Response(int(start.split()[1]), headers, body)

    def finish(self):
        """Shut down the sending side. Envoy then closes the connection without waiting."""
        self._socket.shutdown(socket.SHUT_WR)

    def reset(self):
        """Close with a TCP reset, as the kernel does for a killed client."""
        reset_on_close(self._socket)
        self.close()

    def read_until_closed(self):
        """Everything that arrives until the gateway closes the connection."""
        try:
            return self._input.read()
        except ConnectionResetError:
            return b""

    def close(self):
        self._input.close()
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _chunks(self):
        while size := int(self._input.readline(), 16):
            yield self._input.read(size)
            self._input.readline()
        self._input.readline()


def request(target=CHAT, *header_lines, method="POST", body=QUESTION):
    """A request that is well-formed unless the arguments break it. Text is sent as Latin-1."""
    lines = [f"{method} {target} HTTP/1.1", "host: gateway.test", f"content-length: {len(body)}", *header_lines, "", ""]
    return b"\r\n".join(line if isinstance(line, bytes) else line.encode("latin-1") for line in lines) + body


def bearer(token):
    """The header line with a token."""
    return f"authorization: Bearer {token}"


def ask(gateway, data, timeout_s=ANSWER_TIMEOUT_S):
    """The response to a request on its own connection, or `None` if the connection is closed without one."""
    with Connection(gateway, timeout_s) as connection:
        connection.send(data)
        return connection.answer()


def assert_still_works(gateway, token):
    """Check that a valid request still succeeds, and that no VM was restarted."""
    answer = ask(gateway, request(CHAT, bearer(token)))
    assert answer is not None and answer.status == 200, gateway.log()
    reloads = gateway.stats("wasm.ai_gateway.vm_reload")
    assert reloads and not any(reloads.values()), reloads
