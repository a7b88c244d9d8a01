"""Ratios and tables, for the terminal and for docs/performance.md."""

import os
import platform
import re
import statistics
import subprocess
import time
from pathlib import Path

from . import cases, measure
from .proxy import CPUS, LOAD_CPU, PROXY_CPU

PAIRS = (
    ("floor", "native", "a Wasm filter that does nothing / native, cached"),
    ("ours", "native", "ours, token cached / native, cached"),
    ("calls", "native", "our host calls and no work / native, cached"),
    ("ours", "calls", "ours, token cached / our host calls and no work"),
    ("ours-logged", "native", "ours with all fields of the access log / native, cached"),
    ("ours-new", "native-new", "ours, each token new / native, no cache"),
    ("bedrock-ours", "bedrock-native", "ours, SigV4 / native, cached, with aws_request_signing"),
)


def median(values):
    return statistics.median(values)


def paired(cpu, case, base):
    """The ratio of CPU time of one case to another, for each round."""
    return [one / other for one, other in zip(cpu[case]["cpu_us"], cpu[base]["cpu_us"], strict=True)]


def upload_mb_per_s(results, case):
    """The upload speed of this case if the bare router cost nothing, from the medians of CPU time."""
    uploads = results["uploads"]
    extra_us = median(uploads[case]["cpu_us"]) - median(uploads["upload-bare"]["cpu_us"])
    return cases.UPLOAD_BYTES / extra_us if extra_us > 0 else float("inf")


def document(results, budgets):
    """The text of docs/performance.md."""
    rounds = results["rounds"]
    repeats, repeats_of_events = (
        max(results["instructions"][case.name]["repeats"] for case in some_cases)
        for some_cases in (cases.CHAT_CASES + cases.BEDROCK_CASES, cases.STREAM_CASES)
    )
    load_cpu = "the other CPU" if LOAD_CPU != PROXY_CPU else "the same CPU, so CPU time is noisier still"
    return f"""# Performance

Written by `make bench` on {results["date"]}; do not edit. Ratios apply to other machines as well, absolute times do not.

## Compared with Envoy's own filters

All variants handle the same requests in the same Envoy, in the same run.

{_pairs(results)}

Budgets (`make bench-check` fails if one is exceeded):

```
{_lines(budgets)}
```

**Which column to use.** "Instructions" counts what Envoy executes in user space for one request, measured by callgrind after a
warm-up. In this run the counts repeated within {repeats:.1%}, those of streams within {repeats_of_events:.0%}. They exclude the
kernel. Valgrind's CPU has no SHA and no ADX instructions, so the counts overstate native cryptography (RS256, SigV4). In the last two
rows this favours our filter, so use their CPU time instead.

"CPU" is the time that the scheduler charges to the Envoy process, in {rounds} rounds in which the variants take turns. A ratio compares
two variants within one round. The table shows the median of the ratios and their quartiles. On a busy machine the CPU time of the same
work can double for a while, so differences of less than a tenth mean little. Requests/s, p99 and the time to readiness depend on the
machine as much as on Envoy.

## Requests

A chat completion: a body of {cases.CHAT_BODY_BYTES} bytes, a response of {cases.RESPONSE_BYTES} bytes, an RS256 token of {results["token_bytes"]} bytes, and {len(cases.SDK_HEADERS) + 4} headers. {measure.CONNECTIONS} persistent
connections carry one request at a time each. Latency is measured at {measure.FIXED_RATE} requests/s.

{_requests(results, cases.CHAT_CASES)}

Bedrock `invoke` with a body of {cases.BEDROCK_BODY_BYTES} bytes. In the native chain the client sends the provider's path, because Envoy's signing filter
signs the path before the route rewrites it.

{_requests(results, cases.BEDROCK_CASES)}

"In Wasm" counts the instructions of the filter itself, as compiled by V8. The rest of the difference to the bare router is the cost
of crossing the VM boundary and the work that the host does for the filter.

## Streams

CPU time: streams of {cases.EVENTS} events, one event every {cases.GAP_MS} ms, {measure.STREAMS_AT_ONCE} streams at once. The cost of a stream's request is divided among its events.
Instructions: the additional cost of streams of {measure.LONG_STREAM} events over streams of {measure.SHORT_STREAM} events, one event every {measure.SLOW_GAP_MS} ms, {measure.FEW_STREAMS} streams at
once. The cost of the requests is not included. First byte: the time from a stream's request to the first byte of its response, one
stream at a time, medians of {measure.FIRST_BYTES_IN_A_ROUND}.

{_streams(results)}

## Uploads of 10 MB to Bedrock

{_uploads(results)}

{_growth(results)}

## Memory, size and start

{_starts(results)}

Memory is that of the whole process. It compiles the module once and runs one VM for the main thread and one for its only worker. V8
compiles the whole module before Envoy is ready.

## Method

{_machine(results)}

- Envoy runs the shipped `envoy/bootstrap.yaml` with one worker on its own CPU. The access log is off, and each variant replaces our
  filter with other HTTP filters. The load generator and the upstream, which responds immediately, share {load_cpu}.
- Before it is measured, each variant must prove that it does its work. A missing or forged token gives 401, and a valid token without
  the permission gives 403. The upstream must receive the right path and its own key or a valid signature, and not the client's token.
- Instructions: callgrind counts two loads of different size after a warm-up of {measure.WARM_UP_REQUESTS} requests. The difference
  is divided among the requests.
- "Our host calls and no work": the filter `bench/same_calls` reads, writes and measures as much through the host as ours does for this
  request, and nothing else. No proxy-wasm filter that does our work can cost less.
- Unless a row says otherwise, the access log's fields are off (`observability.log_fields`). Each field costs one host call.
- "Each token new": {cases.EACH_NEW} tokens in turn, with caches that hold {cases.EACH_NEW // 2}.
- `make bench` repeats all measurements. `make bench-profile` shows the filter's instructions by function.
"""


def summary(results, budgets):
    """The text for the terminal."""
    tables = (
        _pairs(results),
        _requests(results, cases.CHAT_CASES + cases.BEDROCK_CASES),
        _streams(results),
        _uploads(results),
        _growth(results),
        _starts(results),
        _lines(budgets),
    )
    return "\n\n".join(tables)


def _pairs(results):
    rows = []
    for case, base, title in PAIRS:
        counted = results["instructions"]
        ratio = counted[case]["instructions"] / counted[base]["instructions"]
        rows.append((title, f"{ratio:.2f}", _spread(paired(results["cpu"], case, base), ".2f")))
    return _table(("", "instructions", "CPU, paired [quartiles]"), rows)


def _requests(results, some_cases):
    rows = []
    for case in some_cases:
        base = some_cases[0].name if case in cases.CHAT_CASES else "bedrock-bare"
        counted, cpu = results["instructions"][case.name], results["cpu"][case.name]
        latency = results["latencies"][case.name]
        rows.append(
            (
                case.title,
                f"{counted['instructions'] / 1000:,.0f}",
                f"{counted['instructions'] / results['instructions'][base]['instructions']:.2f}",
                f"{counted['compiled'] / 1000:,.0f}",
                _spread(cpu["cpu_us"], ".0f"),
                f"{median(paired(results['cpu'], case.name, base)):.2f}",
                f"{median(cpu['rate']):,.0f}",
                f"{latency['p50_us'] / 1000:.1f} / {latency['p99_us'] / 1000:.1f}",
            )
        )
    head = ("", "k instr.", "× bare", "in Wasm", "CPU µs", "× bare", "req/s", "p50 / p99 ms")
    return _table(head, rows)


def _streams(results):
    rows = []
    bare = results["instructions"]["stream-bare"]["instructions"]
    for case in cases.STREAM_CASES:
        counted = results["instructions"][case.name]["instructions"]
        ratios = _spread(paired(results["streams"], case.name, "stream-bare"), ".2f")
        cpu = _spread([cost / cases.EVENTS for cost in results["streams"][case.name]["cpu_us"]], ".0f")
        first_byte = _spread(results["first_bytes"][case.name]["first_byte_us"], ".0f")
        rows.append((case.title, f"{counted:,.0f}", f"{counted - bare:+,.0f}", cpu, ratios, first_byte))
    return _table(("per event", "instr.", "over bare", "CPU µs", "× bare, paired", "first byte µs"), rows)


def _uploads(results):
    rows = []
    for case in cases.UPLOAD_CASES:
        cpu = [cost / 1000 for cost in results["uploads"][case.name]["cpu_us"]]
        speed = "" if case.name == "upload-bare" else f"{upload_mb_per_s(results, case.name):,.0f}"
        rows.append((case.title, _spread(cpu, ".0f"), speed))
    return _table(("per upload", "CPU ms", "MB/s beyond bare"), rows)


def _growth(results):
    growth = results["growth"]
    vm, resident = growth["vm_mb"], growth["resident_mb"]
    return (
        f"The linear memory of both VMs (main thread and worker) was {vm[0]:.2f} MB before an upload, {vm[1]:.2f} MB after one, "
        f"and {vm[2]:.2f} MB after {measure.UPLOADS_TO_GROW} more. The process had {resident[0]:.0f}, {resident[1]:.0f} and "
        f"{resident[2]:.0f} MB."
    )


def _starts(results):
    sizes = {"floor": results["modules"]["floor"], "ours": results["modules"]["ours"]}
    rows = []
    for name, start in results["starts"].items():
        title = next(case.title for case in cases.ALL if case.name == name).removesuffix(", token cached")
        size = f"{sizes[name] / 1000:,.0f}" if name in sizes else ""
        rows.append(
            (
                title,
                size,
                f"{median(start['start_s']) * 1000:,.0f}",
                f"{median(start['start_cpu_s']) * 1000:,.0f}",
                f"{start['resident_mb']:.0f}",
                f"{results['resident_mb'][name]:.0f}",
            )
        )
    head = ("", "module KB", "exec to ready ms", "CPU ms", "RSS MB", "RSS MB after load")
    return _table(head, rows)


def _spread(values, spec):
    if len(values) < 2:
        return f"{values[0]:{spec}}"
    lower, middle, upper = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:{spec}} [{lower:{spec}}–{upper:{spec}}]"


def _table(head, rows):
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    rule = tuple("-" * (width - 1) + (":" if column else "-") for column, width in enumerate(widths))
    lines = (head, rule, *rows)

    def cell(text, column):
        return text.rjust(widths[column]) if column else text.ljust(widths[column])

    return "\n".join("| " + " | ".join(cell(text, column) for column, text in enumerate(line)) + " |" for line in lines)


def _lines(budgets):
    return "\n".join(str(budget) for budget in budgets)


def _machine(results):
    return f"{results['machine']}, {results['versions']}."


def machine():
    """This machine's properties that affect the results, and nothing that identifies it."""
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*:\s*(.*)", info)
    flags = set(re.search(r"flags\s*:\s*(.*)", info)[1].split()) if "flags" in info else set()
    sha = "with" if "sha_ni" in flags else "without"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    name = model[1].strip() if model else platform.machine()
    return f"{len(CPUS)} CPUs ({name}, {sha} SHA instructions), {memory:.0f} GB"


def versions(envoy):
    """The versions of all software that affects the results."""
    found = re.search(r"/(\d+\.\d+\.\d+)/", _output(envoy, "--version"))
    parts = [
        f"Linux {platform.release().partition('-')[0]}",
        f"Envoy {found[1] if found else 'of unknown version'}",
        _output("rustc", "--version").partition(" (")[0],
        _output("valgrind", "--version").replace("valgrind-", "valgrind "),
    ]
    return ", ".join(parts)


def today():
    return time.strftime("%Y-%m-%d")


def _output(*command):
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
