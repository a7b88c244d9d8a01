"""Measures the memory that requests and open streams leave behind."""

import time

from support.load import Load
from support.open_streams import OpenStreams
from tools.memory import resident_bytes, vm_bytes

KIB = 1024
MIB = 1024 * 1024
WARM_UP_S = 4
# More tokens than the cache of 1,000 can hold.
TOKENS = 1500


def sizes(gateway):
    """The memory of all VMs and of the process."""
    time.sleep(1.5)  # memory is released at the next tick
    return vm_bytes(gateway.pid), resident_bytes(gateway.pid)


def growth_by_requests(gateway, directory, issuer, requests, rate):
    """The growth of the VMs and of the process in bytes over `requests` requests, after a warm-up."""
    tokens = [issuer.mint() for _ in range(TOKENS)]
    with Load(gateway, directory, *tokens, seconds=WARM_UP_S, rate=rate):
        pass
    vms, process = sizes(gateway)
    with Load(gateway, directory, *tokens, requests=requests, rate=rate) as load:
        pass
    assert set(load.result["statuses"]) == {"200"}, load.summary()
    vms_after, process_after = sizes(gateway)
    print(
        f"{load.summary()}; VMs {vms / MIB:.2f} → {vms_after / MIB:.2f} MiB, "
        f"process {process / MIB:.1f} → {process_after / MIB:.1f} MiB"
    )
    return load.result["requests"], vms_after - vms, process_after - process


def cost_of_streams(gateway, streams: OpenStreams, token, count):
    """The VM memory per open stream in bytes, and the further growth when as many streams are opened again."""
    streams.open(gateway, token, 10)
    assert streams.end() == 10
    before, process = sizes(gateway)
    streams.open(gateway, token, count)
    streams.send(3)
    open_vms, open_process = sizes(gateway)
    assert streams.end() == count
    streams.open(gateway, token, count)
    streams.send(3)
    again, _ = sizes(gateway)
    assert streams.end() == count
    each = (open_vms - before) / count
    print(
        f"{count} open streams: VMs {before / MIB:.2f} → {open_vms / MIB:.2f} MiB, {each:.0f} bytes for each "
        f"(process {(open_process - process) / count / KIB:.1f} KiB for each); as many again: {again / MIB:.2f} MiB"
    )
    return each, again - open_vms
