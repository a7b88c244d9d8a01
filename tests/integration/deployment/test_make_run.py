"""`make run`'s gateway: as many as one likes, and what it says when it cannot run."""

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
    """Its first example's URL and token, and its configuration's file."""
    process = subprocess.Popen(COMMAND, cwd=PROJECT, stdout=subprocess.PIPE, text=True)
    try:
        said = ""
        for line in process.stdout:
            said += line
            if line.startswith("Configuration"):
                break
        url = re.search(r"^curl (\S+)", said, re.MULTILINE)[1]
        yield url, re.search(r"Bearer (\S+)'", said)[1], said.split()[-1]
    finally:
        process.terminate()
        process.communicate(timeout=20)


def ask(url, token):
    return requests.post(
        url, json={"model": "m", "messages": []}, headers={"authorization": f"Bearer {token}"}, timeout=10
    )


def test_a_second_one_leaves_the_first_alone():
    with running() as (url, token, file):
        with running() as (other_url, other_token, other_file):
            assert (url == other_url, file == other_file) == (False, False)
            assert ask(other_url, other_token).status_code == 200
            assert ask(url, token).status_code == 200
        assert ask(url, token).status_code == 200


@pytest.mark.parametrize("envoy", ["/nowhere/envoy", ""])
def test_without_an_envoy_it_says_what_to_do(envoy):
    environment = {name: value for name, value in os.environ.items() if name != "ENVOY"} | {"ENVOY": envoy}
    done = subprocess.run(COMMAND, cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (1, "")
    assert "make run" in done.stderr and "Traceback" not in done.stderr
