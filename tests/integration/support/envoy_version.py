"""Which Envoy these tests run in, and what it cannot do."""

import os
import re
import subprocess


def version():
    """As numbers, `(1, 40, 0)`; zeros where the gateway runs elsewhere."""
    if "ENVOY" not in os.environ:
        return 0, 0, 0
    told = subprocess.run([os.environ["ENVOY"], "--version"], capture_output=True, text=True, timeout=30, check=True)
    return tuple(map(int, re.search(r"/(\d+)\.(\d+)\.(\d+)", told.stdout).groups()))


VERSION = version()
