"""Run the mocks in the foreground: `python -m mocks`.

Prints one line of JSON with their addresses and credentials once all listen, and ends on SIGINT or SIGTERM.
"""

from __future__ import annotations

import argparse
import json
import signal
import sys

from .world import World

PORTS = {
    "--idp-port": "identity_provider_port",
    "--openai-port": "openai_port",
    "--anthropic-port": "anthropic_port",
    "--google-port": "google_port",
    "--compatible-port": "compatible_port",
    "--bedrock-port": "bedrock_port",
}


def main() -> int:
    """The exit status: 1 when a port is taken."""
    parser = argparse.ArgumentParser(prog="python -m mocks", description="An OIDC identity provider and LLM providers.")
    parser.add_argument("--host", default="127.0.0.1", help="the address to listen on (default: %(default)s)")
    parser.add_argument("--issuer", help="the identity provider's issuer (default: its own address)")
    parser.add_argument("--sigv4-verifier", metavar="PROGRAM", help="judges signatures, see tests/sigv4-verifier")
    for option, parameter in PORTS.items():
        parser.add_argument(option, type=int, default=0, dest=parameter, metavar="PORT", help="default: a free one")
    world = World(**vars(parser.parse_args()))

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
