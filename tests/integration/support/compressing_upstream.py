"""A provider behind a compressing proxy such as a CDN, which uses its preferred coding among those offered."""

import zlib

import brotli
import zstandard
from aiohttp import ClientSession, web
from yarl import URL

from mocks.server import BackgroundServer

HOP_BY_HOP = {"host", "accept-encoding", "content-length", "transfer-encoding", "connection"}


class CompressingUpstream(BackgroundServer):
    """Forwards requests to `mock` and compresses the responses chunk by chunk.

    `forced` is a coding to use even if it was not offered.
    """

    def __init__(self, mock, *, forced=None):
        super().__init__(self._application)
        self.mock = mock
        self.forced = forced
        self.answers = []
        """For each request: the `accept-encoding` received, and the coding chosen, or `None`."""

    @property
    def api_key(self):
        return self.mock.api_key

    @property
    def base_url(self):
        """The mock's base URL, with the address of this server."""
        return self.mock.base_url.replace(self.mock.url, self.url)

    def _application(self):
        app = web.Application()
        app.add_routes([web.route("*", "/{path:.*}", self._answer)])
        return app

    async def _answer(self, request):
        offered = ", ".join(request.headers.getall("accept-encoding", []))
        coding = self.forced or preferred(offered)
        self.answers.append((offered, coding))
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP]
        url = URL(self.mock.url + request.raw_path, encoded=True)
        body = await request.read()
        async with (
            ClientSession() as session,
            session.request(request.method, url, headers=headers, data=body) as inner,
        ):
            response = web.StreamResponse(status=inner.status)
            response.headers.extend(
                (name, value) for name, value in inner.headers.items() if name.lower() not in HOP_BY_HOP
            )
            compress, finish = COMPRESSORS[coding]()
            if coding:
                response.headers["content-encoding"] = coding
            await response.prepare(request)
            async for piece in inner.content.iter_any():
                await response.write(compress(piece))
            await response.write(finish())
            await response.write_eof()
        return response


def preferred(offered):
    """The first supported coding in an `accept-encoding` header."""
    codings = {member.partition(";")[0].strip().lower() for member in offered.split(",")}
    return next((coding for coding in COMPRESSORS if coding in codings), None)


def _zlib(window):
    compressor = zlib.compressobj(wbits=window)
    return lambda piece: compressor.compress(piece) + compressor.flush(zlib.Z_SYNC_FLUSH), compressor.flush


def _brotli():
    compressor = brotli.Compressor()
    return lambda piece: compressor.process(piece) + compressor.flush(), compressor.finish


def _zstd():
    compressor = zstandard.ZstdCompressor().compressobj()
    flush = zstandard.COMPRESSOBJ_FLUSH_BLOCK
    return lambda piece: compressor.compress(piece) + compressor.flush(flush), compressor.flush


COMPRESSORS = {
    "zstd": _zstd,
    "br": _brotli,
    "gzip": lambda: _zlib(31),
    "deflate": lambda: _zlib(15),
    None: lambda: (bytes, bytes),
}
"""The supported codings in order of preference, each with functions for a chunk and for the end."""
