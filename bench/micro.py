"""`python -m bench.micro`: measures each module of the filter, native and in Wasm, and writes docs/micro-benchmarks.md.

The benchmarks are in bench/micro. In Wasm they run in Node, which has the same engine as Envoy, V8.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tools.gateway import PROJECT

from . import report

CRATE = PROJECT / "bench/micro"
DOCUMENT = PROJECT / "docs/micro-benchmarks.md"
TARGET = "wasm32-wasip1"
UNITS = ((1e9, "s"), (1e6, "ms"), (1e3, "µs"), (1, "ns"))


def main():
    build()
    build("--target", TARGET)
    arguments = ["--bench", "--noplot", "--quiet", *sys.argv[1:]]
    native = figures(lambda results: run([PROJECT / "target/release/micro", *arguments], CRITERION_HOME=results))
    module = PROJECT / "target" / TARGET / "release/micro.wasm"
    node = ["node", "--no-warnings", "--no-liftoff", CRATE / "run.mjs", module]
    wasm = figures(lambda results: run([*node, results, *arguments]))
    lines = table(native, wasm)
    print(lines)
    if not sys.argv[1:]:
        DOCUMENT.write_text(document(lines))
        print(f"\nwritten to {DOCUMENT.relative_to(PROJECT)}")


def build(*options):
    print(f"cargo: building the micro-benchmarks {' '.join(options)}".rstrip(), file=sys.stderr, flush=True)
    subprocess.run(["cargo", "build", "--quiet", "--release", *options], cwd=CRATE, check=True)


def run(command, **environment):
    done = subprocess.run(
        [str(argument) for argument in command],
        env=os.environ | environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(done.stderr)


def figures(measure):
    """Nanoseconds by group and name, with the number of bytes if the benchmark processes bytes."""
    found = {}
    with tempfile.TemporaryDirectory() as results:
        measure(results)
        for file in Path(results).glob("**/new/benchmark.json"):
            benchmark = json.loads(file.read_text())
            samples = json.loads(file.with_name("sample.json").read_text())
            fastest_ns = min(time / count for time, count in zip(samples["times"], samples["iters"], strict=True))
            throughput = benchmark["throughput"] or {}
            group, name = benchmark["full_id"].split("/", 1)
            found[group, name] = (fastest_ns / throughput.get("Elements", 1), throughput.get("Bytes"))
    return found


def table(native, wasm):
    rows = [("", "native", "in Wasm", "×")]
    for key, (native_ns, size) in sorted(native.items()):
        wasm_ns, _ = wasm[key]
        times = (format_time(ns) + (f" ({size / ns * 1e3:,.0f} MB/s)" if size else "") for ns in (native_ns, wasm_ns))
        rows.append((": ".join(key), *times, f"{wasm_ns / native_ns:.1f}"))
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["| " + " | ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) + " |" for row in rows]
    rule = "| " + " | ".join(["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]) + " |"
    return "\n".join([lines[0], rule, *lines[1:]])


def format_time(ns):
    scale, unit = next((scale, unit) for scale, unit in UNITS if ns >= scale or scale == 1)
    return f"{ns / scale:.3g} {unit}"


def document(lines):
    node = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    rustc = subprocess.run(["rustc", "--version"], capture_output=True, text=True, check=True).stdout.split()[1]
    return f"""# Micro-benchmarks

Written by `make bench-micro` on {report.today()}; do not edit. {report.machine()}, rustc {rustc}, Node {node}.

The time that each module of the filter takes by itself, measured with [criterion](https://docs.rs/criterion) on one thread, without
Envoy or another host. Each figure is the fastest of twenty samples, because other load on the machine can only add time. "In Wasm" is
the same code, compiled like the filter with `simd128`, in Node's V8. V8's baseline compiler is off, because Envoy's V8 also compiles
the whole module with its optimising compiler.

{lines}

- Signatures are verified in Wasm only if the host does not do it (`signature_verifier` in the
  [configuration](configuration.md#authentication)). RSA keys have 2,048 bits.
- For a new token, add the time to verify its signature.
- SigV4 includes the body's hash and the signature. The signing key of the day is cached.
- A framer splits a stream into events. "Usage" adds the search for tokens, model and finish reason.
- Decoders read 100 events of a chat completion's stream.
"""


if __name__ == "__main__":
    main()
