"""The variants: the shipped bootstrap with different HTTP filters, and a route that does not need our filter.

All variants have the same listener and clusters. The access log is off, because its cost would hide part of each difference.
"""

import json
from dataclasses import dataclass

import yaml

from mocks.keys import SigningKey
from tools.gateway import PROJECT

EXTENSIONS = "type.googleapis.com/envoy.extensions."
FLOOR = PROJECT / "target/wasm32-wasip1/release/floor.wasm"
SAME_CALLS = PROJECT / "target/wasm32-wasip1/release/same_calls.wasm"
FILTER = PROJECT / "ai_gateway_filter.wasm"
PREFIX = "/llm/v1/providers"
AUDIENCE = "ai-gateway"
ISSUER = "https://auth.example.com/"
PERMISSION = "dataplane_adp_llmprovider_invoke"
UPSTREAM_KEY = "sk-upstream-0123456789abcdef0123456789abcdef"
ACCESS_KEY, SECRET_KEY = "AKIDEXAMPLE", "bench-secret-access-key"
REGION = "us-east-1"
CACHED_TOKENS = 1000


@dataclass(frozen=True)
class Environment:
    """The upstream and the signing key that the variants are configured with."""

    upstream_port: int
    key: SigningKey

    @property
    def authority(self):
        return f"127.0.0.1:{self.upstream_port}"


def bare(environment):
    """No filter except the router."""
    return _bootstrap(environment, [])


def native_cached(environment):
    """Envoy's filters for token validation (cached), permissions and the provider's key."""
    return _native(environment, CACHED_TOKENS)


def native_uncached(environment):
    """The same without the token cache."""
    return _native(environment, None)


def native_sigv4(environment):
    """Envoy's filters for token validation (cached), permissions and SigV4.

    The signer signs the path before the route rewrites it, so clients must send the provider's path.
    """
    filters = [_jwt_authn(environment, CACHED_TOKENS), _rbac(), _aws_request_signing(environment)]
    return _bootstrap(environment, filters)


def floor(environment):
    """A proxy-wasm filter that does nothing."""
    return _bootstrap(environment, [_wasm(FLOOR, "{}")])


def same_calls(environment):
    """A filter that makes the same host calls as ours for a chat completion but does no work."""
    return _bootstrap(environment, [_wasm(SAME_CALLS, environment.authority)], routed_by_filter=True)


def same_calls_logged(environment):
    """The same, including the host calls for the access log."""
    return _bootstrap(environment, [_wasm(SAME_CALLS, f"+{environment.authority}")], routed_by_filter=True)


def ours(environment):
    """Our filter with its route, without access log fields."""
    return _ours(environment, {"log_fields": []})


def ours_logged(environment):
    """Our filter as shipped, which provides all fields of the access log."""
    return _ours(environment, {})


def _ours(environment, observability):
    configuration = {
        "observability": observability,
        "authentication": {
            "issuers": [
                {"issuer": ISSUER, "audiences": [AUDIENCE], "jwks": {"keys": [environment.key.jwk()]}},
            ],
            "token_cache_size": CACHED_TOKENS,
        },
        "providers": [
            {
                "name": "my-openai",
                "type": "openai",
                "base_url": f"http://{environment.authority}/v1",
                "api_key": {"value": UPSTREAM_KEY},
            },
            {
                "name": "my-bedrock",
                "type": "bedrock",
                "region": REGION,
                "base_url": f"http://{environment.authority}",
                "credentials": {
                    "static": {"access_key_id": {"value": ACCESS_KEY}, "secret_access_key": {"value": SECRET_KEY}}
                },
            },
        ],
    }
    return _bootstrap(environment, [_wasm(FILTER, json.dumps(configuration))], routed_by_filter=True)


def _bootstrap(environment, filters, *, routed_by_filter=False):
    bootstrap = yaml.safe_load((PROJECT / "envoy/bootstrap.yaml").read_text())
    bootstrap["stats_flush_interval"] = "299s"  # the maximum: flushing is not part of any request
    resources = bootstrap["static_resources"]
    resources["secrets"] = [
        {"name": "upstream_key", "generic_secret": {"secret": {"inline_string": f"Bearer {UPSTREAM_KEY}"}}}
    ]
    manager = resources["listeners"][0]["filter_chains"][0]["filters"][0]["typed_config"]
    del manager["access_log"]
    manager["http_filters"] = [*filters, manager["http_filters"][-1]]
    if not routed_by_filter:
        host = manager["route_config"]["virtual_hosts"][0]
        shipped = host["routes"][-1]["route"]
        route = {name: value for name, value in shipped.items() if name != "cluster_header"}
        route |= {"cluster": "upstream_http", "host_rewrite_literal": environment.authority}
        host["routes"] = [
            {"match": {"prefix": f"{PREFIX}/{name}/"}, "route": route | {"prefix_rewrite": "/"}}
            for name in ("my-openai", "my-bedrock")
        ]
        host["routes"].append({"match": {"prefix": "/"}, "route": route})
    return bootstrap


def _native(environment, cached_tokens):
    injector = {
        "name": "envoy.filters.http.credential_injector",
        "typed_config": {
            "@type": EXTENSIONS + "filters.http.credential_injector.v3.CredentialInjector",
            "overwrite": True,
            "credential": {
                "name": "envoy.http.injected_credentials.generic",
                "typed_config": {
                    "@type": EXTENSIONS + "http.injected_credentials.generic.v3.Generic",
                    "credential": {"name": "upstream_key"},
                },
            },
        },
    }
    return _bootstrap(environment, [_jwt_authn(environment, cached_tokens), _rbac(), injector])


def _jwt_authn(environment, cached_tokens):
    provider = {
        "issuer": ISSUER,
        "audiences": [AUDIENCE],
        "local_jwks": {"inline_string": json.dumps({"keys": [environment.key.jwk()]})},
        "payload_in_metadata": "payload",
    }
    if cached_tokens:
        provider["jwt_cache_config"] = {"jwt_cache_size": cached_tokens}
    return {
        "name": "envoy.filters.http.jwt_authn",
        "typed_config": {
            "@type": EXTENSIONS + "filters.http.jwt_authn.v3.JwtAuthentication",
            "providers": {"issuer": provider},
            "rules": [{"match": {"prefix": "/"}, "requires": {"provider_name": "issuer"}}],
        },
    }


def _rbac():
    permitted = {
        "filter": "envoy.filters.http.jwt_authn",
        "path": [{"key": "payload"}, {"key": "permissions"}],
        "value": {"list_match": {"one_of": {"string_match": {"exact": PERMISSION}}}},
    }
    policy = {"permissions": [{"any": True}], "principals": [{"sourced_metadata": {"metadata_matcher": permitted}}]}
    return {
        "name": "envoy.filters.http.rbac",
        "typed_config": {
            "@type": EXTENSIONS + "filters.http.rbac.v3.RBAC",
            "rules": {"action": "ALLOW", "policies": {"invoke": policy}},
        },
    }


def _aws_request_signing(environment):
    return {
        "name": "envoy.filters.http.aws_request_signing",
        "typed_config": {
            "@type": EXTENSIONS + "filters.http.aws_request_signing.v3.AwsRequestSigning",
            "service_name": "bedrock",
            "region": REGION,
            "host_rewrite": environment.authority,
            "credential_provider": {
                "inline_credential": {"access_key_id": ACCESS_KEY, "secret_access_key": SECRET_KEY}
            },
        },
    }


def _wasm(module, configuration):
    """The filter as shipped, but configured inline, so that Envoy becomes ready only after it has loaded the filter."""
    document = yaml.safe_load((PROJECT / "envoy/filter.yaml").read_text())
    shipped = document["resources"][0]
    plugin = shipped["typed_config"]["config"]
    plugin["configuration"]["value"] = configuration
    plugin["vm_config"]["code"]["local"]["filename"] = str(module)
    return {"name": shipped["name"], "typed_config": shipped["typed_config"]}
