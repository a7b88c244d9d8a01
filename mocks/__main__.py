"""Run all mocks in the foreground with `python -m mocks`, or one of them with `python -m mocks --only openai`.

Prints their addresses and credentials as one line of JSON once all are listening. Ends on SIGINT or SIGTERM. If
MOCK_SIGNING_KEY has the PEM of an RSA key, tokens are signed with it, so that other processes can mint tokens too.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys

from .keys import SigningKey
from .world import World

PORTS = {
    "--idp-port": "identity_provider_port",
    "--openai-port": "openai_port",
    "--anthropic-port": "anthropic_port",
    "--google-port": "google_port",
    "--compatible-port": "compatible_port",
    "--bedrock-port": "bedrock_port",
}
NAMES = [parameter.removesuffix("_port") for parameter in PORTS.values()]


def main() -> int:
    """The exit status, which is 1 if a port is in use."""
    parser = argparse.ArgumentParser(prog="python -m mocks", description="An OIDC identity provider and LLM providers.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--issuer", help="the identity provider's issuer (default: its own address)")
    parser.add_argument("--sigv4-verifier", metavar="PROGRAM", help="judges signatures, see tests/sigv4-verifier")
    for option, parameter in PORTS.items():
        parser.add_argument(option, type=int, default=0, dest=parameter, metavar="PORT", help="default: a free one")
    parser.add_argument("--only", choices=NAMES, help="start this one alone")
    arguments = vars(parser.parse_args())
    only = arguments.pop("only")
    world = World(**arguments)
    if only:
        world.servers = (getattr(world, only),)
    if key := os.environ.get("MOCK_SIGNING_KEY"):
        world.identity_provider.keys = [SigningKey.from_pem(key.encode())]

    ends = {signal.SIGINT, signal.SIGTERM}
    signal.pthread_sigmask(signal.SIG_BLOCK, ends)
    try:
        with world:
            print(json.dumps(world.document()), flush=True)
            signal.sigwait(ends)
    except OSError as error:
        print(error.strerror, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
