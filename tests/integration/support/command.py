"""Runs the command `ai-gateway-filter`, isolated from this machine's environment and home directory."""

import os
import subprocess

from tools.gateway import PROJECT

COMMAND = PROJECT / "target/debug/ai-gateway-filter"
TIME_LIMIT_S = 60


class Command:
    """Runs the command with its own home directory."""

    def __init__(self, home):
        self.home = home
        self.environment = {"PATH": os.environ["PATH"], "HOME": str(home)}

    def __call__(self, *arguments, stdin="", check=None, **environment):
        """Run it and return the finished process, with output as text. `check` is the expected exit code."""
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
