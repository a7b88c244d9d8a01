//! The credential of upstream requests.

use std::rc::Rc;

use crate::aws::credentials::AwsSettings;
use crate::base::secret::Secret;
use crate::provider_kind::KeyPlacement;

/// How upstream requests are authenticated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Credential {
    /// Not at all: the provider needs no credential, or another filter adds it.
    None,
    /// By the gateway's API key.
    ApiKey {
        /// The key.
        key: Secret,
        /// The header for it, if configured.
        placement: Option<KeyPlacement>,
    },
    /// By a signature of the gateway.
    Aws(Rc<AwsSigning>),
    /// By the client's own credential, which is forwarded unchanged.
    Passthrough {
        /// Whether the gateway requires its own token, in a gateway token header.
        gateway_token: GatewayToken,
    },
}

/// What requests to a provider are signed with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AwsSigning {
    /// Where the credentials come from.
    pub settings: AwsSettings,
    /// The region of the scope.
    pub region: String,
    /// The service's signing name.
    pub service: &'static str,
}

/// Whether the gateway's token is required in addition to the client's own credential.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GatewayToken {
    /// A token is verified if one is sent.
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
