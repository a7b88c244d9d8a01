"""The command `ai-gateway-filter` as a process, away from this machine's environment and home."""

import os
import subprocess

from tools.gateway import PROJECT

COMMAND = PROJECT / "target/debug/ai-gateway-filter"
TIME_LIMIT_S = 60


class Command:
    """Runs it with a home of its own."""

    def __init__(self, home):
        self.home = home
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home)}

    def __call__(self, *arguments, stdin="", check=None, **environment):
        """The finished process, its output as text; `check` is the exit code that must come."""
        done = subprocess.run(
            [COMMAND, *map(str, arguments)],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=TIME_LIMIT_S,
            env=self.environment | environment,
            cwd=self.home,
        )
        if check is not None:
            assert done.returncode == check, f"exit code {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done
