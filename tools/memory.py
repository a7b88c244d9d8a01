"""Memory of an Envoy process, as the kernel tells it."""

import re
from pathlib import Path

GIGABYTE = 1 << 30


def resident_bytes(pid):
    """What the process has in memory."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def vm_bytes(pid):
    """Linear memory of all VMs: V8 reserves gigabytes for each, of which it opens what is in use."""
    total, opened = 0, []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        extent, rights = line.split()[:2]
        start, end = (int(address, 16) for address in extent.split("-"))
        if rights == "---p" and end - start > GIGABYTE and opened and opened[-1][1] == start:
            total += opened[-1][1] - opened[-1][0]
        opened = [(start, end)] if rights == "rw-p" else []
    return total
