"""What the integration tests share: one mock world and one Envoy with the built filter.

Tests that change the configuration or break the identity provider start a gateway of their own, by `start_gateway`.
With EXTERNAL_GATEWAY, a file that tests/compose/test.sh writes, all the others use a gateway and mocks that run elsewhere.
"""

import json
import os
import re
import resource
from pathlib import Path

import pytest

from command import Command
from external import ExternalGateway, ExternalWorld
from mocks.aws import ContainerCredentials, InstanceMetadata, Role, SecurityTokenService
from mocks.tls import CertificateAuthority
from mocks.world import AUDIENCE, World
from scripted_provider import ScriptedProvider
from tools.gateway import PROJECT, Gateway

PREFIX = "/llm/v1/providers"
CONTAINER_TOKEN = "mock-container-authorization-token"
ROLE = "arn:aws:iam::123456789012:role/mock-bedrock-role"
EXTERNAL_ID = "external id/+&="
SIGV4_VERIFIER = PROJECT / "tests/sigv4-verifier/target/debug/sigv4-verifier"
# Who may check signatures, and what the log says of it.
VERIFIERS = {
    "host": "signatures are checked by the host",
    "wasm": "signatures are checked in Wasm, as configured",
}
SHOWN_LOG_LINES = 60
SDK_VARIABLES = ("OPENAI_", "ANTHROPIC_", "GOOGLE_", "GEMINI_", "AWS_")

EXTERNAL = json.loads(Path(path).read_text()) if (path := os.environ.get("EXTERNAL_GATEWAY")) else None

gateways = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call):
    """A failed test shows what the gateways that run, or ran during it, have logged last: of requests what has a value."""
    report = yield
    if report.failed:
        for gateway in gateways:
            if gateway.running() or gateway.log_file.stat().st_mtime >= call.start:
                log = re.sub(r'"[\w.]+":null,?', "", gateway.log())
                lines = log.splitlines()[-SHOWN_LOG_LINES:]
                report.sections.append((f"log of the gateway at {gateway.url}", "\n".join(lines)))
    return report


@pytest.fixture(scope="session", autouse=True)
def plain_environment():
    """What the SDKs and the filter would find on this machine does not count."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(SDK_VARIABLES) or name.lower().endswith("_proxy"):
                patch.delenv(name)
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        yield


def configuration(world):
    """A provider of each type, all mocks, with a key of their own."""
    return {
        "authentication": {"issuers": [{"issuer": world.identity_provider.issuer, "audiences": [AUDIENCE]}]},
        "providers": [
            provider("my-openai", "openai", world.openai),
            provider("my-anthropic", "anthropic", world.anthropic),
            provider("my-google", "google", world.google),
            provider("my-vllm", "openai_compatible", world.compatible),
            {
                "name": "my-claude",
                "type": "anthropic",
                "base_url": world.anthropic.base_url,
                "authorization_passthrough": True,
            },
            provider("my-disabled", "openai", world.openai) | {"enabled": False},
        ],
    }


def provider(name, kind, mock):
    return {"name": name, "type": kind, "base_url": mock.base_url, "api_key": {"value": mock.api_key}}


@pytest.fixture(scope="session")
def world():
    if EXTERNAL:
        yield ExternalWorld(EXTERNAL)
        return
    with World(sigv4_verifier=SIGV4_VERIFIER) as world:
        yield world


@pytest.fixture(autouse=True)
def nothing_recorded(world):
    """Each test finds in the mocks' recordings only what it caused."""
    for mock in (world.openai, world.anthropic, world.google, world.compatible, world.bedrock):
        mock.requests.clear()


@pytest.fixture(scope="session")
def start_gateway(tmp_path_factory):
    """Starts Envoy with a filter configuration. Who starts one may stop it, by `with`; all are stopped at the end."""

    def start(configuration, **options):
        if EXTERNAL:
            pytest.skip("needs a gateway of its own")
        gateway = Gateway(tmp_path_factory.mktemp("gateway"), os.environ["ENVOY"], **options)
        gateway.start(configuration)
        gateways.append(gateway)
        return gateway

    yield start
    for gateway in gateways:
        gateway.stop()


@pytest.fixture(scope="session")
def gateway(world, start_gateway):
    """The gateway that most tests use; they do not change it."""
    if EXTERNAL:
        return ExternalGateway(EXTERNAL)
    return start_gateway(configuration(world))


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """Issues certificates; who talks to its servers trusts `authority.certificate`."""
    return CertificateAuthority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def scripted(world, start_gateway):
    """A provider that answers by a script, and a gateway where it is called `scripted`."""
    with ScriptedProvider() as upstream:
        one = {"name": "scripted", "type": "openai", "base_url": upstream.url, "api_key": {"value": "mock-key"}}
        with start_gateway(configuration(world) | {"providers": [one]}) as gateway:
            yield upstream, gateway


@pytest.fixture
def command(tmp_path):
    """The command `ai-gateway-filter`, in a home of its own."""
    if EXTERNAL:
        pytest.skip("needs the mocks where the gateway sees them")
    home = tmp_path / "home"
    home.mkdir()
    return Command(home)


@pytest.fixture(scope="module")
def many_files():
    """As many sockets as the system allows, here and in processes that are started meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def token(world):
    return world.identity_provider.mint()


@pytest.fixture
def proxy_url(gateway):
    """The proxy URL of a provider."""
    return lambda name: f"{gateway.url}{PREFIX}/{name}"


@pytest.fixture
def bedrock(world):
    """The mock of Bedrock, which knows no credential yet."""
    before = world.bedrock.judge.credentials
    world.bedrock.judge.credentials = []
    yield world.bedrock
    world.bedrock.judge.credentials = before


@pytest.fixture
def container():
    """A container's credentials endpoint."""
    with ContainerCredentials(authorization_token=CONTAINER_TOKEN) as endpoint:
        yield endpoint


@pytest.fixture
def imds():
    """An instance's metadata service."""
    with InstanceMetadata() as endpoint:
        yield endpoint


@pytest.fixture
def sts(world):
    """The Security Token Service, which knows a role, but no caller yet."""
    roles = {ROLE: Role(EXTERNAL_ID, max_duration_s=7200)}
    with SecurityTokenService([], roles=roles, verifier=world.sigv4_verifier) as endpoint:
        yield endpoint
