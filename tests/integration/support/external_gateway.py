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


class RunsElsewhere:
    """Stands for an object in another process: it has the attributes given, and none of them can be changed.

    A test that changes a mock must fail here too, instead of changing something that nobody uses.
    """

    def __init__(self, name, **attributes):
        vars(self).update(_name=name, **attributes)

    def __getattr__(self, attribute):
        raise AttributeError(self._refusal(attribute))

    def __setattr__(self, attribute, value):
        raise AttributeError(self._refusal(attribute))

    def __delattr__(self, attribute):
        raise AttributeError(self._refusal(attribute))

    def __repr__(self):
        return f"<{vars(self)['_name']}, which runs in another process>"

    def _refusal(self, attribute):
        return (
            f"{self!r} has no attribute `{attribute}` that a test could read or change: "
            "control it over HTTP, as by x-mock-status, or keep the test out of tests/compose/test.sh"
        )


class ExternalWorld(RunsElsewhere):
    """What the tests know of the mocks: `World`, whose servers run elsewhere.

    `description` is written by tests/compose/test.sh. `ports` says where each mock is published on this machine, and
    `signing_key` names the file with the identity provider's key, for tests that mint tokens.
    """

    def __init__(self, description):
        ports = description["ports"]
        world = World(issuer=ISSUER, identity_provider_port=ports["identity_provider"])
        super().__init__(
            "the world of mocks",
            identity_provider=external_identity_provider(world.identity_provider, description["signing_key"]),
            sigv4_verifier=None,  # the mock of Bedrock checks everything of a signature but itself
            aws_credential=world.aws_credential,
            **{
                name: ExternalProvider(getattr(world, name), service, ports[name]) for name, service in SERVICES.items()
            },
        )


def external_identity_provider(provider, key_file):
    """Makes tokens here, with the key of the one that runs elsewhere."""
    if key_file:
        provider.keys = [SigningKey.from_pem(Path(key_file).read_bytes())]
    return RunsElsewhere(
        "the mock identity provider",
        issuer=provider.issuer,
        url=provider.url,
        keys=tuple(provider.keys),
        claims=provider.claims,
        mint=provider.mint,
    )


class ExternalProvider(RunsElsewhere):
    """A mock provider: `base_url` is where the gateway finds it, `url` where the tests do."""

    def __init__(self, mock, service, port):
        url = f"http://127.0.0.1:{port}"
        attributes = {}
        if judge := getattr(mock, "judge", None):
            attributes["judge"] = RunsElsewhere(f"the judge of signatures of the mock {service}", region=judge.region)
        super().__init__(
            f"the mock {service}",
            api_key=mock.api_key,
            port=port,
            url=url,
            base_url=f"http://{service}:{SERVICE_PORT}{urlsplit(mock.base_url).path}",
            requests=ExternalRequests(url),
            **attributes,
        )


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
