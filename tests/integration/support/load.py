"""Sends requests at a fixed rate with the load generator of `make bench`, and runs the upstream that comes with it."""

import json
import subprocess
import time
from contextlib import contextmanager

from support.raw_http import CHAT, bearer, request
from tools.gateway import PROJECT

PROGRAM = PROJECT / "target/release/load"
QUESTION = b'{"model":"gpt-4o","messages":[{"role":"user","content":"hello"}]}'
ANSWER = {
    "id": "chatcmpl-0123456789",
    "object": "chat.completion",
    "model": "gpt-4o",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "hello"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 9, "completion_tokens": 12, "total_tokens": 21},
}
CONNECTIONS = 32


@contextmanager
def upstream(directory):
    """Run a provider that answers at once, and yield its port. It answers `"stream": true` with 100 events."""
    answer = directory / "answer.json"
    answer.write_text(json.dumps(ANSWER))
    process = subprocess.Popen(
        [PROGRAM, "upstream", answer, answer], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait()


class Load:
    """Sends requests with these tokens in turn.

    The end of the block waits for `requests` requests, or without that number, until `seconds` have passed. The outcome
    is in `result`.
    """

    def __init__(self, gateway, directory, *tokens, rate, connections=CONNECTIONS, requests=None, seconds=0):
        file = directory / "requests"
        questions = [request(CHAT, bearer(token), body=QUESTION) for token in tokens]
        file.write_bytes(b"".join(b"%d\n%b" % (len(question), question) for question in questions))
        words = ["--rate", rate, "--connections", connections]
        if requests:
            words += ["--requests", requests]
        self._seconds = seconds
        self._command = [PROGRAM, "drive", str(gateway.port), file, *map(str, words)]
        self._process = None

    def __enter__(self):
        self._process = subprocess.Popen(
            self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        self._began = time.monotonic()
        return self

    def __exit__(self, *_):
        time.sleep(max(0, self._began + self._seconds - time.monotonic()))
        output = self._process.communicate()[0]
        assert self._process.returncode == 0, output
        self.result = json.loads(output)

    @property
    def rate(self):
        return self.result["requests"] / self.result["seconds"]

    def summary(self):
        """The figures, for people to read."""
        summary = {name: self.result[name] for name in ("requests", "statuses", "reopened", "resent", "p99_us")}
        return f"{self.rate:.0f} requests/s: {summary}"
