"""Fixtures of the tests of Bedrock and its AWS credentials."""

import pytest

from support.bedrock import CONVERSE, MODEL, bearer, bedrock_configuration, target
from support.client import exchange


@pytest.fixture
def start(world, start_gateway):
    """Start a gateway whose provider has these credentials."""
    return lambda credentials, **options: start_gateway(bedrock_configuration(world, credentials), **options)


@pytest.fixture
def ask(token):
    """Send a Converse request."""
    return lambda gateway: exchange(gateway, "POST", target(f"/model/{MODEL}/converse"), [bearer(token)], CONVERSE)
