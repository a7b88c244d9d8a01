"""Identity providers for tests that break them or rotate their keys, and the gateway's verdicts on their tokens."""

from contextlib import contextmanager

from mocks.client_credentials import Client
from mocks.identity_provider import IdentityProvider
from mocks.world import AUDIENCE, PERMISSIONS
from support.gateway_config import provider
from support.raw_http import CHAT, ask, bearer, request

# Enough connections to reach every worker with near certainty.
CONNECTIONS = 16


def identity_provider(**options):
    """An identity provider with one client that has all permissions. It is not started yet."""
    client = Client("secret", (AUDIENCE,), {"permissions": list(PERMISSIONS)})
    return IdentityProvider({"client": client}, **options)


@contextmanager
def running(*servers):
    """Run the servers until the end of the block. A server may be stopped earlier."""
    try:
        for server in servers:
            server.start()
        yield servers
    finally:
        for server in servers:
            server.stop()


def trusting(world, *issuers):
    """A configuration with one provider. Each issuer is an identity provider, or its configuration entry as a dictionary."""
    return {"authentication": {"issuers": list(issuers)}, "providers": [provider("my-openai", "openai", world.openai)]}


def entry(issuer, **fields):
    """The issuer's configuration entry, which uses discovery unless `fields` say otherwise."""
    return {"issuer": issuer.issuer, "audiences": [AUDIENCE], **fields}


def verdict(gateway, token, **options):
    """The status and error code of a request with this token."""
    answer = ask(gateway, request(CHAT, bearer(token)), **options)
    return answer.status, answer.code


def verdicts(gateway, token):
    """The set of verdicts of all workers."""
    return {verdict(gateway, token) for _ in range(CONNECTIONS)}
