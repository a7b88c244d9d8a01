"""Many concurrent streams: a provider that sends an event and then waits, and the clients that read them."""

import asyncio
import threading
from collections import Counter
from contextlib import contextmanager

import h2.config
import h2.connection
import h2.events

from support.raw_http import CHAT

HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
EVENT = (
    b'data: {"id":"c","object":"chat.completion.chunk","model":"m","choices":[{"index":0,"delta":{"content":"a"}}]}\n\n'
)
CHUNK = b"%x\r\n%b\r\n" % (len(EVENT), EVENT)
END = b"e\r\ndata: [DONE]\n\n\r\n0\r\n\r\n"
QUESTION = b'{"model":"m","stream":true,"messages":[]}'
# The gateway's limit of streams per connection.
STREAMS_PER_CONNECTION = 100
TIMEOUT_S = 300


class Client:
    """One HTTP/2 connection with streams of equal requests."""

    def __init__(self, reader, writer):
        self._reader = reader
        self._writer = writer
        self._http = h2.connection.H2Connection(h2.config.H2Configuration(header_encoding="utf-8"))
        self.statuses = Counter()
        self.received = Counter()
        self.ended = set()
        self.reset = set()

    async def ask(self, gateway, token, count):
        self._http.initiate_connection()
        self._http.increment_flow_control_window(1 << 30)
        headers = {":method": "POST", ":scheme": "http", ":authority": f"127.0.0.1:{gateway.port}", ":path": CHAT}
        headers |= {"authorization": f"Bearer {token}", "content-type": "application/json"}
        for _ in range(count):
            stream = self._http.get_next_available_stream_id()
            self._http.send_headers(stream, list(headers.items()))
            self._http.send_data(stream, QUESTION, end_stream=True)
        self._writer.write(self._http.data_to_send())

    async def until(self, condition):
        """Read until the condition holds."""
        while not condition():
            data = await self._reader.read(65536)
            assert data, "the gateway has closed the connection"
            for event in self._http.receive_data(data):
                if isinstance(event, h2.events.ResponseReceived):
                    self.statuses[dict(event.headers)[":status"]] += 1
                elif isinstance(event, h2.events.DataReceived):
                    self.received[event.stream_id] += len(event.data)
                    self._http.acknowledge_received_data(event.flow_controlled_length, event.stream_id)
                elif isinstance(event, h2.events.StreamEnded):
                    self.ended.add(event.stream_id)
                elif isinstance(event, h2.events.StreamReset):
                    self.reset.add(event.stream_id)
            self._writer.write(self._http.data_to_send())

    def close(self):
        self._writer.close()


class OpenStreams:
    """The provider and its clients. Each stream sends events on `send`, and ends on `end`."""

    def __init__(self):
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self._asked = set()
        self._answering = set()
        self._clients = []
        self._events = 0
        self._server = self._run(asyncio.start_server(self._answer, "127.0.0.1", 0, backlog=4096))
        self.port = self._server.sockets[0].getsockname()[1]

    def open(self, gateway, token, count):
        """Open `count` streams and wait for the first event of each."""
        self._run(self._open_all(gateway, token, count))

    def send(self, events):
        """Send `events` more events on each stream and wait until they are received."""
        self._run(self._send(events))

    def end(self):
        """End all streams, and return how many ended without a reset."""
        return self._run(self._end())

    def close(self):
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def _run(self, work):
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(TIMEOUT_S)

    async def _answer(self, reader, writer):
        self._asked.add(writer)
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                await self._body(reader)
                writer.write(HEAD + CHUNK)
                self._answering.add(writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    @staticmethod
    async def _body(reader):
        """Read a request body. Requests over HTTP/2 have no length here, so Envoy forwards them in chunks."""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            await reader.readexactly(size + 2)
        await reader.readexactly(2)

    async def _open_all(self, gateway, token, count):
        self._events = 1
        counts = [STREAMS_PER_CONNECTION] * (count // STREAMS_PER_CONNECTION)
        counts += [rest] if (rest := count % STREAMS_PER_CONNECTION) else []
        for some in counts:
            client = Client(*await asyncio.open_connection("127.0.0.1", gateway.port))
            self._clients.append((client, some))
            await client.ask(gateway, token, some)
            await self._until_received(client, some)
            assert client.statuses == {"200": some}, client.statuses

    async def _until_received(self, client, count):
        size = self._events * len(EVENT)
        await client.until(lambda: sum(received >= size for received in client.received.values()) == count)

    async def _send(self, events):
        self._events += events
        for writer in self._answering:
            writer.write(CHUNK * events)
        await asyncio.gather(*(self._until_received(client, count) for client, count in self._clients))

    async def _end(self):
        for writer in self._answering:
            writer.write(END)
        self._answering.clear()
        for client, count in self._clients:
            await client.until(lambda client=client, count=count: len(client.ended | client.reset) == count)
            client.close()
        ended = sum(len(client.ended) for client, _ in self._clients)
        self._clients.clear()
        return ended

    async def _close(self):
        self._server.close()
        for writer in self._asked:
            writer.transport.abort()
        await asyncio.sleep(0.1)


@contextmanager
def open_streams():
    with OpenStreams() as streams:
        yield streams
