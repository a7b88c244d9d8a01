"""Connections to a chosen worker of a gateway."""

import re

from support.raw_http import Connection

ATTEMPTS = 200


def active_connections(gateway):
    """The number of active connections by worker."""
    pattern = re.compile(rf"listener\..*_{gateway.port}\.worker_(\d+)\.downstream_cx_active")
    found = {pattern.fullmatch(name): value for name, value in gateway.stats("listener.").items()}
    return {int(match[1]): value for match, value in found.items() if match}


def connect_to(gateway, worker):
    """Open connections until the kernel assigns one to this worker, and return it."""
    for _ in range(ATTEMPTS):
        before = active_connections(gateway)
        connection = Connection(gateway)
        while (after := active_connections(gateway)) == before:
            pass
        if after[worker] > before[worker]:
            return connection
        connection.close()
        while active_connections(gateway) != before:
            pass
    raise AssertionError(f"no connection was assigned to worker {worker}")
