"""The memory of an Envoy process, as reported by the kernel."""

import re
from pathlib import Path

GIGABYTE = 1 << 30


def resident_bytes(pid):
    """The resident memory of the process."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024


def vm_bytes(pid):
    """The linear memory of all VMs. V8 reserves gigabytes for each VM, and makes only the used part accessible."""
    total, opened = 0, []
    for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
        extent, rights = line.split()[:2]
        start, end = (int(address, 16) for address in extent.split("-"))
        if rights == "---p" and end - start > GIGABYTE and opened and opened[-1][1] == start:
            total += opened[-1][1] - opened[-1][0]
        opened = [(start, end)] if rights == "rw-p" else []
    return total
