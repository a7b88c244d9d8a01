"""The manifests in examples/: each is valid by its project's own types, and has no field that they do not know.

Kubernetes' kinds by the package kubernetes-validate; Istio's, the Gateway API's and Envoy Gateway's by the packages
@kubernetes-models, which are made of those projects' CRDs and Go types. The rules that these hold in CEL are not among them.
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
"""Below these the types know nothing: Envoy's configuration and the filter's, which test_istio.py and others load."""


def manifests():
    """All of them, each with what identifies it."""
    for folder in FOLDERS:
        for file in sorted((EXAMPLES / folder).glob("*.yaml")):
            name = f"{folder}/{file.name}"
            if name not in NO_MANIFESTS:
                for document in yaml.safe_load_all(file.read_text()):
                    yield pytest.param(document, id=f"{name}:{document['kind']}:{document['metadata']['name']}")


MANIFESTS = list(manifests())


def is_custom(manifest):
    """Whether a CRD defines it."""
    return manifest["apiVersion"].partition("/")[0].endswith(CUSTOM)


def problems(documents):
    """Of each: what its project's types find wrong with it."""
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
def test_it_is_valid(manifest, found):
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
    """The file's manifest of that kind with one member changed, or added."""
    (document,) = (one for one in yaml.safe_load_all((EXAMPLES / file).read_text()) if one["kind"] == kind)
    *outer, name = path.split()
    place = document["spec"]
    for step in outer:
        place = place[int(step) if step.isdigit() else step]
    place[name] = value
    return document


@pytest.mark.parametrize("mistake", MISTAKES, ids=[f"{kind}: {path}" for _, kind, path, *_ in MISTAKES])
def test_a_mistake_is_found(mistake, found_of_mistakes):
    assert any(mistake[-1] in one for one in found_of_mistakes[mistake]), found_of_mistakes[mistake]


def test_istios_wasm_plugin_is_told_what_the_filter_takes(start_gateway, monkeypatch):
    """The reduced mode's configuration, as Istio hands it over: as JSON."""
    plugin = yaml.safe_load((EXAMPLES / "istio" / "wasmplugin.yaml").read_text())["spec"]
    for variable in plugin["vmConfig"]["env"]:
        monkeypatch.setenv(variable["name"], "mock-key")
    start_gateway(plugin["pluginConfig"]).stop()
