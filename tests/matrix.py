"""`make test-matrix`: runs the integration tests in each supported Envoy version and writes the table in README.md.

`python -m tests.matrix 1.36.4 1.40.0` runs only these versions and keeps the other rows. With `--reset` before the versions,
no tests are run and the rows say so. Use it after a change that makes the old counts meaningless.

A failed test is run again once. If it passes, the row counts it as flaky. The line above the table has a checksum of the
rows, so that tests/integration/source/test_matrix.py fails if the table is edited by hand.
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
"""The last column of the table."""

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
    """The table in README.md was changed since this program wrote it."""


def main(arguments):
    """Returns the exit status, which is 1 if a test failed in any version. Flaky tests do not count as failed."""
    reset = arguments[:1] == ["--reset"]
    versions = arguments[reset:] or list(VERSIONS)
    if unknown := set(versions) - set(VERSIONS):
        print(f"not a supported version of Envoy: {', '.join(sorted(unknown))}", file=sys.stderr)
        return 2
    if reset:
        write(dict.fromkeys(versions, NOT_RUN))
        return 0
    read(README.read_text())  # fail now, not after an hour of tests, if the table cannot be written
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
    """The path of this version of Envoy, which is installed if necessary."""
    environment = os.environ | {"ENVOY_VERSION": version, "ENVOY": ""}
    script = PROJECT / "tools" / "find-envoy.sh"
    return subprocess.run([script], env=environment, stdout=subprocess.PIPE, text=True, check=True).stdout.strip()


def pytest(envoy, *options):
    """Runs the integration tests in this Envoy and returns their output."""
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
    """Runs all tests and counts the outcomes. `pytest` runs them with the given options and returns the output."""
    with tempfile.TemporaryDirectory() as directory:
        cache = ["-o", f"cache_dir={directory}/cache"]
        first, second = Path(directory, "first.xml"), Path(directory, "second.xml")
        output = pytest(f"--junitxml={first}", *cache)
        results = outcomes(first)
        if "failed" not in results.values():
            return count(results)
        print(output)
        print("pytest: running the failed tests again", flush=True)
        output = pytest(f"--junitxml={second}", *cache, "--last-failed", "--last-failed-no-failures=none")
        results = merge(results, outcomes(second))
        if "failed" in results.values():
            print(output)
        return count(results)


def outcomes(report):
    """The outcome of each test from pytest's JUnit report. If there is no report, pytest itself failed."""
    if not report.exists():
        return {("", "pytest"): "failed"}
    results = {}
    for case in ElementTree.parse(report).iter("testcase"):
        test = case.get("classname"), case.get("name")
        # A test is listed twice if its teardown fails, too.
        if case.find("failure") is not None or case.find("error") is not None:
            results[test] = "failed"
        else:
            results.setdefault(test, "passed" if case.find("skipped") is None else "skipped")
    return results


def merge(first, second):
    """Combines the outcomes of the first run with those of the second run of the failed tests."""
    return {test: "flaky" if (old, second.get(test)) == ("failed", "passed") else old for test, old in first.items()}


def count(results):
    """The number of tests for each outcome. If no test was run, pytest itself counts as failed."""
    return Counter(results.values()) or Counter(failed=1)


def describe(counts):
    """The counts in words."""
    return ", ".join(f"{counts[what]:,} {WORDS.get(what, what)}" for what in ORDER if counts[what])


def write(results):
    """Writes the dates and results of these versions to the table and keeps the other rows."""
    text = README.read_text()
    known = dict.fromkeys(VERSIONS, NOT_RUN) | read(text) | results
    rows = "".join(f"| {version} | {' | '.join(known[version])} | {works} |\n" for version, works in VERSIONS.items())
    marker = f"<!-- written by tests/matrix.py, checksum {checksum(HEAD + rows)} -->\n"
    README.write_text(TABLE.sub(lambda _: marker + HEAD + rows, text))


def read(text):
    """The date and result of each version in the table. Raises `EditedByHand`."""
    tables = list(TABLE.finditer(text))
    if len(tables) != 1:
        raise EditedByHand(f"README.md has {len(tables)} tables of Envoy versions with a checksum line, expected one")
    (table,) = tables
    if table["checksum"] != checksum(table["head"] + table["rows"]):
        raise EditedByHand(
            "README.md's table of Envoy versions was edited by hand. Restore it, or run `python -m tests.matrix`"
        )
    return {row["version"]: (row["date"], row["result"]) for row in ROW.finditer(table["rows"])}


def checksum(table):
    """A checksum of the table's text."""
    return f"{zlib.crc32(table.encode()):08x}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
