"""`python -m bench.scale`: how cost grows with workers, providers, bindings and cached tokens.

Writes the tables of docs/scale.md between its markers. The text around them is written by hand.
"""

import json
import os
import re
import subprocess
import sys
import tempfile
import time
from collections import namedtuple
from contextlib import ExitStack
from itertools import product
from pathlib import Path

from mocks.keys import SigningKey
from mocks.world import AUDIENCE, World
from tools import memory
from tools.gateway import PROJECT, Gateway

from . import cases, report
from .measure import LOAD

DOCUMENT = PROJECT / "docs/scale.md"
PREFIX = "/llm/v1/providers"
USAGE = "/llm/v1/usage"
MB = 1e6
SETTLE_S = 1.5  # two ticks, in which unused memory is released
LOAD_S = 3
CONNECTIONS = 64
TOKENS = 1000
WORKERS = (1, 4, 16)
PROVIDERS = (10, 1000, 10_000)
BINDINGS = (0, 1000, 10_000)
CACHED_TOKENS = (1000, 10_000, 30_000)

Size = namedtuple("Size", "process_mb vms_mb")


class Scale:
    """An issuer, an upstream that responds immediately, and functions to start and load a gateway."""

    def __init__(self, stack):
        self.directory = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        self.world = stack.enter_context(World())
        self.key = SigningKey.generate("ES256", "many")
        self.world.identity_provider.keys.append(self.key)
        response = self.directory / "response.json"
        response.write_bytes(cases.chat_response())
        upstream = subprocess.Popen(
            [LOAD, "upstream", response, response], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        stack.callback(upstream.wait)
        stack.callback(upstream.stdin.close)
        self.port = int(upstream.stdout.readline())

    def configuration(self, providers=1, **members):
        """A configuration with this number of providers, all with the same upstream."""
        issuer = {"issuer": self.world.identity_provider.issuer, "audiences": [AUDIENCE]}
        return {
            "authentication": {"issuers": [issuer]},
            "providers": [self._provider(name(number)) for number in range(providers)],
            **members,
        }

    def _provider(self, name):
        base_url = f"http://127.0.0.1:{self.port}"
        return {"name": name, "type": "openai_compatible", "base_url": base_url, "api_key": {"value": "k"}}

    def gateway(self, configuration, concurrency=1):
        directory = Path(tempfile.mkdtemp(dir=self.directory))
        gateway = Gateway(directory, os.environ["ENVOY"], concurrency=concurrency)
        gateway.start(configuration)
        return gateway

    def drive(self, gateway, *tokens, providers=(0,), **options):
        """Send requests with each token to each provider. Returns Envoy's CPU microseconds per request."""
        file = self.directory / "requests"
        body = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}'
        with file.open("wb") as requests:
            for token, provider in product(tokens, providers):
                head = f"POST {PREFIX}/{name(provider)}/v1/chat/completions HTTP/1.1\r\nhost: g\r\n"
                head += (
                    f"content-type: application/json\r\ncontent-length: {len(body)}\r\nauthorization: Bearer {token}"
                )
                request = head.encode() + b"\r\n\r\n" + body
                requests.write(b"%d\n%b" % (len(request), request))
        options = {"connections": CONNECTIONS, **options}
        arguments = [argument for name, value in options.items() for argument in (f"--{name}", str(value))]
        before = cpu_s(gateway.pid)
        command = [LOAD, "drive", str(gateway.port), file, *arguments]
        driven = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True).stdout)
        if set(driven["statuses"]) != {"200"}:
            raise SystemExit(f"not all responses have status 200: {driven['statuses']}\n{gateway.log()[-3000:]}")
        return (cpu_s(gateway.pid) - before) * 1e6 / driven["requests"]

    def tokens(self, count):
        """This number of distinct tokens."""
        return [self.world.identity_provider.mint({"jti": str(number)}, key=self.key) for number in range(count)]


def name(number):
    return f"provider-{number}"


def cpu_s(pid):
    tasks = Path(f"/proc/{pid}/task").glob("*/schedstat")
    return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9


def size(gateway):
    time.sleep(SETTLE_S)
    return Size(memory.resident_bytes(gateway.pid) / MB, memory.vm_bytes(gateway.pid) / MB)


def workers(scale):
    yield "workers", "process MB", "VMs MB", "after load: process MB", "VMs MB", "key set fetches"
    tokens = scale.tokens(TOKENS)
    for count in WORKERS:
        hits = scale.world.identity_provider.hits
        hits.clear()
        with scale.gateway(scale.configuration(), count) as gateway:
            before = size(gateway)
            scale.drive(gateway, *tokens, seconds=LOAD_S)
            after = size(gateway)
            yield count, *map(mb, before), *map(mb, after), hits["jwks"]


def providers(scale):
    yield (
        *("providers", "configuration KB", "ms until ready", "CPU ms until ready", "process MB", "VMs MB"),
        *("CPU µs per request", "all used once: process MB", "VMs MB", "CPU ms per idle second", "provider list ms"),
        *("totals ms", "CPU ms of a reload"),
    )
    (token,) = scale.tokens(1)
    for count in PROVIDERS:
        configuration = scale.configuration(count)
        started = time.monotonic()
        with scale.gateway(configuration) as gateway:
            ready_ms, ready_cpu_ms = (time.monotonic() - started) * 1e3, cpu_s(gateway.pid) * 1e3
            sizes = size(gateway)
            scale.drive(gateway, token, providers=[count - 1], seconds=0.5)
            cpu_us = scale.drive(gateway, token, providers=[count - 1], seconds=LOAD_S)
            scale.drive(gateway, token, providers=range(count), requests=count)
            used = size(gateway)
            list_ms = timed(gateway, PREFIX, token)
            totals_ms = timed(gateway, USAGE, token)
            idle_ms = idle_cpu_ms(gateway)
            reload_ms = reload_cpu_ms(gateway, configuration)
        kilobytes = len(json.dumps(configuration, indent=2)) / 1e3
        figures = (kilobytes, ready_ms, ready_cpu_ms, *sizes, cpu_us, *used, idle_ms, list_ms, totals_ms, reload_ms)
        yield count, *(f"{figure:,.0f}" for figure in figures)


def idle_cpu_ms(gateway):
    """CPU milliseconds per second without requests."""
    before = cpu_s(gateway.pid)
    time.sleep(5)
    return (cpu_s(gateway.pid) - before) * 1e3 / 5


def reload_cpu_ms(gateway, configuration):
    """Envoy's CPU milliseconds to apply a small change of the configuration."""
    before = cpu_s(gateway.pid)
    assert gateway.configure(configuration | {"unlisted_model_status": 403})
    time.sleep(SETTLE_S)
    return (cpu_s(gateway.pid) - before) * 1e3


def timed(gateway, path, token):
    started = time.monotonic()
    command = ["curl", "-sSf", "-o", "/dev/null", "-H", f"authorization: Bearer {token}", gateway.url + path]
    subprocess.run(command, check=True)
    return (time.monotonic() - started) * 1e3


def bindings(scale):
    yield (
        "bindings, each to a different subject",
        "ms until ready",
        "CPU ms until ready",
        "process MB",
        "VMs MB",
        "CPU µs per request",
    )
    (token,) = scale.tokens(1)
    for count in BINDINGS:
        bindings = [
            {"subject": f"service-{number}", "permissions": ["invoke"], "providers": [name(number % PROVIDERS[-1])]}
            for number in range(count)
        ]
        configuration = scale.configuration(max(count, 1), authorization={"bindings": bindings})
        started = time.monotonic()
        with scale.gateway(configuration) as gateway:
            ready_ms, ready_cpu_ms = (time.monotonic() - started) * 1e3, cpu_s(gateway.pid) * 1e3
            sizes = size(gateway)
            scale.drive(gateway, token, seconds=0.5)
            cpu_us = scale.drive(gateway, token, seconds=LOAD_S)
        yield count, *(f"{figure:,.0f}" for figure in (ready_ms, ready_cpu_ms, *sizes, cpu_us))


def tokens(scale):
    yield "cached tokens", "VMs MB before", "after", "bytes per token"
    all_tokens = scale.tokens(max(CACHED_TOKENS))
    for count in CACHED_TOKENS:
        configuration = scale.configuration()
        configuration["authentication"]["token_cache_size"] = count
        with scale.gateway(configuration) as gateway:
            scale.drive(gateway, all_tokens[0], requests=CONNECTIONS * 4)
            before = size(gateway)
            scale.drive(gateway, *all_tokens[:count], requests=count)
            after = size(gateway)
        each = (after.vms_mb - before.vms_mb) * MB / count
        yield count, mb(before.vms_mb), mb(after.vms_mb), f"{each:,.0f}"


def mb(figure):
    return f"{figure:.1f}"


def table(rows):
    head, *body = [[f"{cell:,}" if isinstance(cell, int) else cell for cell in row] for row in rows]
    lines = [head, ["---:"] * len(head), *body]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main():
    text = DOCUMENT.read_text()
    parts = {part.__name__: part for part in (workers, providers, bindings, tokens)}
    chosen = sys.argv[1:] or parts
    with ExitStack() as stack:
        scale = Scale(stack)
        for part in chosen:
            print(f"scale: {time.strftime('%H:%M:%S')} {part}", file=sys.stderr, flush=True)
            lines = table(parts[part](scale))
            print(f"\n{lines}\n", flush=True)
            text = fill(text, part, lines)
        versions = f"On {report.today()}: {report.machine()}, Envoy and its load on the same CPUs."
        DOCUMENT.write_text(fill(text, "machine", versions))
    print(f"written to {DOCUMENT.relative_to(PROJECT)}")


def fill(text, part, lines):
    """The text with these lines between the markers of this part."""
    markers = re.compile(rf"(<!-- {part} -->\n).*?(<!-- /{part} -->)", re.DOTALL)
    filled, count = markers.subn(lambda found: f"{found[1]}{lines}\n{found[2]}", text)
    if count != 1:
        raise SystemExit(f"{DOCUMENT} has no markers for {part}")
    return filled


if __name__ == "__main__":
    main()
