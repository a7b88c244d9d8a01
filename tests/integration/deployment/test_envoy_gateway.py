"""examples/envoy-gateway: the Envoy configuration made from the manifests loads, and a request reaches its provider."""

import json

import pytest
import yaml

from support.client import OPENAI, ask
from tools.gateway import PROJECT

EXAMPLE = PROJECT / "examples" / "envoy-gateway"
FILTER = "envoy.filters.http.wasm/envoyextensionpolicy/ai-gateway/ai-gateway/wasm/0"


def manifests(file):
    """All manifests of a file."""
    return list(yaml.safe_load_all((EXAMPLE / file).read_text()))


def manifest(file, kind):
    """The only manifest of that kind in a file."""
    (found,) = (one for one in manifests(file) if one["kind"] == kind)
    return found


def plugin(wasm, code):
    """The configuration of the plugin as Envoy Gateway makes it."""
    return {
        "name": wasm["name"],
        "root_id": wasm["rootID"],
        "failure_policy": "FAIL_OPEN" if wasm["failOpen"] else "FAIL_CLOSED",
        "configuration": {
            "@type": "type.googleapis.com/google.protobuf.StringValue",
            "value": json.dumps(wasm["config"]),
        },
        "vm_config": {
            "runtime": "envoy.wasm.runtime.v8",
            "code": {"local": {"filename": code}},
            "environment_variables": {"host_env_keys": wasm["env"]["hostKeys"]},
        },
    }


@pytest.mark.parametrize("is_patched", [False, True], ids=["reduced", "full"])
def test_a_request_reaches_its_provider(is_patched, world, token, start_gateway, monkeypatch):
    """In the shipped bootstrap with plain clusters instead of the dynamic resolver, as the mocks have no TLS."""
    (wasm,) = manifest("extension.yaml", "EnvoyExtensionPolicy")["spec"]["wasm"]
    (issuer,) = wasm["config"]["authentication"]["issuers"]
    issuer["issuer"] = world.identity_provider.issuer
    wasm["config"]["providers"][0]["base_url"] = world.openai.base_url
    cluster = wasm["config"].pop("clusters")["https"]
    route = manifest("gateway.yaml", "HTTPRoute")
    assert cluster == f"httproute/{route['metadata']['namespace']}/{route['metadata']['name']}/rule/0"
    (rule,) = route["spec"]["rules"]
    removed = rule["filters"][0]["requestHeaderModifier"]["remove"]

    def edit_plugin(ours):
        made = plugin(wasm, ours["vm_config"]["code"]["local"]["filename"])
        if is_patched:
            patch(made)
        ours.clear()
        ours.update(made)

    def edit_bootstrap(bootstrap):
        policy = manifest("gateway.yaml", "ClientTrafficPolicy")["spec"]
        assert policy["path"] == {"escapedSlashesAction": "KeepUnchanged", "disableMergeSlashes": True}
        (listener,) = bootstrap["static_resources"]["listeners"]
        listener["per_connection_buffer_limit_bytes"] = (
            int(policy["connection"]["bufferLimit"].removesuffix("Mi")) << 20
        )
        manager = listener["filter_chains"][0]["filters"][0]["typed_config"]
        manager["stream_idle_timeout"] = policy["timeout"]["http"]["streamIdleTimeout"]
        (host,) = manager["route_config"]["virtual_hosts"]
        host["request_headers_to_remove"] = removed

    monkeypatch.setenv("OPENAI_API_KEY", world.openai.api_key)
    with start_gateway({}, edit_plugin=edit_plugin, edit_bootstrap=edit_bootstrap) as gateway:
        answer = ask(gateway, OPENAI, token)
        assert answer.status == 200, answer.body
        assert ask(gateway, OPENAI, "no token").status == 401
    (request,) = world.openai.requests
    assert not [name for name, _ in request.headers if name.lower().startswith(b"x-ai-gateway")]


def patch(made):
    """Apply one of the EnvoyPatchPolicies. They differ in how versions of Envoy Gateway name the listener."""
    patches = [one["spec"]["jsonPatches"] for one in manifests("patch.yaml")]
    (operation,), (other,) = ([patch["operation"] for patch in each] for each in patches)
    assert operation == other
    assert [patch["name"] for each in patches for patch in each] == ["tcp-443", "ai-gateway/ai-gateway/https"]
    assert (operation["op"], operation["jsonPath"]) == ("add", f"..http_filters[?(@.name=='{FILTER}')]")
    *outer, name = operation["path"].split("/")
    assert outer == ["typed_config", "config"]
    made[name] = operation["value"]
