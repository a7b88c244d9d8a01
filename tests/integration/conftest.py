"""Fixtures of all integration tests: one set of mock servers, and one Envoy with the built filter.

Tests that change the configuration or break the identity provider start their own gateway with `start_gateway`. If
EXTERNAL_GATEWAY names a file that tests/compose/test.sh has written, all other tests use a gateway and mocks that run
elsewhere.
"""

import os
import re
import resource

import pytest

from mocks.aws import ContainerCredentials, InstanceMetadata, Role, SecurityTokenService
from mocks.tls import CertificateAuthority
from mocks.world import World
from support.command import Command
from support.external_gateway import EXTERNAL, ExternalGateway, ExternalWorld
from support.gateway_config import CONTAINER_TOKEN, EXTERNAL_ID, PREFIX, ROLE, SIGV4_VERIFIER, configuration
from support.scripted_provider import ScriptedProvider
from tools.gateway import Gateway

REPORTED_LOG_LINES = 60
SDK_VARIABLES = ("OPENAI_", "ANTHROPIC_", "GOOGLE_", "GEMINI_", "AWS_")

gateways = []


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(call):
    """Add the last log lines of each gateway that ran during a failed test; access log fields without a value are left out."""
    report = yield
    if report.failed:
        for gateway in gateways:
            if gateway.running() or gateway.log_file.stat().st_mtime >= call.start:
                lines = gateway.log().splitlines()[-REPORTED_LOG_LINES:]
                lines = [re.sub(r'"[\w.]+":null,?', "", line) for line in lines]
                report.sections.append((f"log of the gateway at {gateway.url}", "\n".join(lines)))
    return report


@pytest.fixture(scope="session", autouse=True)
def plain_environment():
    """Hide variables and files of this machine that the SDKs or the filter would read."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith(SDK_VARIABLES) or name.lower().endswith("_proxy"):
                patch.delenv(name)
        patch.setenv("AWS_CONFIG_FILE", os.devnull)
        patch.setenv("AWS_SHARED_CREDENTIALS_FILE", os.devnull)
        yield


@pytest.fixture(scope="session")
def world():
    """The mock identity provider and the mock LLM providers."""
    if EXTERNAL:
        yield ExternalWorld(EXTERNAL)
        return
    with World(sigv4_verifier=SIGV4_VERIFIER) as world:
        yield world


@pytest.fixture(autouse=True)
def clear_recordings(world):
    """Clear the requests that the mocks have recorded, so that each test sees only its own."""
    for mock in (world.openai, world.anthropic, world.google, world.compatible, world.bedrock):
        mock.requests.clear()


@pytest.fixture(scope="session")
def start_gateway(tmp_path_factory):
    """Start Envoy with a filter configuration. The caller may stop it with `with`. All are stopped at the end."""

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
    """The shared gateway. Tests do not change it."""
    if EXTERNAL:
        return ExternalGateway(EXTERNAL)
    return start_gateway(configuration(world))


@pytest.fixture(scope="session")
def authority(tmp_path_factory):
    """A certificate authority. Clients of its servers trust `authority.certificate`."""
    return CertificateAuthority(tmp_path_factory.mktemp("authority"))


@pytest.fixture(scope="module")
def scripted(world, start_gateway):
    """A provider with scripted responses, and a gateway that has it as `scripted`."""
    with ScriptedProvider() as upstream:
        one = {"name": "scripted", "type": "openai", "base_url": upstream.url, "api_key": {"value": "mock-key"}}
        with start_gateway(configuration(world) | {"providers": [one]}) as gateway:
            yield upstream, gateway


@pytest.fixture
def command(tmp_path):
    """The command `ai-gateway-filter`, with its own home directory."""
    if EXTERNAL:
        pytest.skip("needs the mocks at the addresses that the gateway uses")
    home = tmp_path / "home"
    home.mkdir()
    return Command(home)


@pytest.fixture(scope="module")
def many_files():
    """Raise the limit of open files to the system's maximum, for this process and its children."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield hard
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def token(world):
    """A valid token."""
    return world.identity_provider.mint()


@pytest.fixture
def proxy_url(gateway):
    """The proxy URL of a provider."""
    return lambda name: f"{gateway.url}{PREFIX}/{name}"


@pytest.fixture
def bedrock(world):
    """The mock of Bedrock, which accepts no credential yet."""
    before = world.bedrock.judge.credentials
    world.bedrock.judge.credentials = []
    yield world.bedrock
    world.bedrock.judge.credentials = before


@pytest.fixture
def container():
    """A mock of the container credentials endpoint."""
    with ContainerCredentials(authorization_token=CONTAINER_TOKEN) as endpoint:
        yield endpoint


@pytest.fixture
def imds():
    """A mock of the instance metadata service."""
    with InstanceMetadata() as endpoint:
        yield endpoint


@pytest.fixture
def sts(world):
    """A mock of the Security Token Service, which knows one role and no caller yet."""
    roles = {ROLE: Role(EXTERNAL_ID, max_duration_s=7200)}
    with SecurityTokenService([], roles=roles, verifier=world.sigv4_verifier) as endpoint:
        yield endpoint
