"""docker-compose.yml: the gateway has the configuration of the other tests, and each service has a health check."""

import json
import os
import shutil
import subprocess
import time
import urllib.error
import urllib.request

import pytest
import yaml

from support.bedrock import INVOKE, assert_signed_by_the_gateway, bearer, bedrock_configuration, only, target
from support.client import BEARER, OPENAI, PROMPT, exchange
from support.external_gateway import EXTERNAL, SERVICES, ExternalWorld
from support.gateway_config import configuration
from tools import image
from tools.gateway import PROJECT, READY_TIMEOUT_S

COMPOSE = yaml.safe_load((PROJECT / "docker-compose.yml").read_text())
DESCRIPTION = {"ports": dict.fromkeys(["identity_provider", *SERVICES], 1), "signing_key": None}


def full_configuration(world):
    """The configuration of the other tests with a Bedrock provider."""
    shared = configuration(world)
    return shared | {"providers": shared["providers"] + bedrock_configuration(world)["providers"]}


def test_the_filter_file_is_the_shipped_one_with_the_configuration_of_the_other_tests():
    ours, shipped = (
        yaml.safe_load((PROJECT / path / "filter.yaml").read_text()) for path in ("tests/compose/gateway", "envoy")
    )
    plugin, shipped_plugin = (document["resources"][0]["typed_config"]["config"] for document in (ours, shipped))
    assert json.loads(plugin.pop("configuration")["value"]) == full_configuration(ExternalWorld(DESCRIPTION))
    del shipped_plugin["configuration"], shipped_plugin["vm_config"]["environment_variables"]
    assert ours == shipped


def test_each_service_has_a_health_check_and_publishes_ports_only_on_loopback():
    for name, service in COMPOSE["services"].items():
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), name


def test_the_gateway_waits_until_each_mock_is_healthy():
    gateway = COMPOSE["services"].pop("gateway")
    assert gateway["depends_on"] == {name: {"condition": "service_healthy"} for name in COMPOSE["services"]}


CHANGES = {
    "a mock": lambda world: setattr(world, "openai", None),
    "a token's lifetime": lambda world: setattr(world.identity_provider, "token_lifetime_s", 30),
    "a token's lifetime, by monkeypatch": lambda world: pytest.MonkeyPatch().setattr(
        world.identity_provider, "token_lifetime_s", 30
    ),
    "the keys": lambda world: world.identity_provider.rotate(),
    "a fault": lambda world: world.identity_provider.fault.update(jwks=None),
    "the count of hits": lambda world: world.identity_provider.hits.clear(),
    "a provider's key": lambda world: setattr(world.openai, "api_key", "another"),
    "whether a provider runs": lambda world: world.anthropic.stop(),
    "AWS credentials": lambda world: setattr(world.bedrock.judge, "credentials", []),
    "AWS's clock": lambda world: setattr(world.bedrock.judge, "clock_offset_s", 600),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changing_a_mock_that_runs_in_a_container_raises_an_error(change):
    with pytest.raises(AttributeError, match="runs in another process"):
        change(ExternalWorld(DESCRIPTION))


def run_without_engine(*command, **environment):
    """Run a command with a DOCKER_HOST at which no engine answers."""
    # MAKEFLAGS and CI may be set by the `make test` that runs this test.
    inherited = {name: value for name, value in os.environ.items() if name not in ("MAKEFLAGS", "CI")}
    inherited |= {"DOCKER_HOST": "unix:///nowhere/docker.sock", **environment}
    return subprocess.run(command, cwd=PROJECT, env=inherited, capture_output=True, text=True, timeout=30)


@pytest.fixture
def in_ci(tmp_path):
    """A function that runs `make containers` with `CI=true` on a machine that has only some basic programs and the given ones."""
    for name in ("bash", "sh", "dirname", "timeout", "mkdir", "tail", "rm", "chmod", "grep", "make"):
        (tmp_path / name).symlink_to(shutil.which(name))

    def run(**programs):
        for name, body in {"id": "echo 0", **programs}.items():
            (tmp_path / name).write_text(f"#!/bin/sh\n{body}\n")
            (tmp_path / name).chmod(0o755)
        return run_without_engine(
            "make", "--silent", "--no-print-directory", "containers", CI="true", PATH=str(tmp_path)
        )

    return run


NEEDED = dict.fromkeys(["dockerd", "docker-compose", "debootstrap", "iptables", "ip", "unshare"], "")
IMPOSSIBLE = {
    "no root": (NEEDED | {"id": "echo 1000"}, "that needs root"),
    "no packages": (
        {},
        "there is no apt-get to install docker.io docker-compose debootstrap iptables iproute2 util-linux",
    ),
    "a kernel without namespaces": (NEEDED | {"unshare": "exit 1"}, "the kernel lacks "),
}


@pytest.mark.parametrize(("programs", "reason"), IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_in_ci_the_compose_tests_are_skipped_if_no_engine_can_be_started(programs, reason, in_ci):
    done = in_ci(**programs)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    prefix = "docker: the compose tests were left out: no Docker engine answers, and none can be started: "
    assert line.startswith(prefix + reason)
    assert not done.stderr


def test_in_ci_a_failed_package_installation_fails_the_target(in_ci):
    asked = 'echo "E: asked for $*"; case "$*" in *update) ;; *) exit 100 ;; esac'
    done = in_ci(**{name: "" for name in NEEDED if name != "dockerd"}, **{"apt-get": asked})
    assert done.returncode != 0
    assert "install --no-install-recommends docker.io\n" in done.stderr


def test_make_test_reports_that_the_compose_tests_are_skipped_if_no_engine_answers():
    done = run_without_engine("make", "--silent", "--no-print-directory", "containers")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert line.startswith("docker: the compose tests were left out: no Docker engine answers; ")
    assert not done.stderr


def test_make_compose_test_fails_if_no_engine_answers():
    done = run_without_engine("tests/compose/test.sh")
    assert done.returncode == 1
    assert done.stderr.startswith("The compose tests cannot run: no Docker engine answers; ")


in_docker = pytest.mark.skipif(not EXTERNAL, reason="runs with make compose-test")


@in_docker
def test_requests_to_bedrock_are_signed(gateway, world, token):
    path = "/model/us.anthropic.claude-sonnet-4-6/invoke"
    answer = exchange(gateway, "POST", target(path), [bearer(token)], INVOKE)
    assert answer.status == 200, answer.body
    assert_signed_by_the_gateway(only(world.bedrock.requests), world.aws_credential, token)


@in_docker
def test_the_plugin_image_contains_the_filter(tmp_path):
    image.main()
    loaded = docker("load", "--quiet", "--input", PROJECT / "dist" / "ai-gateway-filter.tar").split()[-1]
    container = docker("create", loaded, "unused-command").strip()
    try:
        docker("cp", f"{container}:/plugin.wasm", tmp_path)
    finally:
        docker("rm", container)
    assert (tmp_path / "plugin.wasm").read_bytes() == (PROJECT / "ai_gateway_filter.wasm").read_bytes()


@in_docker
def test_the_gateway_image_runs_as_non_root_without_capabilities_on_a_read_only_file_system(world, token, tmp_path):
    subprocess.run(["tools/image-gateway.sh"], cwd=PROJECT, check=True, timeout=50, stdout=subprocess.DEVNULL)
    (tmp_path / "filter.yaml").write_text(FILTER_WITH_A_KEY_FROM_THE_ENVIRONMENT)
    tmp_path.chmod(0o755)
    container = docker(
        *("run", "--detach", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges"),
        *("--env", f"OPENAI_API_KEY={world.openai.api_key}"),
        *("--volume", f"{tmp_path}:/etc/envoy/ai-gateway:ro"),
        *("--network", EXTERNAL["network"], "--publish", "127.0.0.1::10000", "--publish", "127.0.0.1::9902"),
        "ai-gateway",
    ).strip()
    try:
        url, probe = (docker("port", container, port).split()[0] for port in ("10000", "9902"))
        wait_for_200(f"http://{probe}/ready", container)
        with pytest.raises(urllib.error.HTTPError, match="404"):
            urllib.request.urlopen(f"http://{probe}/config_dump", timeout=10)
        request = urllib.request.Request(f"http://{url}{OPENAI.target}", OPENAI.content(), dict([BEARER.filled(token)]))
        with urllib.request.urlopen(request, timeout=10) as answer:
            assert PROMPT in answer.read().decode()
        assert docker("exec", container, "id", "-u").strip() == "10001"
    finally:
        docker("rm", "--force", container)


FILTER = (PROJECT / "envoy" / "filter.yaml").read_text()
FILTER_WITH_A_KEY_FROM_THE_ENVIRONMENT = (
    FILTER[: FILTER.index("            {\n")]
    + """
            {
              "authentication": { "issuers": [{ "issuer": "http://identity-provider:8080", "audiences": ["ai-gateway"] }] },
              "providers": [
                { "name": "my-openai", "type": "openai", "base_url": "http://openai:8080", "api_key": { "env": "OPENAI_API_KEY" } }
              ]
            }
"""
)


def docker(*arguments):
    """Runs Docker and returns its standard output, or standard error if that is empty."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout or done.stderr


def wait_for_200(url, container):
    """Waits until the response to this URL has status 200."""

    def answers():
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return answer.status == 200
        except OSError:
            return False

    deadline = time.monotonic() + READY_TIMEOUT_S
    while not answers():
        assert time.monotonic() < deadline, docker("logs", container)
        time.sleep(0.2)
