"""`python -m bench [write|check|quick]` measures everything.

`write` writes docs/performance.md, and `check` compares the results with the budgets. `quick` does neither, and takes less
than three minutes.
"""

import argparse
import json
import os
import shutil
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from tools.gateway import PROJECT

from . import cases, measure, report
from .budgets import budgets
from .cases import BEDROCK_CASES, CHAT_CASES, STREAM_CASES, UPLOAD_CASES, WorkNotDoneError
from .proxy import CPUS, ProxyError

RESULTS = PROJECT / ".local/bench.json"
DOCUMENT = PROJECT / "docs/performance.md"
REQUEST_CASES = CHAT_CASES + BEDROCK_CASES
START_CASES = tuple(
    case for case in REQUEST_CASES if case.name in ("bare", "native", "bedrock-native", "floor", "ours")
)
VARIANTS = tuple(dict.fromkeys(case.variant for case in REQUEST_CASES))


def main():
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("action", nargs="?", choices=("write", "check", "quick"), default="write")
    parser.add_argument(
        "--rounds",
        type=int,
        default=os.environ.get("ROUNDS"),
        help=f"rounds of the CPU time measurement (default: {measure.FULL.rounds})",
    )
    arguments = parser.parse_args()
    require_tools()
    pace = measure.QUICK if arguments.action == "quick" else measure.FULL
    if arguments.rounds:
        pace = replace(pace, rounds=arguments.rounds)
    results = run(os.environ["ENVOY"], pace)
    limits = budgets(results)
    RESULTS.write_text(json.dumps(results, indent=1))
    print(report.summary(results, limits))
    if arguments.action == "quick":
        return 0
    if arguments.action == "check":
        return 0 if all(budget.holds for budget in limits) else 1
    DOCUMENT.write_text(report.document(results, limits))
    print(f"\nwritten to {DOCUMENT.relative_to(PROJECT)}")
    return 0


def require_tools():
    if not Path("/proc/self/task").exists():
        sys.exit("The benchmark reads /proc, so it runs on Linux only.")
    for tool in ("valgrind", "callgrind_control"):
        if not shutil.which(tool):
            sys.exit(f"{tool} is missing: install valgrind (on Debian or Ubuntu: sudo apt-get install valgrind)")


def run(envoy, pace):
    """Run all measurements. This takes about four minutes, or two and a half with `QUICK`."""
    results = {
        "date": report.today(),
        "machine": report.machine(),
        "versions": report.versions(envoy),
        "rounds": pace.rounds,
        "modules": measure.module_sizes(),
    }
    with tempfile.TemporaryDirectory() as directory:
        bench = measure.Bench(envoy, directory)
        results["token_bytes"] = len(bench.tokens[0])
        try:
            log("start and memory")
            results["starts"] = measure.starts(bench, START_CASES)
            with bench.proxies(cases.ALL) as proxies:
                log(f"CPU time, {pace.rounds} rounds")
                options = {"seconds": pace.round_s}
                results["cpu"] = measure.cpu_rounds(bench, proxies, REQUEST_CASES, pace.rounds, **options)
                results["resident_mb"] = {case.name: proxies[case.variant].resident_mb() for case in START_CASES}
                log("latency at a fixed rate")
                results["latencies"] = measure.latencies(bench, proxies, REQUEST_CASES, pace.latency_s)
                log("streams")
                options = {"requests": measure.STREAMS_IN_A_ROUND, "connections": measure.STREAMS_AT_ONCE}
                results["streams"] = measure.cpu_rounds(bench, proxies, STREAM_CASES, pace.rounds, **options)
                results["first_bytes"] = measure.first_bytes(bench, proxies, STREAM_CASES, pace.rounds)
                log("uploads")
                options = {"requests": measure.UPLOADS_IN_A_ROUND, "connections": 1}
                results["uploads"] = measure.cpu_rounds(bench, proxies, UPLOAD_CASES, pace.rounds, **options)
            with bench.proxies(BEDROCK_CASES[-1:]) as proxies:
                results["growth"] = measure.growth(bench, proxies, UPLOAD_CASES[-1])
            log("instructions")
            with ThreadPoolExecutor(len(CPUS)) as pool:
                counted = pool.map(lambda variant: instructions(bench, variant), VARIANTS)
                results["instructions"] = {name: count for counts in counted for name, count in counts.items()}
        finally:
            bench.close()
    return results


def instructions(bench, variant):
    """The instruction counts of all cases of this variant, measured in one Envoy."""
    some_cases = [case for case in REQUEST_CASES + STREAM_CASES if case.variant is variant]
    with bench.proxies(some_cases, under_callgrind=True) as proxies:
        return {case.name: measure.instructions(bench, proxies, case) for case in some_cases}


def log(step):
    print(f"bench: {time.strftime('%H:%M:%S')} {step}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (ProxyError, WorkNotDoneError) as error:
        sys.exit(str(error))
