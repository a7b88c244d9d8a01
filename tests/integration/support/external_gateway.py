"""A gateway and mocks that run elsewhere, such as those of docker-compose.yml, instead of those that the tests start.

Tests that start their own gateway are skipped in this case, see `start_gateway`.
"""

import json
import os
import subprocess
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import urlsplit

from mocks.keys import SigningKey
from mocks.providers import RecordedRequest
from mocks.world import World

EXTERNAL = json.loads(Path(path).read_text()) if (path := os.environ.get("EXTERNAL_GATEWAY")) else None
"""The description that tests/compose/test.sh has written, or `None`."""
SERVICE_PORT = 8080
SERVICES = {
    "openai": "openai",
    "anthropic": "anthropic",
    "google": "google",
    "compatible": "vllm",
    "bedrock": "bedrock",
}
"""The name of each mock provider in docker-compose.yml."""
ISSUER = f"http://identity-provider:{SERVICE_PORT}"


class ExternalWorld:
    """The part of `World` that tests use, for servers that run elsewhere.

    `description` is written by tests/compose/test.sh. `ports` says where each mock is published on this machine, and
    `signing_key` names the file with the identity provider's key, for tests that mint tokens.
    """

    def __init__(self, description):
        ports = description["ports"]
        world = World(issuer=ISSUER, identity_provider_port=ports["identity_provider"])
        self.identity_provider = world.identity_provider
        if key := description["signing_key"]:
            self.identity_provider.keys = [SigningKey.from_pem(Path(key).read_bytes())]
        self.sigv4_verifier = None  # the mock of Bedrock then checks everything except the signature itself
        self.aws_credential = world.aws_credential
        for name, service in SERVICES.items():
            setattr(self, name, ExternalProvider(getattr(world, name), service, ports[name]))


class ExternalProvider:
    """A mock provider. The gateway reaches it at `base_url`, the tests at `url`."""

    def __init__(self, mock, service, port):
        self.api_key = mock.api_key
        self.port = port
        self.url = f"http://127.0.0.1:{port}"
        self.base_url = f"http://{service}:{SERVICE_PORT}{urlsplit(mock.base_url).path}"
        self.judge = getattr(mock, "judge", None)
        self.requests = ExternalRequests(self.url)


class ExternalRequests(Sequence):
    """The requests that a mock provider has recorded, fetched again on each access."""

    def __init__(self, url):
        self._url = url + "/_mock/requests"

    def __getitem__(self, index):
        return self._fetch()[index]

    def __len__(self):
        return len(self._fetch())

    def __iter__(self):
        return iter(self._fetch())

    def __add__(self, other):
        return [*self, *other]

    def clear(self):
        """Delete the recorded requests."""
        with urllib.request.urlopen(urllib.request.Request(self._url, method="DELETE"), timeout=10):
            pass

    def _fetch(self):
        with urllib.request.urlopen(self._url, timeout=10) as reply:
            return [recorded(document) for document in json.load(reply)]


def recorded(document):
    """A recorded request from its JSON form."""
    headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in document.pop("headers")]
    return RecordedRequest(headers=headers, body=document.pop("body").encode(), **document)


class ExternalGateway:
    """The part of `Gateway` that tests of the shared gateway use."""

    def __init__(self, description):
        self.url = description["gateway_url"]
        self.port = urlsplit(self.url).port
        self.admin_url = description["admin_url"]
        self._log_command = description["log_command"]

    def stats(self, prefix=""):
        """Envoy's counters and gauges whose names start with `prefix`."""
        with urllib.request.urlopen(f"{self.admin_url}/stats?format=json&type=All", timeout=10) as reply:
            stats = json.load(reply)["stats"]
        return {s["name"]: s["value"] for s in stats if "value" in s and s["name"].startswith(prefix)}

    def running(self):
        """Whether Envoy is ready."""
        with urllib.request.urlopen(f"{self.admin_url}/ready", timeout=10) as reply:
            return reply.status == 200

    def log(self):
        """Everything that Envoy and the filter have logged, including the access log."""
        done = subprocess.run(
            self._log_command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=30, check=True
        )
        return done.stdout.decode(errors="replace")
