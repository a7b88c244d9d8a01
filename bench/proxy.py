"""Runs the measured Envoy, pinned to one CPU or under callgrind."""

import json
import os
import subprocess
import time
import urllib.request
from contextlib import contextmanager
from pathlib import Path

from tools import children, memory
from tools.gateway import free_port

READY_TIMEOUT_S = 30
READY_TIMEOUT_UNDER_VALGRIND_S = 300
CPUS = sorted(os.sched_getaffinity(0))
PROXY_CPU, LOAD_CPU = CPUS[0], CPUS[-1]
CALLGRIND = ("valgrind", "--tool=callgrind", "--instr-atstart=no", "--quiet")


class ProxyError(Exception):
    """Envoy failed to start or to respond. The message ends with its log."""


@contextmanager
def pinned(*cpus):
    """Pin all child processes that this thread starts in the block to these CPUs."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, cpus)
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


class Proxy:
    """An Envoy with one of the bootstraps. `start_s` and `start_cpu_s` are the time and CPU time that it took to start."""

    def __init__(self, directory, envoy, bootstrap, *, under_callgrind=False):
        self.directory = Path(directory)
        self.directory.mkdir(parents=True)
        self.port, self.admin_port = free_port(), free_port()
        self.log_file = self.directory / "envoy.log"
        self._profile = self.directory / "callgrind.out"
        self._dumps = 0
        bootstrap["admin"]["address"]["socket_address"]["port_value"] = self.admin_port
        listener = bootstrap["static_resources"]["listeners"][0]
        listener["address"]["socket_address"]["port_value"] = self.port
        file = self.directory / "bootstrap.json"
        file.write_text(json.dumps(bootstrap, indent=2))
        command = [envoy, "-c", file, "--concurrency", "1", "--disable-hot-restart", "--log-level", "warning"]
        if under_callgrind:
            command = [*CALLGRIND, f"--callgrind-out-file={self._profile}", *command]
        with self.log_file.open("wb") as log, pinned(*CPUS) if under_callgrind else pinned(PROXY_CPU):
            started = time.monotonic()
            self._process = children.start(command, log)
        try:
            self._wait(READY_TIMEOUT_UNDER_VALGRIND_S if under_callgrind else READY_TIMEOUT_S)
        except BaseException:
            self.stop()
            raise
        self.start_s = time.monotonic() - started
        self.start_cpu_s = self.cpu_s()

    @property
    def pid(self):
        return self._process.pid

    def stop(self):
        children.stop(self._process)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop()

    def admin(self, path):
        with urllib.request.urlopen(f"http://127.0.0.1:{self.admin_port}{path}", timeout=30) as reply:
            return reply.read().decode()

    def cpu_s(self):
        """The CPU time of all threads, user and system, which the scheduler counts in nanoseconds."""
        tasks = Path(f"/proc/{self.pid}/task").glob("*/schedstat")
        return sum(int(task.read_text().split()[0]) for task in tasks) / 1e9

    def resident_mb(self):
        return memory.resident_bytes(self.pid) / 1e6

    def vm_memory_mb(self):
        """The linear memory of all VMs together."""
        return memory.vm_bytes(self.pid) / 1e6

    def start_counting(self):
        """Start counting instructions with callgrind."""
        self._callgrind("--instr=on")

    def stop_counting(self):
        self._callgrind("--instr=off")

    def profile(self):
        """The file with callgrind's counts since the previous call or since counting started."""
        self._callgrind("--dump")
        self._dumps += 1
        file = self._profile.with_name(f"{self._profile.name}.{self._dumps}")
        deadline = time.monotonic() + 60
        while not (file.exists() and "totals:" in file.read_text()[-200:]):
            if time.monotonic() > deadline:
                raise ProxyError(f"callgrind did not write {file} within 60 s")
            time.sleep(0.05)
        return file

    def _callgrind(self, option):
        command = ["callgrind_control", option, str(self.pid)]
        done = subprocess.run(
            command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=120
        )
        if done.returncode:
            raise ProxyError(f"{' '.join(command)} failed\n{done.stdout}")

    def _wait(self, timeout_s):
        deadline = time.monotonic() + timeout_s
        while not self._ready():
            if self._process.poll() is not None:
                raise ProxyError(f"Envoy exited during startup\n{self.log_file.read_text(errors='replace')}")
            if time.monotonic() > deadline:
                raise ProxyError(
                    f"Envoy was not ready within {timeout_s} s\n{self.log_file.read_text(errors='replace')}"
                )
            time.sleep(0.005)

    def _ready(self):
        try:
            return self.admin("/ready").strip() == "LIVE"
        except OSError:
            return False
