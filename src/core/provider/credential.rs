//! The provider's credentials, and the type that keeps a secret from being printed.

use std::rc::Rc;

use crate::aws::credentials::AwsSettings;
use crate::base::secret::Secret;
use crate::provider_kind::KeyPlacement;

/// How a request to a provider is authorised there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Credential {
    /// Not by this filter: the provider asks for nothing, or another filter signs.
    None,
    /// By the gateway's API key.
    ApiKey {
        /// The key.
        key: Secret,
        /// The header for it, where the configuration chose one.
        placement: Option<KeyPlacement>,
    },
    /// By a signature that the gateway makes.
    Aws(Rc<AwsSigning>),
    /// By the client's own credential, which goes through unchanged.
    Passthrough {
        /// Whether the gateway still wants a token of its own, in a side header.
        gateway_token: GatewayToken,
    },
}

/// What requests to a provider are signed with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AwsSigning {
    /// The credentials' origin.
    pub settings: AwsSettings,
    /// The region of the scope.
    pub region: String,
    /// The service's signing name.
    pub service: &'static str,
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
