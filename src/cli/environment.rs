//! The stored environments: the gateways that a user has configured, by name, in one private file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::failure::{Failure, Kind};
use super::files;

/// The environment's name if the user gives none.
pub(super) const DEFAULT: &str = "default";

/// The content of the file.
#[derive(Serialize, Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct Environments {
    /// The environment that is used if none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) current: Option<String>,
    #[serde(default)]
    pub(super) environments: BTreeMap<String, Environment>,
}

/// A gateway, and the client that uses it. It has no `Debug`, because it holds a secret.
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

/// The path of the file: the given one, or else the one in the user's configuration folder.
pub(super) fn path(given: Option<&Path>) -> Result<PathBuf, Failure> {
    match given {
        Some(path) => Ok(path.to_owned()),
        None => files::config_file("environments.json"),
    }
}

/// Reads the file. Without a file there are no environments.
pub(super) fn read(path: &Path) -> Result<Environments, Failure> {
    let Some(content) = files::read(path)? else {
        return Ok(Environments::default());
    };
    serde_json::from_slice(&content).map_err(|error| {
        let place = format!("line {} column {}", error.line(), error.column());
        Failure::new(
            Kind::Failed,
            format!("{} cannot be parsed at {place}", path.display()),
        )
        .hint("correct it, or remove it and log in again")
    })
}

/// Changes the file while it is locked against other processes.
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
    /// The selected environment and its name.
    pub(super) fn select(&self, name: Option<&str>) -> Result<(String, Environment), Failure> {
        let selected = name.or(self.current.as_deref()).unwrap_or(DEFAULT);
        match self.environments.get(selected) {
            Some(environment) => Ok((selected.to_owned(), environment.clone())),
            None if name.is_none() => Ok((selected.to_owned(), Environment::default())),
            None => Err(self.unknown(selected)),
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
