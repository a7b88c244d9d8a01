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
    ("calls", "native", "our calls of the host and no work / native, cached"),
    ("ours", "calls", "ours, token cached / our calls of the host and no work"),
    ("ours-logged", "native", "ours with all fields of the access log / native, cached"),
    ("ours-new", "native-new", "ours, each token new / native, no cache"),
    ("bedrock-ours", "bedrock-native", "ours, SigV4 / native, cached, with aws_request_signing"),
)


def median(values):
    return statistics.median(values)


def paired(cpu, case, base):
    """CPU of one case to that of another, round by round."""
    return [one / other for one, other in zip(cpu[case]["cpu_us"], cpu[base]["cpu_us"], strict=True)]


def upload_mb_per_s(results, case):
    """How fast bodies go through what this case has beyond the bare router: the medians' difference."""
    uploads = results["uploads"]
    extra_us = median(uploads[case]["cpu_us"]) - median(uploads["upload-bare"]["cpu_us"])
    return cases.UPLOAD_BYTES / extra_us if extra_us > 0 else float("inf")


def document(results, budgets):
    """docs/performance.md."""
    rounds = results["rounds"]
    repeats, repeats_of_events = (
        max(results["instructions"][case.name]["repeats"] for case in some_cases)
        for some_cases in (cases.CHAT_CASES + cases.BEDROCK_CASES, cases.STREAM_CASES)
    )
    load_cpu = "another" if LOAD_CPU != PROXY_CPU else "the same, for want of another: CPU time is noisier still"
    return f"""# Performance

Written by `make bench` on {results["date"]}; do not edit. Ratios travel to other machines, microseconds do not.

## Against Envoy's own filters

In the same Envoy, in the same run, the same requests.

{_pairs(results)}

Budgets (`make bench-check` fails where one is exceeded):

```
{_lines(budgets)}
```

**Which column to believe.** Instructions are what Envoy executes in user space for one request, counted by callgrind
after warm-up; here they repeated within {repeats:.1%}, those of streams within {repeats_of_events:.0%}.
The kernel's part is not in them, and valgrind's CPU has no SHA and no ADX instructions, so that native crypto (RS256, SigV4) is overstated: the instructions of the last two rows look
better for us than they are, and their CPU time is the fairer figure. CPU time is what the scheduler
counts for the Envoy process, in {rounds} rounds in which the cases take turns; a ratio is of one round, and the median
is shown with its quartiles. On a busy machine CPU time of the same work may double for a while: differences of less than
a tenth mean little. Requests/s, p99 and the time to readiness are the machine's as much as Envoy's.

## Requests

A chat completion: body {cases.CHAT_BODY_BYTES} bytes, answer {cases.ANSWER_BYTES} bytes, RS256 token of {results["token_bytes"]} bytes, {len(cases.SDK_HEADERS) + 4} headers; {measure.CONNECTIONS} connections
that are kept, each with one request under way. Latency at {measure.FIXED_RATE} requests/s.

{_requests(results, cases.CHAT_CASES)}

Bedrock `invoke` with a body of {cases.BEDROCK_BODY_BYTES} bytes. The native chain gets the provider's path from the client, since its signer
signs the path before the route rewrites it.

{_requests(results, cases.BEDROCK_CASES)}

"In Wasm" are the instructions of the filter itself, as V8 has compiled it; the rest beyond the bare router is the
crossing of the VM's border and what the host does at the filter's request.

## Streams

CPU time: {cases.EVENTS} events, one each {cases.GAP_MS} ms, {measure.STREAMS_AT_ONCE} streams at once; a stream's request is shared out among its events. Instructions:
what streams of {measure.LONG_STREAM} events cost beyond streams of {measure.SHORT_STREAM}, one each {measure.SLOW_GAP_MS} ms, {measure.FEW_STREAMS} streams at once; their requests are not in it.
First byte: from a stream's request to the first byte of its answer, one stream at a time, medians of {measure.FIRST_BYTES_IN_A_ROUND}.

{_streams(results)}

## Uploads of 10 MB to Bedrock

{_uploads(results)}

{_growth(results)}

## Memory, size and start

{_starts(results)}

Memory is that of the whole process, whose module is compiled once, with a VM for the main thread and one for its one worker. V8 compiles
the whole module before Envoy is ready.

## Method

{_machine(results)}

- The shipped `envoy/bootstrap.yaml`, with one worker on a CPU of its own, the access log off, and other HTTP filters in
  place of ours. The load and the upstream, which answers at once, share {load_cpu}.
- Each variant is first seen to do its work: no token or a forged one gives 401, a good one without the permission 403;
  the upstream got the right path, its own key or a signature that holds, and not the client's token.
- Instructions: callgrind counts two loads of different size after a warm-up of {measure.WARM_UP_REQUESTS} requests, and the difference
  is shared out.
- "Our calls and no work": `bench/same_calls`, a filter that reads, writes and measures as much through the host as ours
  does for this request, and nothing else; no filter that does our work through proxy-wasm can cost less.
- The access log is off, and so are its fields, which each cost a call (`observability.log_fields`), but where it says
  otherwise.
- "Each token new": {cases.EACH_NEW} tokens in turn, where caches hold {cases.EACH_NEW // 2}.
- `make bench` repeats all this, `make bench-profile` shows where the filter's instructions go, function by function.
"""


def summary(results, budgets):
    """For the terminal."""
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
    return _table(("an event", "instr.", "over bare", "CPU µs", "× bare, paired", "first byte µs"), rows)


def _uploads(results):
    rows = []
    for case in cases.UPLOAD_CASES:
        cpu = [cost / 1000 for cost in results["uploads"][case.name]["cpu_us"]]
        speed = "" if case.name == "upload-bare" else f"{upload_mb_per_s(results, case.name):,.0f}"
        rows.append((case.title, _spread(cpu, ".0f"), speed))
    return _table(("an upload", "CPU ms", "MB/s through what is beyond bare"), rows)


def _growth(results):
    grown = results["growth"]
    vm, resident = grown["vm_mb"], grown["resident_mb"]
    return (
        f"Before an upload, after one, after {measure.UPLOADS_TO_GROW} more: the VMs' linear memory, of main thread and worker "
        f"together, is {vm[0]:.2f}, {vm[1]:.2f}, {vm[2]:.2f} MB; the process has {resident[0]:.0f}, {resident[1]:.0f}, "
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


def _spread(values, form):
    if len(values) < 2:
        return f"{values[0]:{form}}"
    lower, middle, upper = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:{form}} [{lower:{form}}–{upper:{form}}]"


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
    """This machine, as far as it matters and no further."""
    info = Path("/proc/cpuinfo").read_text()
    model = re.search(r"model name\s*:\s*(.*)", info)
    flags = set(re.search(r"flags\s*:\s*(.*)", info)[1].split()) if "flags" in info else set()
    sha = "with" if "sha_ni" in flags else "without"
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
    name = model[1].strip() if model else platform.machine()
    return f"{len(CPUS)} CPUs ({name}, {sha} SHA instructions), {memory:.0f} GB"


def versions(envoy):
    """Of all that the figures depend on."""
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
