"""Measures the memory that requests and open streams leave behind, and that unfinished uploads take meanwhile."""

import socket
import threading
import time

from support.load import Load
from support.open_streams import OpenStreams
from tools.memory import resident_bytes, vm_bytes

KIB = 1024
MIB = 1024 * 1024
WARM_UP_S = 4
# How long a client waits for an answer before it gives up an unfinished upload.
UNFINISHED_S = 3
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


def growth_by_uploads(gateway, target, lines, *, connections, size):
    """The growth of the process in bytes while clients send `size` bytes of unfinished bodies at once, and their answers."""
    head = [f"POST {target} HTTP/1.1", "host: gateway", "content-type: application/json", f"content-length: {size + 1}"]
    head = "".join(line + "\r\n" for line in [*head, *lines, ""]).encode()
    answers = []

    def upload():
        with socket.create_connection(("127.0.0.1", gateway.port), timeout=30) as connection:
            try:
                connection.sendall(head + b'{"x":"')
                for _ in range(size // MIB):
                    connection.sendall(b"a" * MIB)
            except OSError:
                pass
            connection.settimeout(UNFINISHED_S)
            try:
                answers.append(connection.recv(65536))
            except OSError:
                answers.append(b"")

    before = resident_bytes(gateway.pid)
    clients = [threading.Thread(target=upload) for _ in range(connections)]
    for client in clients:
        client.start()
    peak = before
    while any(client.is_alive() for client in clients):
        peak = max(peak, resident_bytes(gateway.pid))
        time.sleep(0.01)
    print(f"{connections} uploads of {size / MIB:.0f} MiB: process {before / MIB:.0f} → {peak / MIB:.0f} MiB at most")
    return peak - before, answers
