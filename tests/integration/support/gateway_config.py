"""The configuration of the shared gateway, and the constants that configurations and tests have in common."""

from mocks.world import AUDIENCE
from tools.gateway import PROJECT

PREFIX = "/llm/v1/providers"
CONTAINER_TOKEN = "mock-container-authorization-token"
ROLE = "arn:aws:iam::123456789012:role/mock-bedrock-role"
EXTERNAL_ID = "external id/+&="
SIGV4_VERIFIER = PROJECT / "tests/sigv4-verifier/target/debug/sigv4-verifier"
VERIFIERS = {
    "host": "signatures are checked by the host",
    "wasm": "signatures are checked in Wasm, as configured",
}
"""Each signature verifier, and the log line that names it."""


def configuration(world):
    """One provider of each type, each a mock with its own API key."""
    return {
        "authentication": {"issuers": [{"issuer": world.identity_provider.issuer, "audiences": [AUDIENCE]}]},
        "providers": [
            provider("my-openai", "openai", world.openai),
            provider("my-anthropic", "anthropic", world.anthropic),
            provider("my-google", "google", world.google),
            provider("my-vllm", "openai_compatible", world.compatible),
            {
                "name": "my-claude",
                "type": "anthropic",
                "base_url": world.anthropic.base_url,
                "authorization_passthrough": True,
            },
            provider("my-disabled", "openai", world.openai) | {"enabled": False},
        ],
    }


def provider(name, kind, mock):
    """The configuration entry of a mock provider."""
    return {"name": name, "type": kind, "base_url": mock.base_url, "api_key": {"value": mock.api_key}}


def single_openai_provider(issuer, upstream_port):
    """A configuration with one issuer and one provider, on a port of this machine."""
    url = f"http://127.0.0.1:{upstream_port}"
    return {
        "authentication": {"issuers": [{"issuer": issuer.issuer, "audiences": [AUDIENCE]}]},
        "providers": [{"name": "my-openai", "type": "openai", "base_url": url, "api_key": {"value": "k"}}],
    }
