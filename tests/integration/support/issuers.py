"""Identity providers for tests that break them or change their keys, and what a gateway does with their tokens."""

from contextlib import contextmanager

from mocks.client_credentials import Client
from mocks.identity_provider import IdentityProvider
from mocks.world import AUDIENCE, PERMISSIONS
from support.gateway_config import provider
from support.raw_http import CHAT, ask, bearer, request

# More connections than it takes to meet every worker, so good as surely.
CONNECTIONS = 16


def identity_provider(**options):
    """One with a client that may do everything; not started."""
    client = Client("secret", (AUDIENCE,), {"permissions": list(PERMISSIONS)})
    return IdentityProvider({"client": client}, **options)


@contextmanager
def running(*servers):
    """Runs the servers, whichever of them are still up, to the end of the block."""
    try:
        for server in servers:
            server.start()
        yield servers
    finally:
        for server in servers:
            server.stop()


def trusting(world, *issuers):
    """A configuration with one provider; an issuer is an identity provider, or its entry as a dictionary."""
    return {"authentication": {"issuers": list(issuers)}, "providers": [provider("my-openai", "openai", world.openai)]}


def entry(issuer, **fields):
    """The issuer's entry in the configuration: by discovery, unless the fields say otherwise."""
    return {"issuer": issuer.issuer, "audiences": [AUDIENCE], **fields}


def verdict(gateway, token, **options):
    """What the gateway says to a request with this token: its status and code."""
    answer = ask(gateway, request(CHAT, bearer(token)), **options)
    return answer.status, answer.code


def verdicts(gateway, token):
    """What the workers say, each of them."""
    return {verdict(gateway, token) for _ in range(CONNECTIONS)}
