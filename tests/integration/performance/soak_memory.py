"""`make soak`: memory does not grow over a million requests and ten thousand open streams. Prints its figures."""

import pytest

from support.gateway_config import single_openai_provider
from support.issuers import identity_provider, running
from support.load import upstream
from support.memory import KIB, MIB, cost_of_streams, growth_by_requests
from support.open_streams import open_streams

REQUESTS, RATE = 1_000_000, 4000
STREAMS = 10_000
FILES = STREAMS + 2000


@pytest.mark.timeout(3600)
def test_a_million_requests_do_not_grow_memory(start_gateway, tmp_path):
    with running(identity_provider()) as (issuer,), upstream(tmp_path) as port:
        gateway = start_gateway(single_openai_provider(issuer, port), concurrency=2)
        made, vms, process = growth_by_requests(gateway, tmp_path, issuer, REQUESTS, RATE)
    assert made >= REQUESTS
    assert vms <= 256 * KIB
    assert process <= 32 * MIB


@pytest.mark.timeout(1800)
def test_ten_thousand_open_streams_take_at_most_4_kib_of_vm_memory_each(start_gateway, many_files):
    if many_files < FILES:
        pytest.skip(f"{FILES} open files are needed, but this system allows {many_files} (ulimit -Hn)")
    with running(identity_provider()) as (issuer,), open_streams() as streams:
        gateway = start_gateway(single_openai_provider(issuer, streams.port), concurrency=1)
        each, growth = cost_of_streams(gateway, streams, issuer.mint(), STREAMS)
    assert each <= 4 * KIB
    assert growth <= MIB
