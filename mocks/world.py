"""All mocks, configured to know each other's credentials."""

from __future__ import annotations

from pathlib import Path
from types import TracebackType
from typing import Any, Self

from .aws import AwsCredential, SigV4Verifier
from .client_credentials import Client
from .identity_provider import IdentityProvider
from .providers import Anthropic, Bedrock, Google, OpenAI
from .server import BackgroundServer

AUDIENCE = "ai-gateway"
CLIENT_ID = "mock-client"
CLIENT_SECRET = "mock-client-secret"
PERMISSIONS = ("dataplane_adp_llmprovider_get", "dataplane_adp_llmprovider_invoke")


class World:
    """An identity provider with one client that has all permissions, and one provider of each type.

    Ports of 0 are replaced by free ones. `sigv4_verifier` is the program built from tests/sigv4-verifier. Without it, the
    mock of Bedrock accepts any signature with the right access key id.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        issuer: str | None = None,
        identity_provider_port: int = 0,
        openai_port: int = 0,
        anthropic_port: int = 0,
        google_port: int = 0,
        compatible_port: int = 0,
        bedrock_port: int = 0,
        sigv4_verifier: str | Path | None = None,
    ) -> None:
        client = Client(CLIENT_SECRET, (AUDIENCE,), {"permissions": list(PERMISSIONS)})
        self.identity_provider = IdentityProvider(
            {CLIENT_ID: client}, issuer=issuer, host=host, port=identity_provider_port
        )
        self.openai = OpenAI("mock-openai-key", host=host, port=openai_port)
        self.anthropic = Anthropic("mock-anthropic-key", host=host, port=anthropic_port)
        self.google = Google("mock-google-key", host=host, port=google_port)
        self.compatible = OpenAI(
            "mock-compatible-key",
            name="an OpenAI-compatible server",
            base_path="/openai/v1",
            models=("meta-llama/Llama-3.3-70B-Instruct",),
            host=host,
            port=compatible_port,
        )
        self.aws_credential = AwsCredential("AKIAMOCK", "mock-secret-access-key")
        self.sigv4_verifier = None if sigv4_verifier is None else SigV4Verifier(sigv4_verifier)
        self.bedrock = Bedrock(
            [self.aws_credential],
            api_key="mock-bedrock-key",
            verifier=self.sigv4_verifier,
            host=host,
            port=bedrock_port,
        )
        self.servers: tuple[BackgroundServer, ...] = (
            self.identity_provider,
            self.openai,
            self.anthropic,
            self.google,
            self.compatible,
            self.bedrock,
        )
        """All servers that `start` starts."""

    def start(self) -> Self:
        """Return once all are listening. If one cannot, stop the others and raise its error."""
        try:
            for server in self.servers:
                server.start()
        except OSError:
            self.stop()
            raise
        return self

    def stop(self) -> None:
        """Stop all running servers."""
        for server in self.servers:
            server.stop()
        if self.sigv4_verifier is not None:
            self.sigv4_verifier.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()

    def document(self) -> dict[str, Any]:
        """The addresses and credentials that another process needs. All of them are made up."""
        providers = {
            "openai": self.openai,
            "anthropic": self.anthropic,
            "google": self.google,
            "compatible": self.compatible,
            "bedrock": self.bedrock,
        }
        return {
            "issuer": self.identity_provider.issuer,
            "jwks_uri": self.identity_provider.jwks_uri,
            "client_id": CLIENT_ID,
            "client_secret": CLIENT_SECRET,
            "audience": AUDIENCE,
            "aws_access_key_id": self.aws_credential.access_key_id,
            "aws_secret_access_key": self.aws_credential.secret_access_key,
            "aws_region": self.bedrock.judge.region,
            **{
                name: {"url": provider.url, "base_url": provider.base_url, "api_key": provider.api_key}
                for name, provider in providers.items()
            },
        }
