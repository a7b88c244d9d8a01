"""examples/istio: the Envoy configuration made from the manifests loads, and a request reaches its provider."""

import copy
import json
import os
import subprocess
from urllib.parse import urlsplit

import pytest
import yaml

from support import istio
from support.client import ANTHROPIC, BEARER, OPENAI, ask, exchange
from support.gateway_config import PREFIX
from tools.gateway import PROJECT, free_port

WASM = PROJECT / "ai_gateway_filter.wasm"
KEYS = {"OPENAI_API_KEY": "mock-openai-key", "AWS_ACCESS_KEY_ID": "AKIAMOCK", "AWS_SECRET_ACCESS_KEY": "mock-secret"}

ODD_PATH = "/v1/arn%3Aaws%3Abedrock%2Fprofile//a%20b"
"""A Bedrock model ARN in a path. Istio's gateways normalize paths, which must not change it."""


def on_a_gateway(port):
    """The configuration of a gateway's proxy."""
    manifests, egress = istio.documents("gateway.yaml"), istio.documents("egress.yaml")
    (virtual_service,), (envoy_filter,) = (
        manifests["VirtualService"],
        istio.documents("envoyfilter-gateway.yaml")["EnvoyFilter"],
    )
    host = {"name": "any", "domains": virtual_service["spec"]["hosts"], "routes": list(istio.routes(virtual_service))}
    plain = istio.listener("http", port, [copy.deepcopy(istio.ROUTER)], host)
    listeners, extension = istio.patched([plain], envoy_filter, "GATEWAY")
    return listeners, extension, list(istio.clusters(egress))


def in_a_sidecar(port):
    """The configuration of a sidecar."""
    (envoy_filter,) = istio.documents("envoyfilter-sidecar.yaml")["EnvoyFilter"]
    listeners, extension = istio.patched([], envoy_filter, "SIDECAR_OUTBOUND")
    listeners[0]["address"]["socket_address"]["port_value"] = port
    return listeners, extension, list(istio.clusters(istio.documents("egress.yaml")))


VARIANTS = {"gateway": on_a_gateway, "sidecar": in_a_sidecar}


@pytest.mark.parametrize("variant", VARIANTS)
def test_envoy_accepts_the_configuration(variant, tmp_path):
    listeners, extension, clusters = VARIANTS[variant](10000)
    istio.load_from_files(listeners, extension, tmp_path, WASM)
    for http_filter in istio.http_filters(listeners):
        if http_filter.pop("config_discovery", None):  # which Envoy would not look into here
            http_filter |= extension
    bootstrap = tmp_path / "bootstrap.yaml"
    bootstrap.write_text(yaml.safe_dump({"static_resources": {"listeners": listeners, "clusters": clusters}}))
    command = [os.environ["ENVOY"], "--mode", "validate", "-c", bootstrap, "--disable-hot-restart"]
    done = subprocess.run(command, env=os.environ | KEYS, capture_output=True, text=True, timeout=50)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_request_reaches_its_provider(variant, world, token, start_gateway, tmp_path):
    """With mocks behind the clusters, without TLS, and with the mocks' issuer. Everything else is as in the example."""
    port = free_port()
    listeners, extension, clusters = VARIANTS[variant](port)
    origins = {"auth.example.com": world.identity_provider.url, "api.openai.com": world.openai.url}
    for cluster in clusters:
        host = cluster["name"].rpartition("|")[2]
        del cluster["transport_socket"]
        address = cluster["load_assignment"]["endpoints"][0]["lb_endpoints"][0]["endpoint"]["address"]["socket_address"]
        address |= {"address": "127.0.0.1", "port_value": urlsplit(origins.get(host, world.bedrock.url)).port}
    plugin = extension["typed_config"]["config"]
    configuration = json.loads(plugin["configuration"]["value"])
    (issuer,) = configuration["authentication"]["issuers"]
    issuer |= {"issuer": world.identity_provider.issuer}

    def edit_bootstrap(bootstrap):
        istio.load_from_files(listeners, extension, tmp_path, WASM)
        bootstrap["static_resources"] = {"listeners": listeners, "clusters": clusters}

    plugin["configuration"]["value"] = json.dumps(configuration)
    with start_gateway({}, port=port, environment=KEYS, edit_bootstrap=edit_bootstrap) as gateway:
        answer = ask(gateway, OPENAI, token)
        assert answer.status == 200, answer.body
        (request,) = world.openai.requests
        assert request.values("host") == [b"api.openai.com"]
        assert request.values("authorization") == [b"Bearer mock-openai-key"]
        assert not [name for name, _ in request.headers if name.lower().startswith(b"x-ai-gateway")]
        assert ask(gateway, OPENAI, "no token").status == 401
        exchange(gateway, "POST", f"{PREFIX}/my-openai{ODD_PATH}", [BEARER.filled(token)])
        assert world.openai.requests[-1].path == ODD_PATH
        assert exchange(gateway, "POST", ANTHROPIC.target, [BEARER.filled(token)]).status == 404
