"""Child processes that do not outlive their parent."""

import shutil
import signal
import subprocess

STOP_TIMEOUT_S = 10


def start(command, log, environment=None):
    """Starts a program whose output goes to the open file `log`; Ctrl-C is for the parent, which then stops it."""
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
    """By SIGTERM, and by SIGKILL where that does not help; the exit status."""
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(STOP_TIMEOUT_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    return process.returncode
