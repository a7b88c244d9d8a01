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
LOSES_A_PIECE = VERSION < (1, 39, 0)
"""With allow_on_headers_stop_iteration, when a request that was held back goes on: of what comes next, a piece."""


def held_back_safely(plugin):
    """For `edit_plugin`: leaves that option out where it does harm, as README.md says."""
    if LOSES_A_PIECE:
        del plugin["allow_on_headers_stop_iteration"]
