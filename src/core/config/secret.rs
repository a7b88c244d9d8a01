//! A secret as the configuration gives it.

use serde::Deserialize;

use crate::base::secret::Secret;
use crate::http::head::is_header_value;

/// A secret as the configuration gives it: named, or for development written out.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub(super) enum SecretReference {
    /// The name of the environment variable that holds it.
    Env(String),
    /// The secret itself.
    Value(String),
}

impl SecretReference {
    /// The secret, fit to be sent in a header. Its value is in no error.
    pub(super) fn resolve(&self, env: &dyn Fn(&str) -> Option<String>) -> Result<Secret, String> {
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
