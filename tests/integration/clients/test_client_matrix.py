"""The same tests for every SDK: a response, a stream, errors of the provider, a wrong token, an aborted stream, and every
kind of credential that a provider may have. The tables of docs/clients.md are generated from the results.
"""

import os
import time

import pytest
from aiohttp import web

from mocks.server import BackgroundServer
from mocks.world import AUDIENCE, CLIENT_ID, CLIENT_SECRET
from support import client_tables
from support.bedrock import static
from support.client import OPENAI, QUOTED, access_log, ask, wait_until
from support.gateway_config import configuration
from support.node import NodeClients
from support.sdk_clients import GO, NODE, PYTHON, TOKEN_CLIENTS, Failure, Target

PACED = {"x-mock-stream": "chunks=100,interval_ms=50"}
GIVEN_UP_AFTER = 3
SEEN = "✓"
BEHAVIOUR = ["answer", "stream", "400", "429", "wrong token", "given up in mid-stream"]
TOKENS = ["token", "wrong secret"]
LANGUAGES = {"Python": PYTHON, "Node.js": NODE, "Go": GO}
SDKS = [
    pytest.param(language, sdk, id=f"{sdk.name} for {language}") for language, sdks in LANGUAGES.items() for sdk in sdks
]


class Mode:
    """How a provider gets its credential, and how the caller sends the gateway token."""

    def __init__(self, name, *mocks, prefix="my", own=False, token_header=None):
        self.name = name
        self.mocks = mocks
        self.prefix = prefix
        self.own = own
        """Whether the client sends its own credential for the provider where the token would be."""
        self.token_header = token_header
        """The header with the token."""

    def target(self, gateway, mock, token):
        """The target that an SDK gets."""
        if self.token_header is None:
            return Target(gateway.url, f"{self.prefix}-{mock}", OWN[mock] if self.own else token)
        shown = OWN[mock] if self.own else "unused"
        return Target(gateway.url, f"{self.prefix}-{mock}", shown, {self.token_header: f"Bearer {token}"})


OWN = {"openai": "mock-openai-key", "anthropic": "mock-oauth-token"}
TOKEN_HEADER, GUIDE_TOKEN_HEADER = "x-ai-gateway-authorization", "x-redpanda-cloud-token"
HOLDERS = ("openai", "anthropic", "google")
PASSING = ("openai", "anthropic")
MODES = [
    Mode("API key", *HOLDERS),
    Mode("passthrough", *PASSING, prefix="own", own=True),
    Mode("passthrough, token required", *PASSING, prefix="guarded", own=True, token_header=TOKEN_HEADER),
    Mode(f"`{TOKEN_HEADER}`", *HOLDERS, "bedrock", token_header=TOKEN_HEADER),
    Mode(f"`{GUIDE_TOKEN_HEADER}`", *HOLDERS, "bedrock", token_header=GUIDE_TOKEN_HEADER),
    Mode("SigV4", "bedrock"),
    Mode("Bedrock API key", "bedrock", prefix="key"),
    Mode("SigV4 by Envoy", "bedrock", prefix="envoy"),
]
results = {}


@pytest.fixture(scope="module")
def gateway(world, start_gateway):
    with start_gateway(serving_all(world)) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def signing_gateway(world, start_gateway):
    """A gateway where Envoy signs requests."""
    one = bedrock(world, "envoy-bedrock", signing="envoy")
    document = configuration(world) | {"providers": [one]}
    with start_gateway(document, edit_bootstrap=lambda bootstrap: add_signer(bootstrap, world)) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def node():
    with NodeClients("tokens", *{sdk.module for sdk in NODE}) as node:
        yield node


def serving_all(world):
    document = configuration(world)
    for mock in PASSING:
        own = {"type": mock, "base_url": getattr(world, mock).base_url, "authorization_passthrough": True}
        document["providers"].append({"name": f"own-{mock}", **own})
        document["providers"].append({"name": f"guarded-{mock}", "require_gateway_token": True, **own})
    key = {"bedrock_api_key": {"value": world.bedrock.api_key}}
    document["providers"].append(bedrock(world, "my-bedrock", credentials={"static": static(world.aws_credential)}))
    document["providers"].append(bedrock(world, "key-bedrock", credentials=key))
    return document


def bedrock(world, name, **credentials):
    region = world.bedrock.judge.region
    return {"name": name, "type": "bedrock", "region": region, "base_url": world.bedrock.base_url, **credentials}


def add_signer(bootstrap, world):
    """Add Envoy's AWS signing filter before the router."""
    manager = bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    pair = static(world.aws_credential)
    signer = {
        "@type": "type.googleapis.com/envoy.extensions.filters.http.aws_request_signing.v3.AwsRequestSigning",
        "service_name": "bedrock",
        "region": world.bedrock.judge.region,
        "match_excluded_headers": [{"prefix": "x-ai-gateway-"}],
        "credential_provider": {"inline_credential": {name: secret["value"] for name, secret in pair.items()}},
    }
    manager["http_filters"].insert(-1, {"name": "signer", "typed_config": signer})


def received(world, sdk):
    """The requests that the SDK's mock received."""
    return getattr(world, sdk.mock).requests


def note(table, language, sdk, column, cell=SEEN):
    results.setdefault((table, language, sdk), {})[column] = cell


def refusal(sdk, target, node):
    with pytest.raises(Failure) as raised:
        sdk.answer(target, node)
    return raised.value


@pytest.mark.parametrize(("language", "sdk"), SDKS)
def test_a_response(language, sdk, gateway, world, node, token):
    assert sdk.answer(Target(gateway.url, sdk.provider, token), node).endswith(QUOTED)
    assert len(received(world, sdk)) == 1
    assert token not in str(received(world, sdk))
    note("behaviour", language, sdk, "answer")


class HeaderRecorder(BackgroundServer):
    """Refuses every request, and records the names of its headers."""

    def __init__(self):
        super().__init__(self._application)
        self.names = set()

    def _application(self):
        app = web.Application()
        app.add_routes([web.route("*", "/{path:.*}", self._refuse)])
        return app

    async def _refuse(self, request):
        self.names = {name.lower() for name in request.headers}
        await request.read()
        return web.json_response({"error": {"message": "refused"}}, status=400)


CREDENTIALS = {"authorization", "x-api-key", "x-goog-api-key"}
"""Headers of SDKs that are replaced, besides those of AWS signatures."""
CONNECTION = {"connection", "content-length", "host", "sec-fetch-mode", "transfer-encoding"}
"""Headers that concern one connection, and what Node.js says in place of a browser."""


@pytest.mark.parametrize(("language", "sdk"), SDKS)
def test_every_header_of_the_api_reaches_the_provider(language, sdk, gateway, world, node, token):
    if sdk.package == "@aws-sdk/client-bedrock-runtime":
        pytest.skip("it speaks HTTP/2 only, and the recorder HTTP/1.1")
    with HeaderRecorder() as recorder:
        refusal(sdk, Target(recorder.url, sdk.provider, token), node)
    sdk.answer(Target(gateway.url, sdk.provider, token), node)
    (request,) = received(world, sdk)
    names = {name.decode().lower() for name, _ in request.headers}
    missing = recorder.names - names - CREDENTIALS - CONNECTION
    assert len(recorder.names) > len(CONNECTION)
    assert {name for name in missing if not name.startswith(("x-amz-", "amz-sdk-"))} == set()


@pytest.mark.parametrize(("language", "sdk"), SDKS)
def test_a_stream(language, sdk, gateway, node, token):
    pieces = sdk.stream(Target(gateway.url, sdk.provider, token), node)
    assert len(pieces) > 1
    if sdk.package != "httpx":  # which knows bytes only
        assert "".join(pieces).endswith(QUOTED)
    note("behaviour", language, sdk, "stream")


@pytest.mark.parametrize("status", [400, 429])
@pytest.mark.parametrize(("language", "sdk"), SDKS)
def test_an_error_of_the_provider(language, sdk, status, gateway, node, token):
    failure = refusal(sdk, Target(gateway.url, sdk.provider, token, {"x-mock-status": str(status)}), node)
    assert (failure.name, failure.status) == (sdk.errors[[400, 429].index(status)], status)
    assert f"The mock was asked to answer {status}." in failure.message
    note("behaviour", language, sdk, str(status), f"`{failure.name}`")


@pytest.mark.parametrize(("language", "sdk"), SDKS)
def test_a_wrong_token(language, sdk, gateway, world, node):
    expired = world.identity_provider.mint({"exp": int(time.time()) - 600})
    failure = refusal(sdk, Target(gateway.url, sdk.provider, expired), node)
    assert (failure.name, failure.status) == (sdk.errors[2], 401)
    assert "the token expired" in failure.message
    assert not received(world, sdk)
    note("behaviour", language, sdk, "wrong token", f"`{failure.name}`")


@pytest.mark.parametrize(("language", "sdk"), SDKS)
def test_an_aborted_stream(language, sdk, gateway, world, node, token):
    before = len(entries(gateway, sdk.provider))
    pieces = sdk.stream(Target(gateway.url, sdk.provider, token, PACED), node, GIVEN_UP_AFTER)
    assert len(pieces) == GIVEN_UP_AFTER
    (request,) = received(world, sdk)
    wait_until(lambda: request.abandoned_at)
    # Entries of earlier tests may be written late. They have complete usage, or none.
    reason = "ai_gateway.usage.incomplete"
    (entry,) = wait_until(lambda: [one for one in entries(gateway, sdk.provider)[before:] if one.get(reason)])
    assert entry[reason] == "client_disconnect"
    note("behaviour", language, sdk, "given up in mid-stream")


def entries(gateway, provider):
    """The access log entries of a provider."""
    return [entry for entry in access_log(gateway) if entry["ai_gateway.provider"] == provider]


@pytest.mark.parametrize(
    ("language", "sdk", "mode"),
    [
        pytest.param(*one.values, mode, id=f"{one.id}, {mode.name}")
        for one in SDKS
        for mode in MODES
        if one.values[1].mock in mode.mocks
    ],
)
def test_a_credential(language, sdk, mode, request, world, node, token, monkeypatch):
    monkeypatch.setattr(world.anthropic, "oauth_tokens", [OWN["anthropic"]])
    gateway = request.getfixturevalue("signing_gateway" if mode.prefix == "envoy" else "gateway")
    assert sdk.answer(mode.target(gateway, sdk.mock, token), node).endswith(QUOTED)
    (recorded,) = received(world, sdk)
    assert token not in str(recorded)
    assert not recorded.values(TOKEN_HEADER) + recorded.values(GUIDE_TOKEN_HEADER)
    note("credentials", language, sdk, mode.name)


@pytest.mark.parametrize("client", TOKEN_CLIENTS, ids=lambda client: client.package)
def test_a_token(client, gateway, world, node):
    credentials = {"issuer": world.identity_provider.issuer, "id": CLIENT_ID, "audience": AUDIENCE}
    fetched = client.token(node, **credentials, secret=CLIENT_SECRET)
    assert ask(gateway, OPENAI, fetched).status == 200
    with pytest.raises(Failure) as raised:
        client.token(node, **credentials, secret="wrong")
    assert raised.value.name == client.error
    results["tokens", client] = dict(zip(TOKENS, (SEEN, f"`{client.error}`"), strict=True))


def test_the_tables_of_the_page_are_current():
    per_mode = sum(one.values[1].mock in mode.mocks for one in SDKS for mode in MODES)
    if sum(map(len, results.values())) < len(SDKS) * len(BEHAVIOUR) + per_mode + 2 * len(TOKEN_CLIENTS):
        pytest.skip("the tables are complete only if the whole file runs")
    sdks = [(sdk, f"{sdk.name}, {language}", (language, sdk)) for language, sdk in (one.values for one in SDKS)]
    tables = [
        table(["SDK", "package", "version"], BEHAVIOUR, "behaviour", sdks),
        table(["SDK", "package", "version"], [mode.name for mode in MODES], "credentials", sdks),
        table(["client", "package", "version"], TOKENS, "tokens", [(one, one.name, (one,)) for one in TOKEN_CLIENTS]),
    ]
    if os.environ.get("WRITE_TABLES"):
        client_tables.write("\n".join(tables))
    assert "\n".join(tables) == client_tables.current(), "docs/clients.md is out of date, run `make clients`"


def table(head, columns, kind, rows):
    """A table of docs/clients.md."""
    described = [
        ([name, f"`{one.package.removesuffix('-6')}`", one.version], results[kind, *key]) for one, name, key in rows
    ]
    return client_tables.render(head, columns, described)
