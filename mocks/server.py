"""Serves an aiohttp application from a daemon thread."""

from __future__ import annotations

import asyncio
import socket
import ssl
import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from aiohttp import web

MAX_HEADER_BYTES = 128 * 1024
MAX_HEADERS = 1024
SHUTDOWN_GRACE_S = 0.2


class BackgroundServer:
    """Serves the application that `build` returns, on its own event loop in its own thread.

    A port of 0 is replaced by a free one on the first `start`. Later starts use the same port, so a stopped server returns
    at the same address. Request bodies are passed on without decoding their content encoding.
    """

    def __init__(
        self,
        build: Callable[[], web.Application],
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self._build = build
        self._ssl_context = ssl_context
        self._loop: asyncio.AbstractEventLoop | None = None
        self._runner: web.AppRunner | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The origin without a trailing slash. If the server listens on all addresses, it is that of the loopback interface."""
        scheme = "https" if self._ssl_context else "http"
        host = "127.0.0.1" if self.host == "0.0.0.0" else self.host
        return f"{scheme}://{host}:{self.port}"

    def start(self) -> Self:
        """Return once the server listens.

        Raises `OSError` if the address cannot be bound, and `RuntimeError` if the server is already running.
        """
        if self._thread is not None:
            raise RuntimeError(f"{type(self).__name__} already runs at {self.url}")
        listener = self._bind()
        self.port = listener.getsockname()[1]
        loop = asyncio.new_event_loop()
        thread = threading.Thread(target=self._run, args=(loop,), name=self.url, daemon=True)
        thread.start()
        self._loop, self._thread = loop, thread
        try:
            asyncio.run_coroutine_threadsafe(self._listen(listener), loop).result()
        except BaseException:
            listener.close()
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Close the listener and all connections, and wait for the thread. Has no effect on a stopped server."""
        if self._loop is None or self._thread is None:
            return
        if self._runner is not None:
            asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop = self._thread = self._runner = None

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def _bind(self) -> socket.socket:
        try:
            return socket.create_server((self.host, self.port), backlog=1024)
        except OSError as error:
            reason = f"{type(self).__name__} cannot listen on {self.host}:{self.port}: {error.strerror}"
            raise OSError(error.errno, reason) from error

    async def _listen(self, listener: socket.socket) -> None:
        self._runner = web.AppRunner(
            self._build(),
            access_log=None,
            auto_decompress=False,
            handler_cancellation=True,
            max_line_size=MAX_HEADER_BYTES,
            max_field_size=MAX_HEADER_BYTES,
            max_headers=MAX_HEADERS,
            shutdown_timeout=SHUTDOWN_GRACE_S,
        )
        await self._runner.setup()
        await web.SockSite(self._runner, listener, ssl_context=self._ssl_context, backlog=1024).start()

    @staticmethod
    def _run(loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        try:
            loop.run_forever()
        finally:
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
