//! The provider's credentials, and the type that keeps a secret from being printed.

use std::fmt;

use crate::provider::KeyPlacement;

/// A secret text. It has no `Display`, its `Debug` says nothing, and only the request to the
/// provider is made from it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Takes a secret over.
    pub fn new(text: String) -> Self {
        Self(text)
    }

    /// The secret itself, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

/// How a request to a provider is authorised there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Credential {
    /// Not at all, as with a model server on the same host.
    None,
    /// By the gateway's API key.
    ApiKey {
        /// The key.
        key: Secret,
        /// The header for it, where the configuration chose one.
        placement: Option<KeyPlacement>,
    },
    /// By the client's own credential, which goes through unchanged.
    Passthrough {
        /// Whether the gateway still wants a token of its own, in a side header.
        gateway_token: GatewayToken,
    },
}

/// Whether a provider that passes the client's credential through also asks for the gateway's token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GatewayToken {
    /// A token is checked where one is sent.
    Optional,
    /// A request without one is refused.
    Required,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print() {
        let credential = Credential::ApiKey {
            key: Secret::new("sk-very-secret".into()),
            placement: None,
        };
        assert!(!format!("{credential:?} {credential:#?}").contains("sk-very"));
    }
}
