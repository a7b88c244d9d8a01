"""AWS's own signer, tests/sigv4-verifier, as a child process."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from .credential import AwsCredential

STOP_TIMEOUT_S = 5


@dataclass(frozen=True)
class Signable:
    """The signed parts of a request. `path_and_query` is in wire format, `time` in that of `x-amz-date`."""

    method: str
    path_and_query: str
    headers: Sequence[tuple[str, str]]
    body_sha256: str
    region: str
    service: str
    time: str


@dataclass(frozen=True)
class Signed:
    """The `Authorization` value that AWS's signer produces, and the canonical request that it signed."""

    authorization: str
    canonical_request: str


class SigV4Verifier:
    """Signs requests with AWS's own crate. Starts the program on the first request, and is thread-safe."""

    def __init__(self, program: str | Path) -> None:
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def sign(self, signable: Signable, credential: AwsCredential) -> Signed:
        """Raises `ValueError` if the request cannot be signed, and `OSError` if the program is missing."""
        line = json.dumps({**asdict(signable), **asdict(credential)}).encode() + b"\n"
        with self._lock:
            if self._process is None:
                self._process = subprocess.Popen([self._program], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            assert self._process.stdin is not None and self._process.stdout is not None
            self._process.stdin.write(line)
            self._process.stdin.flush()
            answer = json.loads(self._process.stdout.readline())
        if "error" in answer:
            raise ValueError(answer["error"])
        return Signed(**answer)

    def stop(self) -> None:
        """Stop the process. The next request starts another one."""
        with self._lock:
            if self._process is not None:
                self._process.communicate(timeout=STOP_TIMEOUT_S)
                self._process = None
