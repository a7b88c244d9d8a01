"""Reads a streamed response in a thread while the test continues."""

import json
import threading

import httpx

from support.client import wait_until
from support.raw_http import CHAT


class Stream:
    """A streamed response that takes two seconds, read by its own thread."""

    def __init__(self, gateway, token, target=CHAT):
        self.events = []
        self._request = {
            "method": "POST",
            "url": gateway.url + target,
            "headers": {"authorization": f"Bearer {token}", "x-mock-stream": "chunks=20,interval_ms=100"},
            "json": {"model": "m", "messages": [], "stream": True},
        }
        self._thread = threading.Thread(target=self._read)

    def __enter__(self):
        self._thread.start()
        wait_until(lambda: self.events)
        return self

    def __exit__(self, *_):
        self._thread.join()

    def _read(self):
        with httpx.stream(**self._request) as response:
            self.events += (line.removeprefix("data: ") for line in response.iter_lines() if line)

    def pieces(self):
        deltas = [json.loads(event)["choices"][0]["delta"] for event in self.events[:-1]]
        return [delta["content"] for delta in deltas if delta.get("content")]
