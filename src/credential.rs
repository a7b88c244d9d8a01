//! The provider's credentials, and the type that keeps a secret from being printed.

pub mod aws;

use std::fmt;
use std::rc::Rc;

use serde::Deserialize;

use crate::head::is_header_value;
use crate::provider::KeyPlacement;
use aws::AwsSettings;

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

/// A secret as the configuration gives it: named, or for development written out.
#[derive(Deserialize)]
#[cfg_attr(feature = "cli", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum SecretReference {
    /// The name of the environment variable that holds it.
    Env(String),
    /// The secret itself.
    Value(String),
}

impl SecretReference {
    /// The secret, fit to be sent in a header. Its value is in no error.
    pub fn resolve(&self, env: &dyn Fn(&str) -> Option<String>) -> Result<Secret, String> {
        let (value, origin) = match self {
            Self::Value(value) => (value.clone(), "the value".to_owned()),
            Self::Env(name) if !is_variable_name(name) => {
                return Err(
                    "must name an environment variable; what is there cannot be its name"
                        .to_owned(),
                );
            }
            Self::Env(name) => (
                env(name).ok_or_else(|| {
                    format!(
                        "the environment variable {name} is not set; set it for Envoy and list it \
                         in vm_config.environment_variables.host_env_keys"
                    )
                })?,
                format!("the environment variable {name}"),
            ),
        };
        if is_header_value(&value) {
            Ok(Secret::new(value))
        } else {
            Err(format!(
                "{origin} is empty or has spaces around it, line breaks or characters beyond ASCII"
            ))
        }
    }
}

/// What a shell can set: letters, digits and `_`, no digit first (POSIX.1 §8.1).
fn is_variable_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}

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
