//! The gateways that a user has told of, each an environment by its name, in one private file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::failure::{Failure, Kind};
use super::files;

/// The name of an environment that nobody named.
pub(super) const DEFAULT: &str = "default";

/// The file as it is written.
#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Environments {
    /// The one that is used where none is named.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) current: Option<String>,
    #[serde(default)]
    pub(super) environments: BTreeMap<String, Environment>,
}

/// One gateway, and who asks it. It has no `Debug`: the secret is in it.
#[derive(Serialize, Deserialize, Default, Clone)]
#[serde(deny_unknown_fields)]
pub(super) struct Environment {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) endpoint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) path_prefix: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) issuer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) audience: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) scope: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) client_secret: Option<String>,
}

/// The file, by the flag or the variable, else in the user's folder of settings.
pub(super) fn path(given: Option<&Path>) -> Result<PathBuf, Failure> {
    match given {
        Some(path) => Ok(path.to_owned()),
        None => files::settings("environments.json"),
    }
}

/// Reads the file; without one there are no environments.
pub(super) fn read(path: &Path) -> Result<Environments, Failure> {
    let Some(content) = files::read(path)? else {
        return Ok(Environments::default());
    };
    serde_json::from_slice(&content).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        Failure::new(
            Kind::Failed,
            format!("{} cannot be read at {place}", path.display()),
        )
        .hint("correct it, or remove it and log in again")
    })
}

/// Changes the file, one process at a time.
pub(super) fn change(
    path: &Path,
    change: impl FnOnce(&mut Environments) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let _lock = files::lock(&path.with_extension("lock"))?;
    let mut environments = read(path)?;
    change(&mut environments)?;
    let text = serde_json::to_string_pretty(&environments)
        .map_err(|error| Failure::new(Kind::Failed, error.to_string()))?;
    files::write(path, text.as_bytes())
}

impl Environments {
    /// The name of the environment that is meant, and what is known of it.
    pub(super) fn chosen(&self, name: Option<&str>) -> Result<(String, Environment), Failure> {
        let chosen = name.or(self.current.as_deref()).unwrap_or(DEFAULT);
        match self.environments.get(chosen) {
            Some(environment) => Ok((chosen.to_owned(), environment.clone())),
            None if name.is_none() => Ok((chosen.to_owned(), Environment::default())),
            None => Err(self.unknown(chosen)),
        }
    }

    pub(super) fn unknown(&self, name: &str) -> Failure {
        let names: Vec<_> = self.environments.keys().map(String::as_str).collect();
        let hint = if names.is_empty() {
            format!("add it: ai-gateway-filter env add {name} --endpoint https://…")
        } else {
            format!(
                "there are {}; or add it: ai-gateway-filter env add {name} --endpoint https://…",
                names.join(", ")
            )
        };
        Failure::new(
            Kind::NotFound,
            format!("there is no environment \"{name}\""),
        )
        .hint(hint)
    }
}
