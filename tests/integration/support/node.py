"""Calls the SDKs for Node.js, in one process for the calls of many tests."""

import json
import os
import shutil
import subprocess
import threading
from concurrent.futures import Future

import pytest

from tools.gateway import PROJECT

SETUP = PROJECT / "tools/setup-node.sh"
NODE_PACKAGES = PROJECT / "tests/node"
SCRIPT = NODE_PACKAGES / "clients.mjs"
TIMEOUT_S = 30


def node():
    """The path of Node.js, once the packages of tests/node are installed."""
    setup = subprocess.run([SETUP], capture_output=True, text=True)
    if setup.returncode:
        pytest.fail(setup.stderr, pytrace=False)
    return shutil.which("node", path=setup.stdout.strip())


class NodeClients:
    """A process with the given modules of tests/node/clients."""

    def __init__(self, *modules, trusted=None, environment=None):
        known = {"PATH": os.environ["PATH"], "NODE_NO_WARNINGS": "1", **(environment or {})}
        if trusted is not None:
            known["NODE_EXTRA_CA_CERTS"] = str(trusted)
        # Before Node.js 22, the browsers' WebSocket is behind this option.
        command = [node(), "--experimental-websocket", SCRIPT, *modules]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
        self._process = subprocess.Popen(command, env=known, **pipes)
        self._waiting = {}
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def call(self, client, operation, **options):
        """The outcome of one call."""
        answer = Future()
        call = {"id": id(answer), "client": client, "operation": operation, **options}
        self._waiting[call["id"]] = answer
        self._process.stdin.write(json.dumps(call) + "\n")
        self._process.stdin.flush()
        return answer.result(TIMEOUT_S)

    def stop(self):
        """Stop the process."""
        self._process.kill()
        self._process.wait()
        self._reader.join()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def _read(self):
        for line in self._process.stdout:
            outcome = json.loads(line)
            self._waiting.pop(outcome.pop("id")).set_result(outcome)
