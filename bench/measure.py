"""The measurements. Each returns plain numbers, from which `report` computes ratios and tables."""

import json
import socket
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path
from statistics import median

from mocks.keys import SigningKey
from tools.gateway import PROJECT

from . import callgrind, cases
from .bootstraps import FILTER, FLOOR, Environment
from .proxy import LOAD_CPU, Proxy, ProxyError, pinned

LOAD = PROJECT / "target/release/load"
CONNECTIONS = 32
WARM_UP_REQUESTS = 300
FIXED_RATE = 250
STREAMS_AT_ONCE, STREAMS_IN_A_ROUND = 20, 20
UPLOADS_IN_A_ROUND, UPLOADS_TO_GROW = 2, 20
# Envoy is fifty times slower under callgrind. With few streams and long gaps, each event is still handled by itself.
FEW_STREAMS, STREAMS_COUNTED, SLOW_GAP_MS = 2, 4, 20
SHORT_STREAM, LONG_STREAM = 20, 120  # events
FIRST_BYTES_IN_A_ROUND = 100
STARTS = 3


@dataclass(frozen=True)
class Pace:
    """How long the measurements take. Longer ones are less affected by other load on the machine."""

    rounds: int
    """Rounds of the CPU time measurement."""
    round_s: float
    latency_s: float


FULL = Pace(rounds=7, round_s=0.8, latency_s=2)
QUICK = Pace(rounds=5, round_s=0.3, latency_s=0.5)


class Bench:
    """An upstream, a signing key with valid tokens, and functions to start and load the variants."""

    def __init__(self, envoy, directory):
        self.envoy = envoy
        self.directory = Path(directory)
        self._position = {}
        self.key = SigningKey.generate()
        self.tokens = cases.tokens(self.key, cases.EACH_NEW)
        responses = [self.directory / "chat.json", self.directory / "bedrock.json"]
        responses[0].write_bytes(cases.chat_response())
        responses[1].write_bytes(cases.bedrock_response())
        with pinned(LOAD_CPU):
            self._upstream = subprocess.Popen(
                [LOAD, "upstream", *responses], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        self.upstream_port = int(self._upstream.stdout.readline())

    def close(self):
        self._upstream.stdin.close()
        self._upstream.wait()

    @contextmanager
    def proxies(self, some_cases, *, under_callgrind=False):
        """Start an Envoy for each variant of these cases, and check that it does its work. Yields them by variant.

        Under callgrind the checks are skipped, because they were already made without it.
        """
        with ExitStack() as stack:
            proxies = {}
            for case in some_cases:
                if case.variant not in proxies:
                    proxies[case.variant] = stack.enter_context(self.proxy(case.variant, under_callgrind))
                if not under_callgrind:
                    self.check(case, proxies[case.variant])
            yield proxies

    def proxy(self, variant, under_callgrind=False):
        directory = Path(tempfile.mkdtemp(dir=self.directory)) / "envoy"
        environment = Environment(self.upstream_port, self.key)
        return Proxy(directory, self.envoy, variant(environment), under_callgrind=under_callgrind)

    def check(self, case, proxy):
        cases.check(case, proxy, self.upstream_port, self.tokens[0])
        if case.authenticates and len(case.body) <= cases.BEDROCK_BODY_BYTES:
            cases.check_permission(case, proxy, self.key)

    def drive(self, case, proxy, **options):
        """Send requests of this case. All must succeed."""
        first = self._position.get(case.name, 0)
        options = {"first": first, "connections": CONNECTIONS, **options}
        arguments = [argument for name, value in options.items() for argument in (f"--{name}", str(value))]
        command = [LOAD, "drive", str(proxy.port), self._file(case), *arguments]
        with pinned(LOAD_CPU):
            driven = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
        result = json.loads(driven.stdout)
        if set(result["statuses"]) != {"200"}:
            raise ProxyError(f"{case.name}: not all responses have status 200: {result['statuses']}")
        self._position[case.name] = (first + result["requests"]) % case.token_count
        return result

    def _file(self, case):
        file = self.directory / f"{case.name}.requests"
        if not file.exists():
            requests = case.requests(self.tokens)
            file.write_bytes(b"".join(b"%d\n%b" % (len(request), request) for request in requests))
        return file


def cpu_rounds(bench, proxies, some_cases, rounds, **options):
    """Envoy's CPU microseconds per request and the requests per second, for each case and round.

    The cases take turns, so that other load on the machine affects all of them.
    """
    for case in some_cases:
        bench.drive(case, proxies[case.variant], **options | {"seconds": 0.3})
    result = {case.name: {"cpu_us": [], "rate": []} for case in some_cases}
    for _ in range(rounds):
        for case in some_cases:
            proxy = proxies[case.variant]
            before = proxy.cpu_s()
            driven = bench.drive(case, proxy, **options)
            result[case.name]["cpu_us"].append((proxy.cpu_s() - before) * 1e6 / driven["requests"])
            result[case.name]["rate"].append(driven["requests"] / driven["seconds"])
    return result


def latencies(bench, proxies, some_cases, seconds):
    """Latencies in microseconds at a fixed rate that every case can sustain."""
    result = {}
    for case in some_cases:
        driven = bench.drive(case, proxies[case.variant], rate=FIXED_RATE, seconds=seconds)
        result[case.name] = {"p50_us": driven["p50_us"], "p99_us": driven["p99_us"]}
    return result


def first_bytes(bench, proxies, some_cases, rounds):
    """Microseconds from a stream's request to the first byte of its response, as the median of each round.

    Streams are sent one at a time on one connection per case. The cases take turns.
    """
    result = {case.name: {"first_byte_us": []} for case in some_cases}
    with ExitStack() as stack, pinned(LOAD_CPU):
        clients = {}
        for case in some_cases:
            request = cases.paced(case, 1, 1).request(bench.tokens[0] if case.authenticates else None)
            address = ("127.0.0.1", proxies[case.variant].port)
            clients[case.name] = stack.enter_context(socket.create_connection(address, timeout=10)), request
        for _ in range(rounds):
            for name, client in clients.items():
                waits = [_first_byte_us(*client) for _ in range(FIRST_BYTES_IN_A_ROUND)]
                result[name]["first_byte_us"].append(median(waits))
    return result


def _first_byte_us(connection, request):
    start = time.monotonic()
    connection.sendall(request)
    connection.recv(1, socket.MSG_PEEK)
    waited_s = time.monotonic() - start
    with HTTPResponse(connection, method="POST") as response:
        response.begin()
        if response.status != 200:
            raise ProxyError(f"a stream got status {response.status}")
        response.read()
    return waited_s * 1e6


def instructions(bench, proxies, case):
    """Envoy's user-space instructions per request, or per event of a stream, after warm-up.

    This is the difference between two loads of different size, so fixed costs cancel out. It is measured twice to show how well
    it repeats.
    """
    proxy = proxies[case.variant]
    if case in cases.STREAM_CASES:
        less, more = (cases.paced(case, events, SLOW_GAP_MS) for events in (SHORT_STREAM, LONG_STREAM))
        options = {"requests": STREAMS_COUNTED, "connections": FEW_STREAMS}
        loads = [(less, options), (more, options)]
        units = (LONG_STREAM - SHORT_STREAM) * STREAMS_COUNTED
    else:
        few, many = 100, 500
        loads = [(case, {"requests": requests}) for requests in (few, many)]
        units = many - few
        bench.drive(case, proxy, requests=WARM_UP_REQUESTS)
    proxy.start_counting()
    counts = []
    for which in (0, 0, 1, 1):  # the first run includes code that callgrind has not seen yet
        load, options = loads[which]
        bench.drive(load, proxy, **options)
        counts.append(callgrind.Profile(proxy.profile()))
    proxy.stop_counting()
    _, base, larger, repeated = counts
    figures = [(profile.total() - base.total()) / units for profile in (larger, repeated)]
    return {
        "instructions": sum(figures) / 2,
        "repeats": abs(figures[0] - figures[1]) / sum(figures) * 2,
        "compiled": (larger.compiled() + repeated.compiled() - 2 * base.compiled()) / units / 2,
    }


def starts(bench, some_cases):
    """Seconds from process start to readiness, CPU seconds, and memory at that time."""
    result = {}
    for case in some_cases:
        start_s, start_cpu_s = [], []
        for _ in range(STARTS):
            with bench.proxy(case.variant) as proxy:
                start_s.append(proxy.start_s)
                start_cpu_s.append(proxy.start_cpu_s)
                resident_mb = proxy.resident_mb()
        result[case.name] = {"start_s": start_s, "start_cpu_s": start_cpu_s, "resident_mb": resident_mb}
    return result


def growth(bench, proxies, case):
    """The memory of the process and of its VMs in MB, before an upload, after one, and after twenty more."""
    proxy = proxies[case.variant]
    samples = [(proxy.resident_mb(), proxy.vm_memory_mb())]
    for requests in (1, UPLOADS_TO_GROW):
        bench.drive(case, proxy, requests=requests, connections=1)
        samples.append((proxy.resident_mb(), proxy.vm_memory_mb()))
    return {"resident_mb": [resident for resident, _ in samples], "vm_mb": [vm for _, vm in samples]}


def module_sizes():
    """The sizes of the modules in bytes."""
    return {"floor": FLOOR.stat().st_size, "ours": FILTER.stat().st_size}
