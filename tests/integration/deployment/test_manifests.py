"""The manifests in examples/ are valid by the schemas of their projects, and have no unknown field.

Kubernetes' own kinds are checked with the package kubernetes-validate. Istio, the Gateway API and Envoy Gateway are checked
with the packages @kubernetes-models, which are generated from the projects' CRDs and Go types. CEL rules are not checked.
"""

import json
import re
import subprocess

import kubernetes_validate
import pytest
import yaml

from support.node import SETUP
from tools.gateway import PROJECT

KUBERNETES = "1.37"
EXAMPLES = PROJECT / "examples"
FOLDERS = ("istio", "envoy-gateway", "kubernetes")
NO_MANIFESTS = {"kubernetes/filter.yaml", "kubernetes/kustomization.yaml"}
CUSTOM = ("istio.io", "gateway.networking.k8s.io", "gateway.envoyproxy.io")

ANYTHING = {
    "EnvoyExtensionPolicy": "/spec/wasm/[0-9]+/config/",
    "EnvoyFilter": "/spec/configPatches/[0-9]+/patch/value/",
    "WasmPlugin": "/spec/pluginConfig/",
}
"""Members without a schema: configurations of Envoy and of the filter, which test_istio.py and others load."""


def manifests():
    """All manifests, each with its identity."""
    for folder in FOLDERS:
        for file in sorted((EXAMPLES / folder).glob("*.yaml")):
            name = f"{folder}/{file.name}"
            if name not in NO_MANIFESTS:
                for document in yaml.safe_load_all(file.read_text()):
                    yield pytest.param(document, id=f"{name}:{document['kind']}:{document['metadata']['name']}")


MANIFESTS = list(manifests())


def is_custom(manifest):
    """Whether a CRD defines its kind."""
    return manifest["apiVersion"].partition("/")[0].endswith(CUSTOM)


def problems(documents):
    """The problems that the schemas find in each document."""
    node = subprocess.run([SETUP], capture_output=True, text=True, check=True).stdout.strip()
    command = [f"{node}/node", PROJECT / "tests" / "node" / "manifests.mjs"]
    done = subprocess.run(command, input=json.dumps(documents), capture_output=True, text=True, check=True, timeout=50)
    for document, found in zip(documents, json.loads(done.stdout), strict=True):
        anything = re.compile(f"unknown: {ANYTHING.get(document['kind'], '(?!)')}")
        yield [problem for problem in found if not anything.match(problem)]


@pytest.fixture(scope="module")
def found():
    """The problems of each custom manifest."""
    custom = [manifest.values[0] for manifest in MANIFESTS if is_custom(manifest.values[0])]
    return list(zip(custom, problems(custom), strict=True))


@pytest.mark.parametrize("manifest", MANIFESTS)
def test_the_manifest_is_valid(manifest, found):
    if is_custom(manifest):
        assert next(its for one, its in found if one == manifest) == []
    else:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


MISTAKES = [
    ("istio/wasmplugin.yaml", "WasmPlugin", "vmConfig environment", "x", "unknown: /spec/vmConfig/environment"),
    ("istio/wasmplugin.yaml", "WasmPlugin", "failStrategy", "FAIL", "failStrategy"),
    (
        "istio/gateway.yaml",
        "VirtualService",
        "http 0 route 0 destination port name",
        "x",
        "unknown: /spec/http/0/route",
    ),
    ("envoy-gateway/gateway.yaml", "HTTPRoute", "rules 0 hostname", "x", "unknown: /spec/rules/0/hostname"),
    (
        "envoy-gateway/gateway.yaml",
        "ClientTrafficPolicy",
        "connection bufferLimits",
        "1Mi",
        "unknown: /spec/connection/bufferLimits",
    ),
    ("envoy-gateway/extension.yaml", "EnvoyExtensionPolicy", "wasm 0 rootId", "x", "unknown: /spec/wasm/0/rootId"),
    ("envoy-gateway/extension.yaml", "EnvoyExtensionPolicy", "wasm 0 code type", "File", "code/type"),
]


@pytest.fixture(scope="module")
def found_of_mistakes():
    """The problems of each of `MISTAKES`."""
    return dict(zip(MISTAKES, problems([mistaken(*mistake[:4]) for mistake in MISTAKES]), strict=True))


def mistaken(file, kind, path, value):
    """The manifest of that kind in the file, with one member changed or added."""
    (document,) = (one for one in yaml.safe_load_all((EXAMPLES / file).read_text()) if one["kind"] == kind)
    *outer, name = path.split()
    place = document["spec"]
    for step in outer:
        place = place[int(step) if step.isdigit() else step]
    place[name] = value
    return document


@pytest.mark.parametrize("mistake", MISTAKES, ids=[f"{kind}: {path}" for _, kind, path, *_ in MISTAKES])
def test_a_mistake_is_detected(mistake, found_of_mistakes):
    assert any(mistake[-1] in one for one in found_of_mistakes[mistake]), found_of_mistakes[mistake]


def test_the_filter_accepts_the_configuration_of_istios_wasm_plugin(start_gateway, monkeypatch):
    """The configuration of the reduced mode, converted to JSON as Istio does."""
    plugin = yaml.safe_load((EXAMPLES / "istio" / "wasmplugin.yaml").read_text())["spec"]
    for variable in plugin["vmConfig"]["env"]:
        monkeypatch.setenv(variable["name"], "mock-key")
    start_gateway(plugin["pluginConfig"]).stop()
