"""`make run`: several gateways at the same time, and errors that say what is missing."""

import os
import re
import subprocess
import sys
from contextlib import contextmanager

import pytest
import requests

from tools.gateway import PROJECT

COMMAND = [sys.executable, "-m", "tools.run"]


@contextmanager
def running():
    """The URL and token of the first printed example, and the configuration file."""
    process = subprocess.Popen(COMMAND, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    try:
        output = ""
        for line in process.stdout:
            output += line
            if line.startswith("Configuration"):
                break
        url = re.search(r"^curl (\S+)", output, re.MULTILINE)[1]
        yield url, re.search(r"Bearer (\S+)'", output)[1], output.split()[-1]
    finally:
        process.terminate()
        process.communicate(timeout=20)


def ask(url, token):
    return requests.post(
        url, json={"model": "m", "messages": []}, headers={"authorization": f"Bearer {token}"}, timeout=10
    )


def test_two_gateways_run_side_by_side():
    with running() as (url, token, file):
        with running() as (other_url, other_token, other_file):
            assert (url == other_url, file == other_file) == (False, False)
            assert ask(other_url, other_token).status_code == 200
            assert ask(url, token).status_code == 200
        assert ask(url, token).status_code == 200


@pytest.mark.parametrize("envoy", ["/nowhere/envoy", ""])
def test_without_envoy_the_error_says_what_to_do(envoy):
    environment = {name: value for name, value in os.environ.items() if name != "ENVOY"} | {"ENVOY": envoy}
    done = subprocess.run(COMMAND, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (1, "")
    assert "make run" in done.stderr and "Traceback" not in done.stderr
