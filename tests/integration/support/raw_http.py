"""HTTP/1.1 by hand: requests that no client library would send, byte for byte as written."""

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
# The date, whether the request's body had arrived before the answer was made, and an id by chance.
HEADERS_OF_THE_MOMENT = ("date", "connection", "x-request-id")


@dataclass(frozen=True)
class Answer:
    """One response, whole."""

    status: int
    headers: Message
    body: bytes

    @property
    def code(self):
        """The gateway's stable word for the error; `None` in answers that are not the gateway's own."""
        try:
            return json.loads(self.body)["error"]["code"]
        except (ValueError, KeyError, TypeError):
            return None

    def json(self):
        """The body, parsed."""
        return json.loads(self.body)

    def lasting(self):
        """All that a client could tell two answers by, but for what tells the moment."""
        headers = [(name, value) for name, value in self.headers.items() if name not in HEADERS_OF_THE_MOMENT]
        return self.status, headers, self.body


class Connection:
    """One connection, which may carry several requests. An answer that does not come in time is a `TimeoutError`."""

    def __init__(self, gateway, timeout_s=ANSWER_TIMEOUT_S):
        self._socket = socket.create_connection(("127.0.0.1", gateway.port), timeout_s)
        self._input = self._socket.makefile("rb")

    def send(self, data):
        self._socket.sendall(data)

    def answer(self):
        """The next answer; `None` when the gateway has closed the connection instead."""
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
        return Answer(int(start.split()[1]), headers, body)

    def finish(self):
        """Say that nothing more will be sent; Envoy then closes a connection without waiting for the peer."""
        self._socket.shutdown(socket.SHUT_WR)

    def reset(self):
        """Close by RST, as a client does that is killed."""
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close()

    def everything(self):
        """All that comes until the gateway ends the connection."""
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
    """A well-formed request but for what the arguments make of it; text is sent as Latin-1."""
    lines = [f"{method} {target} HTTP/1.1", "host: gateway.test", f"content-length: {len(body)}", *header_lines, "", ""]
    return b"\r\n".join(line if isinstance(line, bytes) else line.encode("latin-1") for line in lines) + body


def bearer(token):
    """The header line that brings a token."""
    return f"authorization: Bearer {token}"


def ask(gateway, data, timeout_s=ANSWER_TIMEOUT_S):
    """The answer to a request on a connection of its own; `None` when the connection is closed without one."""
    with Connection(gateway, timeout_s) as connection:
        connection.send(data)
        return connection.answer()


def assert_unharmed(gateway, token):
    """A good request passes, and no VM has been restarted or replaced."""
    answer = ask(gateway, request(CHAT, bearer(token)))
    assert answer is not None and answer.status == 200, gateway.log()
    reloads = gateway.stats("wasm.ai_gateway.vm_reload")
    assert reloads and not any(reloads.values()), reloads
