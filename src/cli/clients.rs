//! What differs by a provider's type or by the client that is started: the one room of the command
//! that names providers and their clients.

mod claude;
mod codex;
mod gemini;
mod probe_request;

use std::path::{Path, PathBuf};

use clap::ValueEnum;

pub(crate) use probe_request::probe_request;

/// A client that can be started at a provider.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(crate) enum Client {
    /// Claude Code, for anthropic and bedrock.
    Claude,
    /// Codex, for what speaks OpenAI's API.
    Codex,
    /// Gemini CLI, for google.
    Gemini,
}

/// How a client uses a provider.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Mode {
    /// By the API that is its own; the gateway has the credential.
    Native,
    /// Likewise, with the client's own credential, which the gateway passes through.
    Passthrough,
    /// By Amazon Bedrock's API.
    Bedrock,
}

/// Where a client gets the gateway's token from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum TokenSource {
    /// From a command that it runs when it needs one.
    Helper,
    /// It has none: a proxy on the loopback puts it into each request.
    Loopback(Injection),
}

/// How the loopback proxy puts the token into a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Injection {
    /// In the place of the client's credential.
    GoogleKey,
    /// Beside the client's own credential.
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

    /// Whether a header of the client's does not go on.
    pub(crate) fn replaces(self, name: &str) -> bool {
        match self {
            Self::GoogleKey => ["x-goog-api-key", "authorization"].contains(&name),
            Self::GatewayTokenHeader => name == "x-ai-gateway-authorization",
        }
    }
}

/// What a client is told of its connection.
pub(crate) struct Connection<'a> {
    /// What it is to take for the provider's base URL.
    pub(crate) base_url: &'a str,
    /// The command that prints a token.
    pub(crate) helper: &'a [String],
    /// The model, if one was chosen.
    pub(crate) model: Option<&'a str>,
    /// A private folder that is removed at the end.
    pub(crate) folder: &'a Path,
    /// The environment that the client will have, before what is set here.
    pub(crate) env: &'a dyn Fn(&str) -> Option<String>,
}

/// How a client is started.
#[derive(Default, PartialEq, Eq, Debug)]
pub(crate) struct Launch {
    /// Arguments before the user's own.
    pub(crate) arguments: Vec<String>,
    /// Variables to set.
    pub(crate) set: Vec<(&'static str, String)>,
    /// Variables that would lead it elsewhere.
    pub(crate) unset: Vec<&'static str>,
    /// Files to write below the private folder.
    pub(crate) files: Vec<(PathBuf, String)>,
}

impl Client {
    /// The program's name.
    pub(crate) const fn program(self) -> &'static str {
        match self {
            Self::Claude => "claude",
            Self::Codex => "codex",
            Self::Gemini => "gemini",
        }
    }

    /// How it is installed.
    pub(crate) const fn installation(self) -> &'static str {
        match self {
            Self::Claude => "npm install -g @anthropic-ai/claude-code",
            Self::Codex => "npm install -g @openai/codex",
            Self::Gemini => "npm install -g @google/gemini-cli",
        }
    }

    /// The mode for a provider of that type, or the types that it can be used with.
    pub(crate) fn mode(self, kind: &str, passthrough: bool) -> Result<Mode, &'static str> {
        match (self, kind, passthrough) {
            (Self::Claude, "anthropic", false)
            | (Self::Codex, "openai" | "openai_compatible" | "bedrock_mantle", false)
            | (Self::Gemini, "google", false) => Ok(Mode::Native),
            (Self::Claude, "anthropic", true) => Ok(Mode::Passthrough),
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
    fn every_type_of_provider_has_a_client() {
        for kind in ProviderKind::ALL.map(|kind| kind.profile().type_name) {
            let clients = [Client::Claude, Client::Codex, Client::Gemini];
            let fit = clients
                .iter()
                .filter(|client| client.mode(kind, false).is_ok());
            assert_eq!(fit.count(), 1, "{kind}");
        }
    }
}
