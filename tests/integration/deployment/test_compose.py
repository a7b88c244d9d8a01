"""docker-compose.yml: it is the gateway of the other tests, and each service says whether it is healthy."""

import json
import os
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


def whole(world):
    """The providers of the other tests, and Bedrock."""
    shared = configuration(world)
    return shared | {"providers": shared["providers"] + bedrock_configuration(world)["providers"]}


def test_its_filter_file_is_the_shipped_one_with_the_providers_of_the_other_tests():
    ours, shipped = (
        yaml.safe_load((PROJECT / path / "filter.yaml").read_text()) for path in ("tests/compose/gateway", "envoy")
    )
    plugin, other = (document["resources"][0]["typed_config"]["config"] for document in (ours, shipped))
    assert json.loads(plugin.pop("configuration")["value"]) == whole(ExternalWorld(DESCRIPTION))
    del other["configuration"], other["vm_config"]["environment_variables"]
    assert ours == shipped


def test_each_service_has_a_health_check_and_none_opens_a_port_to_others():
    for name, service in COMPOSE["services"].items():
        assert service["healthcheck"]["test"][0] == "CMD", name
        assert all(port.startswith("127.0.0.1:") for port in service["ports"]), name


def test_each_mock_is_waited_for():
    gateway = COMPOSE["services"].pop("gateway")
    assert gateway["depends_on"] == {name: {"condition": "service_healthy"} for name in COMPOSE["services"]}


def without_an_engine(*command):
    """Runs it where no Docker engine answers."""
    elsewhere = {
        name: value for name, value in os.environ.items() if name != "MAKEFLAGS"
    }  # of the `make test` around it
    elsewhere["DOCKER_HOST"] = "unix:///nowhere/docker.sock"
    return subprocess.run(command, cwd=PROJECT, env=elsewhere, capture_output=True, text=True, timeout=30)


def test_make_test_says_that_these_tests_were_left_out_where_no_engine_answers():
    done = without_an_engine("make", "--silent", "--no-print-directory", "containers")
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    assert line.startswith("docker: the compose tests were left out: no Docker engine answers; ")
    assert not done.stderr


def test_make_compose_test_fails_where_no_engine_answers():
    done = without_an_engine("tests/compose/test.sh")
    assert done.returncode == 1
    assert done.stderr.startswith("The compose tests cannot run: no Docker engine answers; ")


in_docker = pytest.mark.skipif(not EXTERNAL, reason="runs with make compose-test")


@in_docker
def test_bedrock_gets_a_signature(gateway, world, token):
    path = "/model/us.anthropic.claude-sonnet-4-6/invoke"
    answer = exchange(gateway, "POST", target(path), [bearer(token)], INVOKE)
    assert answer.status == 200, answer.body
    assert_signed_by_the_gateway(only(world.bedrock.requests), world.aws_credential, token)


@in_docker
def test_the_plugins_image_holds_the_filter(tmp_path):
    image.main()
    loaded = docker("load", "--quiet", "--input", PROJECT / "dist" / "ai-gateway-filter.tar").split()[-1]
    container = docker("create", loaded, "nothing-in-it-runs").strip()
    try:
        docker("cp", f"{container}:/plugin.wasm", tmp_path)
    finally:
        docker("rm", container)
    assert (tmp_path / "plugin.wasm").read_bytes() == (PROJECT / "ai_gateway_filter.wasm").read_bytes()


@in_docker
def test_the_gateways_image_runs_without_root_capabilities_and_a_file_system_to_write_to(world, token, tmp_path):
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
        asked = urllib.request.Request(f"http://{url}{OPENAI.target}", OPENAI.content(), dict([BEARER.filled(token)]))
        with urllib.request.urlopen(asked, timeout=10) as answer:
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
    """What Docker prints, or what the container logged."""
    done = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=30)
    assert done.returncode == 0, done.stderr
    return done.stdout or done.stderr


def wait_for_200(url, container):
    """Return once that is the answer."""

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
