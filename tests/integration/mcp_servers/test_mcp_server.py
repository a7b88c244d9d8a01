"""A server and a client of the official SDK with the gateway between them."""

import json
import time
from contextlib import asynccontextmanager

import anyio
import httpx
import pytest
from mcp import ClientSession, McpError
from mcp.client.streamable_http import streamablehttp_client

from support.client import access_log, wait_until
from support.gateway_config import configuration
from support.mcp_server import McpServer

SERVER_KEY = "key-of-the-server"
SCOPES = ["dataplane_adp_mcpserver_prompts_get"]
ENVOYS_DEFAULT_ROUTE_TIMEOUT_S = 15
PING_INTERVAL_S = 15


@pytest.fixture(scope="module", params=["events", "json"])
def server(request):
    with McpServer(json_response=request.param == "json") as server:
        yield server


@pytest.fixture(scope="module")
def mcp_gateway(world, start_gateway, server):
    credential = {"header": {"value": {"value": SERVER_KEY}}}
    bindings = [
        {"subject": "all", "permissions": ["invoke"]},
        {
            "subject": "few",
            "permissions": ["tools_list", "tools_call", "resources_list", "resources_read"],
            "mcp_servers": ["test"],
            "tools": ["search_*", "slow"],
            "resources": ["file:///docs/*"],
        },
    ]
    document = configuration(world) | {
        "mcp": {"scopes": SCOPES},
        "mcp_servers": [{"name": "test", "url": server.url, "credential": credential}],
        "authorization": {"bindings": bindings},
    }
    # A worker that has no keys yet refuses large bodies, so each session begins with a small one at the only worker.
    with start_gateway(document, concurrency=1) as gateway:
        yield gateway


@pytest.fixture
def token(world):
    """A token of this subject."""
    return lambda subject: world.identity_provider.mint({"sub": subject}, omit=["scope", "permissions", "roles"])


@pytest.fixture
def connect(mcp_gateway, token):
    """A session of a caller."""

    @asynccontextmanager
    async def connected(subject, **options):
        headers = {"authorization": f"Bearer {token(subject)}"}
        url = f"{mcp_gateway.url}/mcp/v1/test"
        async with (
            streamablehttp_client(url, headers=headers) as (read, write, _),
            ClientSession(read, write, **options) as session,
        ):
            await session.initialize()
            yield session

    return connected


def run(steps):
    """Run a coroutine function with a time limit."""

    async def limited():
        with anyio.fail_after(30):
            await steps()

    anyio.run(limited)


def logged(gateway, **fields):
    """An access log entry with these fields, once it is written."""
    names = {name.replace("__", "."): value for name, value in fields.items()}
    found = []

    def is_there():
        entries = access_log(gateway)
        found[:] = [entry for entry in entries if all(entry.get(name) == value for name, value in names.items())]
        return found

    wait_until(is_there)
    return found[-1]


def test_a_caller_of_everything_uses_the_whole_server(connect, mcp_gateway, server):
    server.requests.clear()
    progress = []

    async def note(done, total, _message):
        progress.append((done, total))

    async def steps():
        async with connect("all") as session:
            tools = (await session.list_tools()).tools
            assert {tool.name for tool in tools} == {"search_docs", "delete_all", "fail", "slow", "change"}
            result = await session.call_tool("search_docs", {"query": "x" * 3_000_000})
            assert result.content[0].text == "found 3000000"
            assert (await session.call_tool("fail", {})).isError
            await session.call_tool("slow", {"steps": 3}, progress_callback=note)
            resource = await session.read_resource("file:///etc/b")
            assert resource.contents[0].text == "private"
            prompt = await session.get_prompt("greet", {"name": "you"})
            assert prompt.messages[0].content.text == "Hello you"
            await session.send_ping()

    run(steps)
    assert len(progress) in (0, 3), "a server that answers with JSON cannot report progress"
    for _, headers in server.requests:
        assert headers["authorization"] == f"Bearer {SERVER_KEY}"
        assert not [name for name in headers if name.startswith(("x-ai-gateway", "x-forwarded"))]
    assert logged(mcp_gateway, mcp__method__name="tools/call", gen_ai__tool__name="fail")["error.type"] == "tool_error"
    assert "DELETE" in [method for method, _ in server.requests], "the client ends its session"
    assert logged(mcp_gateway, mcp__method__name="DELETE", enduser__id="all")["response_code"] == 200
    assert "xxxxxxxx" not in mcp_gateway.log(), "arguments are not logged"


def test_a_restricted_caller_sees_and_calls_its_tools_only(connect, mcp_gateway):
    async def steps():
        async with connect("few") as session:
            tools = (await session.list_tools()).tools
            assert [tool.name for tool in tools] == ["search_docs", "slow"]
            assert tools[0].description == "Search."
            resources = (await session.list_resources()).resources
            assert [str(resource.uri) for resource in resources] == ["file:///docs/a"]
            result = await session.call_tool("search_docs", {"query": "x" * 3_000_000})
            assert result.content[0].text == "found 3000000"
            for name in ("delete_all", "no_such_tool"):
                with pytest.raises(McpError, match=f"Unknown tool: {name}") as refused:
                    await session.call_tool(name, {"query": "x" * 100_000})
                assert refused.value.error.code == -32602
            with pytest.raises(McpError, match="Unknown resource"):
                await session.read_resource("file:///etc/b")
            assert (await session.read_resource("file:///docs/a")).contents[0].text == "public"
            result = await session.call_tool("slow", {"steps": 2})
            assert result.content[0].text == "done", "the session goes on"

    run(steps)
    entry = logged(mcp_gateway, ai_gateway__error="tool_not_found")
    assert (entry["ai_gateway.mcp_server"], entry["gen_ai.tool.name"]) == ("test", "no_such_tool")


def test_messages_of_the_server_arrive_without_delay(connect):
    async def steps():
        changed = anyio.Event()

        async def note(message):
            if getattr(getattr(message, "root", None), "method", None) == "notifications/tools/list_changed":
                changed.set()

        async with connect("all", message_handler=note) as session:
            await session.call_tool("change", {})
            with anyio.fail_after(5):
                await changed.wait()

    run(steps)


def initialize(client, url, headers):
    """Begin a session. Returns its headers."""
    parameters = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "raw", "version": "1"},
    }
    message = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": parameters}
    reply = client.post(url, headers=headers, json=message)
    assert reply.status_code == 200, reply.text
    return headers | {"mcp-session-id": reply.headers["mcp-session-id"], "mcp-protocol-version": "2025-11-25"}


@pytest.mark.parametrize("subject", ["all", "few"])
def test_a_silent_stream_stays_open(mcp_gateway, token, subject):
    url = f"{mcp_gateway.url}/mcp/v1/test"
    headers = {
        "authorization": f"Bearer {token(subject)}",
        "accept": "application/json, text/event-stream",
    }
    with httpx.Client(timeout=PING_INTERVAL_S + 5) as client:
        headers = initialize(client, url, headers)
        started = time.monotonic()
        with client.stream("GET", url, headers=headers) as stream:
            assert stream.status_code == 200
            chunks = stream.iter_raw()
            while time.monotonic() - started <= ENVOYS_DEFAULT_ROUTE_TIMEOUT_S:
                assert next(chunks).startswith(b": ping"), "comments pass"


def test_an_unauthenticated_client_finds_the_identity_provider(mcp_gateway, world):
    for name in ("test", "no-such-server"):
        url = f"{mcp_gateway.url}/mcp/v1/{name}"
        reply = httpx.get(url, headers={"mcp-protocol-version": "2024-11-05", "accept": "*/*"})
        assert reply.status_code == 401
        assert reply.json()["error"]["data"]["code"] == "token_missing"
        challenge = reply.headers["www-authenticate"]
        metadata_url = f"{mcp_gateway.url}/.well-known/oauth-protected-resource/mcp/v1/{name}"
        assert f'resource_metadata="{metadata_url}"' in challenge
        document = httpx.get(metadata_url).json()
        assert document["resource"] == url
        assert document["authorization_servers"] == [world.identity_provider.issuer]
        assert document["scopes_supported"] == SCOPES
    reply = httpx.get(f"{mcp_gateway.url}/.well-known/oauth-authorization-server", follow_redirects=True)
    assert reply.json()["issuer"] == world.identity_provider.issuer


def test_a_missing_permission_is_requested_only_if_a_login_can_grant_it(mcp_gateway, token):
    url = f"{mcp_gateway.url}/mcp/v1/test"
    headers = {"authorization": f"Bearer {token('few')}"}
    for method, is_requestable in (("prompts/get", True), ("prompts/list", False)):
        message = {"jsonrpc": "2.0", "id": 7, "method": method, "params": {"name": "greet"}}
        reply = httpx.post(url, headers=headers, json=message)
        assert reply.status_code == (403 if is_requestable else 200), "other statuses end some clients' sessions"
        assert reply.json()["id"] == 7
        challenge = reply.headers.get("www-authenticate", "")
        assert ('error="insufficient_scope"' in challenge) == is_requestable


def test_a_body_that_contradicts_itself_or_its_headers_never_arrives_whole(mcp_gateway, token, server):
    url = f"{mcp_gateway.url}/mcp/v1/test"
    headers = {"authorization": f"Bearer {token('few')}", "accept": "application/json, text/event-stream"}
    allowed = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "search_docs"}}
    twice = json.dumps(allowed)[:-2] + ', "name": "delete_all"}}'
    stateless = {"mcp-protocol-version": "2026-07-28", "mcp-method": "tools/call", "mcp-name": "search_docs"}
    forbidden = allowed | {"params": {"name": "delete_all"}}
    for body, more, code in (
        (twice, {}, "message_ambiguous"),
        (json.dumps(forbidden), stateless, "header_mismatch"),
        (json.dumps([allowed, forbidden]), {}, "tool_not_found"),
        (json.dumps(allowed)[:-1], {}, None),
    ):
        more = {"content-type": "application/json"} | more
        reply = httpx.post(url, headers=headers | more, content=body)
        if code:
            assert reply.headers["x-ai-gateway-error"] == code
        assert "deleted" not in reply.text


def test_a_server_that_is_down_gives_a_clear_error(world, start_gateway, token):
    document = configuration(world) | {
        "mcp_servers": [{"name": "down", "url": "http://127.0.0.1:1/mcp"}],
        "authorization": {"bindings": [{"subject": "all", "permissions": ["invoke"]}]},
    }
    with start_gateway(document) as gateway:
        message = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
        headers = {"authorization": f"Bearer {token('all')}"}
        reply = httpx.post(f"{gateway.url}/mcp/v1/down", headers=headers, json=message)
        assert reply.status_code == 503
        assert reply.headers["x-ai-gateway-error"]
