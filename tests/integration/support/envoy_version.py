"""The version of the Envoy that the tests use. Some features depend on it."""

import os
import re
import subprocess


def version():
    """The version as numbers such as `(1, 40, 0)`, or zeros if the gateway runs elsewhere."""
    if "ENVOY" not in os.environ:
        return 0, 0, 0
    output = subprocess.run([os.environ["ENVOY"], "--version"], capture_output=True, text=True, timeout=30, check=True)
    return tuple(map(int, re.search(r"/(\d+)\.(\d+)\.(\d+)", output.stdout).groups()))


VERSION = version()
