"""`make test-matrix`: the integration tests in each supported Envoy, one after another, and README.md's table of them.

`python -m tests.matrix 1.36.4 1.40.0` runs these alone, and leaves the other rows of the table as they are.
"""

import os
import re
import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).resolve().parent.parent
README = PROJECT / "README.md"
ROW = re.compile(r"^\| (?P<version>\d+\.\d+\.\d+) \| .* \| .* \|$", re.MULTILINE)

# What stands in the last column.
VERSIONS = {
    "1.36.4": "everything but [tracing](examples/tracing/README.md)",
    "1.37.0": "everything",
    "1.38.2": "everything",
    "1.39.3": "everything",
    "1.40.0": "everything",
}


def main(chosen):
    """The exit status: 1 when a test failed in any of them."""
    failed = []
    for version in chosen or VERSIONS:
        print(f"pytest: integration tests in Envoy {version}", flush=True)
        counts, output = run(version)
        if counts.get("failed") or counts.get("error"):
            failed.append(version)
            print(output)
        write(version, told(counts))
    return 1 if failed else 0


def run(version):
    """How many tests passed, failed and so on, and all that they printed."""
    found = subprocess.run(
        [PROJECT / "tools" / "find-envoy.sh"],
        env=os.environ | {"ENVOY_VERSION": version, "ENVOY": ""},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "tests/integration"],
        cwd=PROJECT,
        env=os.environ | {"ENVOY": found.stdout.strip()},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    last = done.stdout.rstrip().rpartition("\n")[2]
    counts = {
        what.removesuffix("s"): int(count) for count, what in re.findall(r"(\d+) (passed|failed|skipped|errors?)", last)
    }
    if not counts:
        counts = {"error": 1}
    return counts, done.stdout


def told(counts):
    """The counts in words, what is missing first."""
    order = ["failed", "error", "passed", "skipped"]
    return ", ".join(f"{counts[what]:,} {what}" for what in order if counts.get(what))


def write(version, result):
    """Puts the result into the table."""
    text = README.read_text()
    row = f"| {version} | {result} | {VERSIONS[version]} |"
    README.write_text(ROW.sub(lambda found: row if found["version"] == version else found[0], text))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
