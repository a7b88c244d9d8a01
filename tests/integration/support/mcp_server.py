"""An MCP server of the official SDK, which keeps the headers of the requests that it gets."""

import socket
import threading
import time

import uvicorn
from mcp.server.fastmcp import Context, FastMCP

START_TIMEOUT_S = 20


class McpServer:
    """Serves the endpoint `url` from a thread. `requests` are the methods and headers of its requests."""

    def __init__(self, *, json_response=False):
        """`json_response`: answer with JSON where the transport allows it, otherwise with events."""
        self.requests = []
        listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/mcp"
        application = self._recorded(build(json_response).streamable_http_app())
        self._server = uvicorn.Server(uvicorn.Config(application, log_level="error", timeout_graceful_shutdown=1))
        self._thread = threading.Thread(target=self._server.run, args=([listener],), daemon=True)

    def __enter__(self):
        self._thread.start()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._server.started:
            if time.monotonic() > deadline:
                raise TimeoutError("the MCP server does not start")
            time.sleep(0.02)
        return self

    def __exit__(self, *_):
        self._server.should_exit = True
        self._thread.join()

    def _recorded(self, application):
        async def record(scope, receive, send):
            if scope["type"] == "http":
                headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
                self.requests.append((scope["method"], headers))
            await application(scope, receive, send)

        return record


def build(json_response):
    """The server with its tools, resources and prompts."""
    server = FastMCP("test", json_response=json_response)

    @server.tool()
    def search_docs(query: str) -> str:
        """Search."""
        return f"found {len(query)}"

    @server.tool()
    def delete_all() -> str:
        """Delete everything."""
        return "deleted"

    @server.tool()
    def fail() -> str:
        """Fail."""
        raise ValueError("it failed")

    @server.tool()
    async def slow(steps: int, context: Context) -> str:
        """Report progress."""
        for step in range(steps):
            await context.report_progress(step, steps)
        return "done"

    @server.tool()
    async def change(context: Context) -> str:
        """Send a notification that belongs to no request."""
        await context.session.send_tool_list_changed()
        return "changed"

    @server.resource("file:///docs/a")
    def docs() -> str:
        return "public"

    @server.resource("file:///etc/b")
    def etc() -> str:
        return "private"

    @server.prompt()
    def greet(name: str) -> str:
        return f"Hello {name}"

    return server
