"""A provider that writes raw bytes. The last segment of the request path chooses its behaviour."""

import socket
import threading

from support.raw_http import reset_on_close

CHUNKED = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = b"data: {}\n\n"
CHUNK = b"%x\r\n%b\r\n" % (len(EVENT), EVENT)
EARLY = b"HTTP/1.1 413 Too Large\r\ncontent-length: 5\r\n\r\nearly"
WHOLE = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\nconnection: close\r\n\r\nwhole"
TRAILERS = CHUNKED + CHUNK + b"0\r\nx-trailer: yes\r\n\r\n"


def reset(connection):
    """Close a connection with a TCP reset, as the kernel does for a killed process."""
    reset_on_close(connection)
    connection.close()


class RawUpstream:
    """Serves each connection in its own thread. `answers` has further behaviours: bytes to send before closing."""

    def __init__(self, answers=None):
        self._answers = answers or {}
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port = self._listener.getsockname()[1]
        self.heads = []
        self.open = 0
        """Connections with a withheld response that the gateway has not closed."""
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self):
        self._listener.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection):
        head = b""
        while b"\r\n\r\n" not in head:
            if not (data := connection.recv(65536)):
                return connection.close()
            head += data
        self.heads.append(head)
        behaviour = head.split(b" ", 2)[1].rsplit(b"/", 1)[1].decode()
        if behaviour in self._answers:
            connection.sendall(self._answers[behaviour])
            connection.close()
        else:
            getattr(self, f"_{behaviour.replace('-', '_')}")(connection)
        return None

    def _whole(self, connection):
        connection.sendall(WHOLE)
        connection.close()

    def _close_before(self, connection):
        connection.close()

    def _reset_before(self, connection):
        reset(connection)

    def _close_within(self, connection):
        connection.sendall(CHUNKED + CHUNK)
        connection.close()

    def _reset_within(self, connection):
        connection.sendall(CHUNKED + CHUNK)
        reset(connection)

    def _garbage(self, connection):
        connection.sendall(b"this is no HTTP\r\n\r\n")
        self._until_closed(connection)

    def _early(self, connection):
        connection.sendall(EARLY)
        self._until_closed(connection)

    def _trailers(self, connection):
        connection.sendall(TRAILERS)
        connection.close()

    def _silent(self, connection):
        self._until_closed(connection)

    def _drip(self, connection):
        connection.sendall(CHUNKED + CHUNK)
        self._until_closed(connection)

    def _until_closed(self, connection):
        self.open += 1
        try:
            while connection.recv(65536):
                pass
        except OSError:
            pass
        self.open -= 1
        connection.close()
