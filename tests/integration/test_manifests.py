"""The manifests in examples/: each is valid by its project's own schema, and has no field that the schema does not know.

Kubernetes' kinds by the package kubernetes-validate, Istio's and the Gateway API's by the CRDs' schemas in the packages
@kubernetes-models. Envoy Gateway's CRDs are in no package.
"""

import json
import subprocess

import jsonschema
import kubernetes_validate
import pytest
import yaml

from test_bedrock_node import SETUP
from tools.gateway import PROJECT

KUBERNETES = "1.37"
EXAMPLES = PROJECT / "examples"
FOLDERS = ("istio", "envoy-gateway", "kubernetes")
NO_MANIFESTS = {"kubernetes/filter.yaml", "kubernetes/kustomization.yaml"}
WITHOUT_SCHEMA = ("gateway.envoyproxy.io/",)


def manifests():
    """All of them, each with what identifies it."""
    for folder in FOLDERS:
        for file in sorted((EXAMPLES / folder).glob("*.yaml")):
            name = f"{folder}/{file.name}"
            if name not in NO_MANIFESTS:
                for document in yaml.safe_load_all(file.read_text()):
                    yield pytest.param(document, id=f"{name}:{document['kind']}:{document['metadata']['name']}")


@pytest.fixture(scope="module")
def schemas():
    """The CRDs' schemas, each of which knows all its fields."""
    node = subprocess.run([SETUP], capture_output=True, text=True, check=True).stdout.strip()
    command = [f"{node}/node", PROJECT / "tests" / "node" / "manifests.mjs"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=50)
    return {kind: strict(schema) for kind, schema in json.loads(done.stdout).items()}


def strict(schema):
    """The schema, without unknown fields, and with OpenAPI's `nullable` in the words of JSON Schema."""
    if isinstance(schema, list):
        return [strict(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    if schema.get("$ref", "").startswith("io.k8s.apimachinery"):
        return {}  # metadata: kubernetes-validate looks at the same
    schema = {name: strict(member) for name, member in schema.items()}
    members = schema.get("properties")
    if schema.get("type") == "object" and members and "additionalProperties" not in schema:  # none: whatever it likes
        schema["additionalProperties"] = False
    if schema.pop("nullable", False) and "type" in schema:
        schema["type"] = [schema["type"], "null"]
    return schema


@pytest.mark.parametrize("manifest", list(manifests()))
def test_it_is_valid(manifest, schemas):
    kind = f"{manifest['apiVersion']}/{manifest['kind']}"
    if kind in schemas:
        jsonschema.validate(manifest, schemas[kind])
    elif kind.startswith(WITHOUT_SCHEMA):
        pytest.skip("its CRD is in no package")
    else:
        kubernetes_validate.validate(manifest, KUBERNETES, strict=True)


def test_an_unknown_field_is_found(schemas):
    manifest = yaml.safe_load((EXAMPLES / "istio" / "wasmplugin.yaml").read_text())
    manifest["spec"]["vmConfig"]["environment"] = {}
    with pytest.raises(jsonschema.ValidationError, match="environment"):
        jsonschema.validate(manifest, schemas["extensions.istio.io/v1alpha1/WasmPlugin"])


def test_istios_wasm_plugin_is_told_what_the_filter_takes(start_gateway, monkeypatch):
    """The reduced mode's configuration, as Istio hands it over: as JSON."""
    plugin = yaml.safe_load((EXAMPLES / "istio" / "wasmplugin.yaml").read_text())["spec"]
    for variable in plugin["vmConfig"]["env"]:
        monkeypatch.setenv(variable["name"], "mock-key")
    start_gateway(plugin["pluginConfig"]).stop()
