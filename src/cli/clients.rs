//! What depends on a provider's type or on the client that is started. No other module of the
//! command names providers or clients.

mod claude;
mod codex;
mod gemini;
mod probe_request;

use std::path::{Path, PathBuf};

use clap::ValueEnum;

pub(crate) use probe_request::{ProbeRequest, probe_request};

/// A client that `run` can start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Client {
    /// Claude Code, for anthropic and bedrock.
    Claude,
    /// Codex, for providers with OpenAI's API.
    Codex,
    /// Gemini CLI, for google.
    Gemini,
}

/// Whose credential the provider receives.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum CredentialOwner {
    /// The gateway's.
    Gateway,
    /// The client's own, which the gateway forwards unchanged.
    Client,
}

/// How a client uses a provider.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// With the client's native API; the gateway has the credential.
    Native,
    /// With the client's native API and its own credential, which the gateway forwards.
    Passthrough,
    /// With Amazon Bedrock's API; the gateway has the credential.
    Bedrock,
}

/// How a client gets the gateway's token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TokenSource {
    /// It runs a command that prints one.
    Helper,
    /// It has none; a proxy on the loopback adds it to each request.
    Loopback(Injection),
}

/// How the loopback proxy adds the token to a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Injection {
    /// As Google's API key, instead of the client's credential.
    GoogleKey,
    /// In the gateway token header, beside the client's own credential.
    GatewayTokenHeader,
}

impl Injection {
    /// The header with the token.
    pub(crate) fn header(self, token: &str) -> (&'static str, String) {
        match self {
            Self::GoogleKey => ("x-goog-api-key", token.to_owned()),
            Self::GatewayTokenHeader => ("x-ai-gateway-authorization", format!("Bearer {token}")),
        }
    }

    /// Whether the client's header with that name is removed.
    pub(crate) fn replaces(self, name: &str) -> bool {
        match self {
            Self::GoogleKey => ["x-goog-api-key", "authorization"].contains(&name),
            Self::GatewayTokenHeader => name == "x-ai-gateway-authorization",
        }
    }
}

/// What a client's settings are made from.
pub(crate) struct Connection<'a> {
    /// The provider's base URL as the client sees it.
    pub(crate) base_url: &'a str,
    /// The command that prints a token.
    pub(crate) helper: &'a [String],
    /// The model, if the user gave one.
    pub(crate) model: Option<&'a str>,
    /// A private folder, which is removed when the client ends.
    pub(crate) folder: &'a Path,
    /// The environment variables that the client inherits.
    pub(crate) env: &'a dyn Fn(&str) -> Option<String>,
}

/// How a client is started.
#[derive(Default, PartialEq, Eq, Debug)]
pub(crate) struct Launch {
    /// Arguments that precede the user's own.
    pub(crate) arguments: Vec<String>,
    /// Environment variables to set.
    pub(crate) set: Vec<(&'static str, String)>,
    /// Environment variables to remove, because they would make it bypass the gateway.
    pub(crate) unset: Vec<&'static str>,
    /// Files to write into the private folder.
    pub(crate) files: Vec<(PathBuf, String)>,
}

impl Client {
    /// The name of its program.
    pub(crate) const fn program(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
        }
    }

    /// The command that installs it.
    pub(crate) const fn installation(self) -> &'static str {
        match self {
            Self::Claude => "npm install -g @anthropic-ai/claude-code",
            Self::Codex => "npm install -g @openai/codex",
            Self::Gemini => "npm install -g @google/gemini-cli",
        }
    }

    /// How it uses a provider of that type, or the types that it supports.
    pub(crate) fn mode(
        self,
        kind: &str,
        credential: CredentialOwner,
    ) -> Result<Mode, &'static str> {
        match (self, kind, credential) {
            (Self::Claude, "anthropic", CredentialOwner::Gateway)
            | (
                Self::Codex,
                "openai" | "openai_compatible" | "bedrock_mantle",
                CredentialOwner::Gateway,
            )
            | (Self::Gemini, "google", CredentialOwner::Gateway) => Ok(Mode::Native),
            (Self::Claude, "anthropic", CredentialOwner::Client) => Ok(Mode::Passthrough),
            (Self::Claude, "bedrock", _) => Ok(Mode::Bedrock),
            (Self::Claude, ..) => Err("anthropic or bedrock"),
            (Self::Codex, ..) => {
                Err("openai, openai_compatible or bedrock_mantle, without passthrough")
            }
            (Self::Gemini, ..) => Err("google"),
        }
    }

    pub(crate) const fn token_source(self, mode: Mode) -> TokenSource {
        match (self, mode) {
            (Self::Gemini, _) => TokenSource::Loopback(Injection::GoogleKey),
            (_, Mode::Passthrough) => TokenSource::Loopback(Injection::GatewayTokenHeader),
            (Self::Claude | Self::Codex, _) => TokenSource::Helper,
        }
    }

    pub(crate) fn launch(self, mode: Mode, connection: &Connection) -> Launch {
        match self {
            Self::Claude => claude::launch(mode, connection),
            Self::Codex => codex::launch(connection),
            Self::Gemini => gemini::launch(connection),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ai_gateway_core::provider_kind::ProviderKind;

    #[test]
    fn every_provider_type_has_one_client() {
        for kind in ProviderKind::ALL.map(|kind| kind.profile().type_name) {
            let clients = [Client::Claude, Client::Codex, Client::Gemini];
            let supporting = clients
                .iter()
                .filter(|client| client.mode(kind, CredentialOwner::Gateway).is_ok());
            assert_eq!(supporting.count(), 1, "{kind}");
        }
    }
}
