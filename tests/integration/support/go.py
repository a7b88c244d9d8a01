"""Calls the SDKs for Go, which are programs in tests/go that run once per call."""

import functools
import json
import re
import subprocess
from pathlib import Path

import pytest

from tools.gateway import PROJECT

SETUP = PROJECT / "tools/setup-go.sh"
MODULES = "usr/share/gocode/src/github.com/aws"
TIMEOUT_S = 30


def call(program, operation, **options):
    """The outcome of one call."""
    done = subprocess.run(
        [_root() / program],
        input=json.dumps({"operation": operation, **options}),
        env={},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_S,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def version(module):
    """The version of a module of the AWS SDK."""
    metadata = (_root() / MODULES / module / "go_module_metadata.go").read_text()
    return re.search(r'goModuleVersion = "(.*)"', metadata).group(1)


def _root():
    """The folder with the programs and the SDK. Skips the test if it is not available."""
    setup = _setup()
    if setup.returncode:
        pytest.skip(setup.stderr.strip())
    return Path(setup.stdout.strip())


@functools.cache
def _setup():
    return subprocess.run([SETUP], capture_output=True, text=True)
