"""The tracing example: spans have the attributes of the request, continue the client's trace, and contain no token."""

import pytest
import yaml
from aiohttp import web

from mocks.server import BackgroundServer
from support.client import GOOGLE, OPENAI, ask, exchange, wait_until
from support.envoy_version import VERSION
from support.gateway_config import PREFIX, configuration
from tools.gateway import PROJECT

EXAMPLE = PROJECT / "examples" / "tracing" / "envoy.yaml"
TRACE = "0af7651916cd43dd8448eb211c80319c"
COLLECTOR_PORT = "4318"
REQUESTS = 2
"""Each request has two spans, a refusal has one. Envoy sends them in batches of five."""


class Collector(BackgroundServer):
    """Receives spans and keeps them as received."""

    def __init__(self):
        super().__init__(self._application)
        self.received = b""

    def _application(self):
        app = web.Application()
        app.add_routes([web.post("/v1/traces", self._take)])
        return app

    async def _take(self, request):
        self.received += await request.read()
        return web.Response()


pytestmark = pytest.mark.skipif((0, 0, 0) < VERSION < (1, 37, 0), reason="the example's tags need Envoy 1.37")


@pytest.fixture(scope="module")
def traced(world, start_gateway):
    """A collector, and a gateway with one worker, so that all spans are sent together."""
    with Collector() as collector:
        example = yaml.safe_load(EXAMPLE.read_text().replace(COLLECTOR_PORT, str(collector.port)))

        def add(bootstrap):
            resources = bootstrap["static_resources"]
            resources["clusters"].append(example["cluster"])
            manager = resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
            manager["tracing"] = example["tracing"]

        with start_gateway(configuration(world), edit_bootstrap=add, concurrency=1) as gateway:
            yield collector, gateway


def test_spans_have_the_attributes_and_the_clients_trace_and_no_token(traced, world, token):
    collector, gateway = traced
    refused = exchange(gateway, "POST", f"{PREFIX}/{GOOGLE.provider}/../x?key={token}")
    assert refused.code == "path_invalid"
    for _ in range(REQUESTS):
        answer = ask(gateway, OPENAI, token, [("traceparent", f"00-{TRACE}-b7ad6b7169203331-01")])
    assert world.openai.requests[-1].values("traceparent")[0].decode().split("-")[1] == TRACE
    expected = {
        "ai_gateway.provider": OPENAI.provider,
        "gen_ai.provider.name": "openai",
        "gen_ai.response.id": answer.json()["id"],
        "gen_ai.usage.output_tokens": str(answer.json()["usage"]["completion_tokens"]),
        "url.path": OPENAI.path,
    }
    wait_until(lambda: expected["gen_ai.response.id"].encode() in collector.received)
    for name, value in expected.items():
        assert attribute(name, value) in collector.received
    assert bytes.fromhex(TRACE) in collector.received
    assert token[:20].encode() not in collector.received


def attribute(name, value):
    """A string attribute in OTLP's encoding."""
    text = field(1, value.encode())
    return field(1, name.encode()) + field(2, text)


def field(number, content):
    """A protobuf field with content of less than 128 bytes."""
    return bytes([number << 3 | 2, len(content)]) + content
