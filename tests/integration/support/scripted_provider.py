"""An upstream that sends the response that a test has scripted, byte for byte."""

import asyncio
from dataclasses import dataclass, field

from aiohttp import WSMsgType, web

from mocks.server import BackgroundServer


@dataclass(frozen=True)
class Script:
    """A response: its chunks, the time between them, and whether the connection is cut after the last one."""

    chunks: tuple = ()
    status: int = 200
    headers: dict = field(default_factory=dict)
    interval_s: float = 0
    is_cut: bool = False


class ScriptedProvider(BackgroundServer):
    """Answers each request with `script`, and echoes messages on WebSockets."""

    def __init__(self):
        super().__init__(self._application)
        self.script = Script()
        self.targets = []
        """The target of each request, in order."""
        self.user_agents = []
        """The `user-agent` of each request, in order."""
        self.handshakes = []
        """The headers of each WebSocket handshake."""

    def _application(self):
        app = web.Application()
        app.add_routes([web.route("*", "/{path:.*}", self._answer)])
        return app

    async def _answer(self, request):
        if request.headers.get("upgrade", "").lower() == "websocket":
            return await self._echo(request)
        self.targets.append(request.path_qs)
        self.user_agents.append(request.headers.get("user-agent", ""))
        await request.read()
        script = self.script
        response = web.StreamResponse(status=script.status, headers=script.headers)
        await response.prepare(request)
        for chunk in script.chunks:
            await response.write(chunk)
            await asyncio.sleep(script.interval_s)
        if script.is_cut:
            request.transport.close()
            return response
        await response.write_eof()
        return response

    async def _echo(self, request):
        self.handshakes.append(request.headers)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await socket.send_str(message.data)
            else:
                await socket.send_bytes(message.data)
        return socket
