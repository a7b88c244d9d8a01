//! Secrets in the configuration, and their resolution.

use std::fmt;

use serde::Deserialize;
use thiserror::Error;

use crate::base::secret::Secret;
use crate::http::head::is_header_value;

/// A secret: the name of an environment variable or, for development, the secret itself.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum SecretReference {
    /// The name of the environment variable that holds it.
    Env(String),
    /// The secret itself.
    Value(String),
}

/// Why a secret cannot be used. No variant contains the secret.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
pub(in super::super) enum SecretError {
    /// The name is not shown, because it may be the secret itself.
    #[error("must name an environment variable; this text cannot be a variable's name")]
    InvalidVariableName,
    #[error(
        "the environment variable {0} is not set; set it for Envoy and list it in \
         vm_config.environment_variables.host_env_keys"
    )]
    VariableNotSet(String),
    #[error("{0} is empty or has line breaks, non-ASCII characters or spaces at an end")]
    InvalidValue(ValueOrigin),
}

/// Where the value of a secret comes from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in super::super) enum ValueOrigin {
    Configuration,
    Variable(String),
}

impl fmt::Display for ValueOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Configuration => f.write_str("the value"),
            Self::Variable(name) => write!(f, "the environment variable {name}"),
        }
    }
}

impl SecretReference {
    /// The secret, which is a valid header value.
    pub(in super::super) fn resolve(
        &self,
        env: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Secret, SecretError> {
        let (value, origin) = match self {
            Self::Value(value) => (value.clone(), ValueOrigin::Configuration),
            Self::Env(name) if !is_variable_name(name) => {
                return Err(SecretError::InvalidVariableName);
            }
            Self::Env(name) => {
                let value = env(name).ok_or_else(|| SecretError::VariableNotSet(name.clone()))?;
                (value, ValueOrigin::Variable(name.clone()))
            }
        };
        if is_header_value(&value) {
            Ok(Secret::new(value))
        } else {
            Err(SecretError::InvalidValue(origin))
        }
    }
}

/// Letters, digits and `_`, without a digit at the start (POSIX.1 §8.1).
pub(super) fn is_variable_name(name: &str) -> bool {
    !name.is_empty()
        && !name.starts_with(|first: char| first.is_ascii_digit())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
}
