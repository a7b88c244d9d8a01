"""Many requests at a fixed rate, by the load generator of `make bench`, and the upstream that it brings along."""

import json
import subprocess
from contextlib import contextmanager

from raw import CHAT, bearer, request

from tools.gateway import PROJECT

PROGRAM = PROJECT / "bench/load/target/release/load"
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
    """The port of a provider that answers at once, whoever asks; a question with `"stream": true` by 100 events."""
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
    """Requests with these tokens in turn, so many `requests` or for so many `seconds`, which the end of the block waits
    for; `result` has what came of them.
    """

    def __init__(self, gateway, directory, *tokens, rate, connections=CONNECTIONS, **end):
        file = directory / "requests"
        questions = [request(CHAT, bearer(token), body=QUESTION) for token in tokens]
        file.write_bytes(b"".join(b"%d\n%b" % (len(question), question) for question in questions))
        words = [word for name, value in end.items() for word in (f"--{name}", value)]
        words += ["--rate", rate, "--connections", connections]
        self._command = [PROGRAM, "drive", str(gateway.port), file, *map(str, words)]
        self._process = None

    def __enter__(self):
        self._process = subprocess.Popen(
            self._command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        return self

    def __exit__(self, *_):
        output = self._process.communicate()[0]
        assert self._process.returncode == 0, output
        self.result = json.loads(output)

    @property
    def is_over(self):
        return self._process.poll() is not None

    @property
    def rate(self):
        return self.result["requests"] / self.result["seconds"]

    def told(self):
        """The figures, for people."""
        told = {name: self.result[name] for name in ("requests", "statuses", "reopened", "resent", "p99_us")}
        return f"{self.rate:.0f} requests/s: {told}"
