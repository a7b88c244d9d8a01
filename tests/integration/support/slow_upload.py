"""Sends request bodies piece by piece, and records what an upstream receives on each connection."""

import json
import re
import socket
import threading

from support.client import WAIT_S

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"


class Upload:
    """A POST request whose body the caller sends piece by piece."""

    def __init__(self, gateway, target, token, framing, length):
        self._is_chunked = framing == "chunked"
        frame = "transfer-encoding: chunked" if self._is_chunked else f"content-length: {length}"
        self._socket = socket.create_connection(("127.0.0.1", gateway.port), WAIT_S)
        head = [
            f"POST {target} HTTP/1.1",
            "host: gateway",
            f"authorization: Bearer {token}",
            "content-type: application/json",
            "connection: close",
            frame,
        ]
        self._socket.sendall("".join(line + "\r\n" for line in [*head, ""]).encode())
        self._answer = None

    def send(self, piece, *, is_last=False):
        """Send a piece of the body."""
        if self._is_chunked:
            piece = b"%x\r\n%b\r\n" % (len(piece), piece) + (b"0\r\n\r\n" if is_last else b"")
        self._socket.sendall(piece)

    def status(self):
        """The status of the response."""
        return int(self._whole().split()[1])

    def code(self):
        """The gateway's error code."""
        return json.loads(self._whole().partition(b"\r\n\r\n")[2])["error"]["code"]

    def _whole(self):
        if self._answer is None:
            self._answer = b"".join(iter(lambda: self._socket.recv(65536), b""))
            self._socket.close()
        return self._answer


class RecordedConnection:
    """The bytes received on one connection so far."""

    def __init__(self):
        self.received = b""
        self.ended = threading.Event()

    def body(self):
        """The body received so far, without chunk framing."""
        head, _, rest = self.received.partition(b"\r\n\r\n")
        if b"chunked" not in head.lower():
            return rest
        pieces = []
        while match := re.match(rb"([0-9a-f]+)\r\n", rest):
            size = int(match[1], 16)
            pieces.append(rest[match.end() : match.end() + size])
            rest = rest[match.end() + size + 2 :]
        return b"".join(pieces)

    def is_complete(self):
        """Whether the request is complete according to its framing."""
        head, _, rest = self.received.partition(b"\r\n\r\n")
        if length := re.search(rb"content-length: (\d+)", head, re.IGNORECASE):
            return len(rest) >= int(length[1])
        return rest.endswith(b"0\r\n\r\n")

    def is_closed(self):
        """Whether the gateway has closed the connection."""
        return self.ended.is_set()


class Recorder:
    """An upstream that answers each request once it is complete."""

    def __init__(self):
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._connections = []
        self._next = 0
        self.url = f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def __enter__(self):
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._listener.close()

    def expect(self):
        """The connection of the next request. Envoy may open idle connections in advance, which do not count."""
        index = self._next
        self._next += 1
        return _ExpectedConnection(self._connections, index)

    def _accept(self):
        while True:
            try:
                accepted, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._read, args=(accepted,), daemon=True).start()

    def _read(self, accepted):
        connection = RecordedConnection()
        accepted.settimeout(WAIT_S)
        with accepted:
            try:
                while data := accepted.recv(65536):
                    if not connection.received:
                        self._connections.append(connection)
                    connection.received += data
                    if connection.is_complete():
                        accepted.sendall(ANSWER.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"))
                        return
            except OSError:
                pass
            finally:
                connection.ended.set()


class _ExpectedConnection:
    """A connection that may not exist yet. Until then it appears empty."""

    def __init__(self, connections, index):
        self._connections = connections
        self._index = index

    def _now(self):
        return self._connections[self._index] if len(self._connections) > self._index else RecordedConnection()

    def body(self):
        return self._now().body()

    def is_complete(self):
        return self._now().is_complete()

    def is_closed(self):
        return self._now().is_closed()
