"""`python -m bench.profile [CASE …]` shows which functions of the filter execute the most instructions.

V8 provides no function names to callgrind. However, V8 calls a compiled function through its jump table, which has an
eight-byte slot for each function, in module order. The addresses that callgrind records are therefore positions in this table.
The allocator functions, which are called equally often, reveal the start of the table. The function names come from a build
that is not stripped.
"""

import os
import re
import subprocess
import sys
import tempfile

from tools.gateway import PROJECT

from . import bootstraps, callgrind, cases, measure
from .__main__ import require_tools

NAMED = PROJECT / "target/named/wasm32-wasip1/release/ai_gateway_filter.wasm"
SLOT_BYTES = 8
REQUESTS = 500
MAX_ROWS = 40
CUSTOM_SECTION, IMPORT_SECTION, FUNCTION_NAMES = 0, 2, 1


def main():
    wanted = sys.argv[1:] or ["ours", "bedrock-ours"]
    require_tools()
    subprocess.run(
        [
            "cargo",
            "build",
            "--quiet",
            "--release",
            "--package",
            "ai-gateway-filter",
            "--target",
            "wasm32-wasip1",
            "--target-dir",
            "target/named",
        ],
        cwd=PROJECT,
        env=os.environ | {"CARGO_PROFILE_RELEASE_STRIP": "false"},
        check=True,
    )
    bootstraps.FILTER = NAMED
    names = function_names(NAMED.read_bytes())
    with tempfile.TemporaryDirectory() as directory:
        bench = measure.Bench(os.environ["ENVOY"], directory)
        try:
            for name in wanted:
                case = next(case for case in cases.ALL if case.name == name)
                with bench.proxy(case.variant, under_callgrind=True) as proxy:
                    bench.drive(case, proxy, requests=measure.WARM_UP_REQUESTS)
                    proxy.start_counting()
                    for _ in range(2):  # the first run includes code that callgrind has not seen yet
                        bench.drive(case, proxy, requests=REQUESTS)
                        file = proxy.profile()
                    print(table(case, callgrind.Profile(file), names))
        finally:
            bench.close()


def table(case, profile, names):
    """The most expensive functions per request: their own cost, and the cost of the host calls that they make."""
    start = table_start(profile, names)

    def name_of(function):
        address = callgrind.compiled_address(function)
        if address is None:
            return None
        return names.get((address - start) // SLOT_BYTES) if (address - start) % SLOT_BYTES == 0 else None

    total, compiled = profile.total() / REQUESTS, profile.compiled() / REQUESTS
    lines = [f"\n{case.name}: {total:,.0f} instructions per request, {compiled:,.0f} of them in Wasm\n"]
    lines += ["    self    calls  function"]
    for function, count in profile.instructions.most_common():
        if callgrind.compiled_address(function) and len(lines) < MAX_ROWS:
            calls = profile.calls[function] / REQUESTS
            name = demangled(name_of(function) or "(wrappers and builtins of V8)")
            lines.append(f"{count / REQUESTS:8,.0f} {calls:8.1f}  {name}")
    lines += ["\n  inside    calls    each  into the host, from"]
    into_host = [
        (inside / REQUESTS, calls / REQUESTS, name_of(caller))
        for (caller, callee), (calls, inside) in profile.edges.items()
        if name_of(caller) and not name_of(callee)
    ]
    for inside, calls, name in sorted(into_host, reverse=True)[:MAX_ROWS]:
        lines.append(f"{inside:8,.0f} {calls:8.1f} {inside / max(calls, 0.01):7,.0f}  {demangled(name)}")
    return "\n".join(lines)


def table_start(profile, names):
    """The start of the jump table: the one with which the two busiest functions are dlmalloc and dlfree."""
    indices = {name: index for index, name in names.items() if name in ("dlmalloc", "dlfree")}
    distance = (indices["dlfree"] - indices["dlmalloc"]) * SLOT_BYTES
    calls = {callgrind.compiled_address(function): count for function, count in profile.calls.items()}
    pairs = [
        address for address in calls if address and abs(calls.get(address + distance, 0) - calls[address]) < REQUESTS
    ]
    return max(pairs, key=calls.get) - indices["dlmalloc"] * SLOT_BYTES


def demangled(name):
    """The readable form of a mangled name."""
    parts = re.findall(r"\d+([A-Za-z_][A-Za-z0-9_$.]*?)(?=\d|E|$|B\d|Nt|NC|INv)", name)
    if name.startswith("_ZN"):
        parts, rest = [], name[3:]
        while match := re.match(r"(\d+)", rest):
            size, start = int(match[1]), match.end()
            parts.append(rest[start : start + size])
            rest = rest[start + size :]
        parts = parts[:-1]  # the hash
    return "::".join(parts) if name.startswith("_") and parts else name


def function_names(module):
    """The names of the module's own functions by index, imports not counted."""
    imported, names = 0, {}
    at = 8
    while at < len(module):
        kind = module[at]
        size, at = leb128(module, at + 1)
        end = at + size
        if kind == IMPORT_SECTION:
            imported, _ = leb128(module, at)  # all imports of this module are functions
        if kind == CUSTOM_SECTION:
            length, at = leb128(module, at)
            if module[at : at + length] == b"name":
                at += length
                while at < end:
                    part = module[at]
                    size, at = leb128(module, at + 1)
                    if part == FUNCTION_NAMES:
                        names = dict(name_map(module, at))
                    at += size
        at = end
    return {index - imported: name for index, name in names.items() if index >= imported}


def name_map(module, at):
    count, at = leb128(module, at)
    for _ in range(count):
        index, at = leb128(module, at)
        length, at = leb128(module, at)
        yield index, module[at : at + length].decode()
        at += length


def leb128(data, at):
    """The number at this position, and the position after it."""
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return value, at


if __name__ == "__main__":
    main()
