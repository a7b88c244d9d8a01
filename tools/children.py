"""Child processes that do not outlive their parent."""

import shutil
import signal
import subprocess

STOP_TIMEOUT_S = 10


def start(command, log, environment=None):
    """Start a program with its output in the open file `log`. It ignores Ctrl-C, so that the parent can stop it properly."""
    if setpriv := shutil.which("setpriv"):  # also when the parent is killed
        command = [setpriv, "--pdeathsig", "KILL", *command]
    return subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=environment,
        start_new_session=True,
    )


def stop(process):
    """Stop a process with SIGTERM, or SIGKILL if that has no effect, and return its exit status."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return process.returncode
