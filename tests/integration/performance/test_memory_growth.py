"""Memory does not grow over many requests, and an open stream takes little. `make soak` runs a longer version."""

import pytest

from support.gateway_config import single_openai_provider
from support.issuers import identity_provider, running
from support.load import upstream
from support.memory import KIB, MIB, cost_of_streams, growth_by_requests
from support.open_streams import open_streams

REQUESTS, RATE = 10_000, 2000
STREAMS = 1000


def test_requests_do_not_grow_memory(start_gateway, tmp_path):
    with running(identity_provider()) as (issuer,), upstream(tmp_path) as port:
        gateway = start_gateway(single_openai_provider(issuer, port), concurrency=2)
        _, vms, process = growth_by_requests(gateway, tmp_path, issuer, REQUESTS, RATE)
    assert vms <= 256 * KIB
    assert process <= 16 * MIB


@pytest.mark.usefixtures("many_files")
def test_an_open_stream_takes_at_most_4_kib_of_vm_memory(start_gateway):
    with running(identity_provider()) as (issuer,), open_streams() as streams:
        gateway = start_gateway(single_openai_provider(issuer, streams.port), concurrency=1)
        each, growth = cost_of_streams(gateway, streams, issuer.mint(), STREAMS)
    assert each <= 4 * KIB
    assert growth <= 256 * KIB
