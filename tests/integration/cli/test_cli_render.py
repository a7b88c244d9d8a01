"""`ai-gateway-filter render` writes files that Envoy accepts and that make a working gateway."""

import json
import os
import subprocess

import httpx
import pytest
import yaml

from mocks.tls import CertificateAuthority
from support.client import MESSAGES, wait_until
from support.envoy_version import VERSION
from support.gateway_config import PREFIX, configuration
from tools.gateway import PROJECT, READY_TIMEOUT_S, free_port

VALIDATE_S = 60


@pytest.fixture
def render(command, world, tmp_path):
    """Render a configuration of all mocks and return the folder."""

    def render(*options, document=None):
        file = tmp_path / "config.json"
        file.write_text(json.dumps(document or configuration(world), indent=2))
        folder = tmp_path / "rendered"
        wasm = PROJECT / "ai_gateway_filter.wasm"
        done = command("render", file, "--output", folder, "--wasm", wasm, *options, check=0)
        assert done.stdout.split() == [f"{folder}/filter.yaml", f"{folder}/envoy.yaml"]
        return folder

    return render


def envoy(*arguments):
    return [os.environ["ENVOY"], *map(str, arguments), "--disable-hot-restart", "--log-level", "warning"]


def validate(folder):
    """Validate the rendered bootstrap with Envoy, with the filter in its place."""
    bootstrap = yaml.safe_load((folder / "envoy.yaml").read_text())
    document = yaml.safe_load((folder / "filter.yaml").read_text())
    manager = bootstrap["static_resources"]["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    assert manager["http_filters"][0]["name"] == "ai_gateway"
    manager["http_filters"][0] = {"name": "ai_gateway", "typed_config": document["resources"][0]["typed_config"]}
    whole = folder / "whole.json"
    whole.write_text(json.dumps(bootstrap))
    for file in (folder / "envoy.yaml", whole):
        done = subprocess.run(
            envoy("--mode", "validate", "-c", file), capture_output=True, text=True, timeout=VALIDATE_S
        )
        assert done.returncode == 0, done.stdout + done.stderr


def test_envoy_accepts_the_output_without_options(render):
    validate(render())


def test_a_cluster_that_the_output_lacks_is_named(command, world, tmp_path):
    document = configuration(world)
    document["providers"][0]["cluster"] = "mine"
    file = tmp_path / "config.json"
    file.write_text(json.dumps(document))
    done = command("render", file, "--output", tmp_path / "rendered", check=0)
    assert 'warning: /providers/0/cluster: Envoy has no cluster "mine"; add it to envoy.yaml' in done.stderr


def test_envoy_accepts_the_output_of_every_option(render, tmp_path):
    server = CertificateAuthority(tmp_path).issue("gateway.test")
    folder = render(
        *("--listen", "[::]:8443", "--tls-certificate", server.certificate, "--tls-key", server.key),
        *("--admin", "off", "--access-log", tmp_path / "access.log", "--ca-bundle", server.certificate),
    )
    validate(folder)


@pytest.mark.skipif((0, 0, 0) < VERSION < (1, 37, 0), reason="the spans' tags need Envoy 1.37")
def test_envoy_accepts_the_output_with_tracing(render):
    validate(render("--tracing", "localhost:4318"))


def test_a_rendered_gateway_works(render, world, token, tmp_path):
    port, admin = free_port(), free_port()
    folder = render("--listen", f"127.0.0.1:{port}", "--admin", f"127.0.0.1:{admin}")
    with (tmp_path / "envoy.log").open("wb") as log:
        process = subprocess.Popen(envoy("-c", folder / "envoy.yaml", "--concurrency", 1), stdout=log, stderr=log)
    try:
        url = f"http://127.0.0.1:{port}{PREFIX}/my-openai/v1/chat/completions"
        body = {"model": "gpt-4o", "messages": MESSAGES}

        def answers():
            try:
                return httpx.post(url, json=body, headers={"authorization": f"Bearer {token}"}).status_code == 200
            except httpx.TransportError:
                return False

        wait_until(answers, READY_TIMEOUT_S)
    finally:
        process.terminate()
        process.wait(10)
    assert '"gen_ai.response.model"' in (tmp_path / "envoy.log").read_text()


def test_environment_variables_of_the_configuration_are_passed_to_the_vm(render):
    document = {
        "authentication": {"disabled": True},
        "providers": [
            {"name": "a", "type": "openai", "api_key": {"env": "TEAM_KEY"}},
            {"name": "b", "type": "bedrock", "region": "us-east-1", "credentials": {"default_chain": {}}},
        ],
    }
    plugin = yaml.safe_load((render(document=document) / "filter.yaml").read_text())["resources"][0]
    variables = plugin["typed_config"]["config"]["vm_config"]["environment_variables"]["host_env_keys"]
    assert {"TEAM_KEY", "AWS_ACCESS_KEY_ID", "AWS_CONTAINER_CREDENTIALS_FULL_URI"} < set(variables)


def test_a_bad_configuration_is_not_rendered(command, tmp_path):
    file = tmp_path / "config.json"
    file.write_text('{"providers": []}')
    done = command("render", file, "--output", tmp_path / "rendered", check=1)
    assert "missing field `authentication`" in done.stderr
    assert not (tmp_path / "rendered").exists()
