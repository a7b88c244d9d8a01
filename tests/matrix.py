"""`make test-matrix`: runs the integration tests in each supported Envoy, one after another, and writes README.md's table.

`python -m tests.matrix 1.36.4 1.40.0` runs them in these versions alone, and keeps the other rows. `--reset` before the
versions runs nothing and writes that they were not run, which is for changes after which the old counts say nothing.

A test that fails is run again once. If it passes then, its row calls it flaky. Above the table is a checksum of its rows,
so that an edit by hand fails a test (tests/integration/source/test_matrix.py).
"""

import datetime
import os
import re
import subprocess
import sys
import tempfile
import zlib
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

PROJECT = Path(__file__).resolve().parent.parent
README = PROJECT / "README.md"

VERSIONS = {
    "1.36.4": "everything but [tracing](examples/tracing/README.md)",
    "1.37.0": "everything",
    "1.38.2": "everything",
    "1.39.3": "everything",
    "1.40.0": "everything",
}
"""What the last column says."""

HEAD = """\
| Envoy | last run | integration tests | what works |
| --- | --- | --- | --- |
"""
TABLE = re.compile(
    r"^<!-- written by tests/matrix\.py, checksum (?P<checksum>[0-9a-f]{8}) -->\n"
    r"(?P<head>(?:\|.*\n){2})(?P<rows>(?:\|.*\n)*)",
    re.MULTILINE,
)
ROW = re.compile(r"\| (?P<version>[^|]+) \| (?P<date>[^|]+) \| (?P<result>[^|]+) \| (?P<works>[^|]+) \|\n")

ORDER = ("failed", "passed", "flaky", "skipped")
WORDS = {"flaky": "flaky (passed when run again)"}
NOT_RUN = ("—", "not run since the last change")


class EditedByHand(Exception):
    """The table in README.md is not as this program wrote it."""


def main(arguments):
    """The exit status: 1 when a test failed in any version, flaky tests aside."""
    reset = arguments[:1] == ["--reset"]
    versions = arguments[reset:] or list(VERSIONS)
    if unknown := set(versions) - set(VERSIONS):
        print(f"not a supported version of Envoy: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    if reset:
        write(dict.fromkeys(versions, NOT_RUN))
        return 0
    read(README.read_text())  # a table that cannot be written is an error now, not in an hour
    status = 0
    for version in versions:
        print(f"pytest: integration tests in Envoy {version}", flush=True)
        envoy = find_envoy(version)
        counts = run(lambda *options, envoy=envoy: pytest(envoy, *options))
        if counts["failed"]:
            status = 1
        write({version: (datetime.date.today().isoformat(), describe(counts))})
    return status


def find_envoy(version):
    """Where this version of Envoy is, installed if need be."""
    environment = os.environ | {"ENVOY_VERSION": version, "ENVOY": ""}
    script = PROJECT / "tools" / "find-envoy.sh"
    return subprocess.run([script], env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def pytest(envoy, *options):
    """All that the integration tests print in this Envoy."""
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/integration", *options],
        cwd=PROJECT,
        env=os.environ | {"ENVOY": envoy},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    return done.stdout


def run(pytest):
    """How many tests passed and so on. `pytest` runs all tests with these options, and returns what they print."""
    with tempfile.TemporaryDirectory() as directory:
        cache = ["-o", f"cache_dir={directory}/cache"]
        first, second = Path(directory, "first.xml"), Path(directory, "second.xml")
        output = pytest(f"--junitxml={first}", *cache)
        results = outcomes(first)
        if "failed" not in results.values():
            return count(results)
        print(output)
        print("pytest: the failed tests once more", flush=True)
        output = pytest(f"--junitxml={second}", *cache, "--last-failed", "--last-failed-no-failures=none")
        results = merge(results, outcomes(second))
        if "failed" in results.values():
            print(output)
        return count(results)


def outcomes(report):
    """Each test's outcome by pytest's JUnit report. Without a report, pytest itself failed."""
    if not report.exists():
        return {("", "pytest"): "failed"}
    results = {}
    for case in ElementTree.parse(report).iter("testcase"):
        test = case.get("classname"), case.get("name")
        # A test whose teardown fails as well is there twice.
        if case.find("failure") is not None or case.find("error") is not None:
            results[test] = "failed"
        else:
            results.setdefault(test, "passed" if case.find("skipped") is None else "skipped")
    return results


def merge(first, second):
    """The outcomes of a run and of the failed tests' second run."""
    return {test: "flaky" if (old, second.get(test)) == ("failed", "passed") else old for test, old in first.items()}


def count(results):
    """How many tests had each outcome; pytest counts as failed if it ran none."""
    return Counter(results.values()) or Counter(failed=1)


def describe(counts):
    """The counts in words."""
    return ", ".join(f"{counts[what]:,} {WORDS.get(what, what)}" for what in ORDER if counts[what])


def write(results):
    """Puts the dates and results of these versions into the table, and keeps the others."""
    text = README.read_text()
    known = dict.fromkeys(VERSIONS, NOT_RUN) | read(text) | results
    rows = "".join(f"| {version} | {' | '.join(known[version])} | {works} |\n" for version, works in VERSIONS.items())
    marker = f"<!-- written by tests/matrix.py, checksum {checksum(HEAD + rows)} -->\n"
    README.write_text(TABLE.sub(lambda _: marker + HEAD + rows, text))


def read(text):
    """The date and result of each version in the table. Raises `EditedByHand`."""
    tables = list(TABLE.finditer(text))
    if len(tables) != 1:
        raise EditedByHand(f"README.md has {len(tables)} tables of Envoy versions that say who wrote them")
    (table,) = tables
    if table["checksum"] != checksum(table["head"] + table["rows"]):
        raise EditedByHand(
            "README.md's table of Envoy versions was edited by hand: restore it, or run `python -m tests.matrix`"
        )
    return {row["version"]: (row["date"], row["result"]) for row in ROW.finditer(table["rows"])}


def checksum(table):
    """Of the table's text."""
    return f"{zlib.crc32(table.encode()):08x}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
