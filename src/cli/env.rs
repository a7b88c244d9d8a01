//! `env`: manages the stored environments, one for each gateway.

use ai_gateway_core::http::url::BaseUrl;
use clap::Subcommand;
use serde_json::json;

use super::environment::{self, Environment};
use super::failure::{Failure, Kind};
use super::output::{Format, table};
use super::session::SessionOptions;

/// The subcommands of `env`.
#[derive(Subcommand)]
pub(super) enum Env {
    /// Add or change an environment: --endpoint, --issuer, --audience, --scope, --client-id.
    Add {
        /// The environment's name.
        name: String,
        /// The gateway's path_prefix, if it is not /llm/v1/providers.
        #[arg(long)]
        path_prefix: Option<String>,
    },
    /// Make an environment the default.
    Use {
        /// The environment's name.
        name: String,
    },
    /// List the environments.
    List,
    /// Remove an environment and its secret.
    Remove {
        /// The environment's name.
        name: String,
    },
}

pub(super) fn run(
    options: &SessionOptions,
    env: &Env,
    format: Option<Format>,
) -> Result<(), Failure> {
    let path = environment::path(options.config.as_deref())?;
    match env {
        Env::Add { name, path_prefix } => {
            if let Some(endpoint) = &options.endpoint {
                BaseUrl::parse(endpoint).map_err(|error| {
                    Failure::new(Kind::Usage, format!("--endpoint {endpoint} {error}"))
                })?;
            }
            environment::change(&path, |stored| {
                let entry = stored.environments.entry(name.clone()).or_default();
                let given = options.to_environment(path_prefix.clone());
                merge(entry, given);
                if entry.endpoint.is_none() {
                    return Err(Failure::new(Kind::Usage, "--endpoint is missing")
                        .hint("give the gateway's URL: --endpoint https://gateway.example.com"));
                }
                stored.current.get_or_insert_with(|| name.clone());
                Ok(())
            })
        }
        Env::Use { name } => environment::change(&path, |stored| {
            if !stored.environments.contains_key(name) {
                return Err(stored.unknown(name));
            }
            stored.current = Some(name.clone());
            Ok(())
        }),
        Env::Remove { name } => environment::change(&path, |stored| {
            if stored.environments.remove(name).is_none() {
                return Err(stored.unknown(name));
            }
            stored.current = stored.current.take().filter(|current| current != name);
            Ok(())
        }),
        Env::List => list(&environment::read(&path)?, format),
    }
}

fn merge(entry: &mut Environment, given: Environment) {
    let merge = |old: &mut Option<String>, new: Option<String>| {
        if new.is_some() {
            *old = new;
        }
    };
    merge(&mut entry.endpoint, given.endpoint);
    merge(&mut entry.path_prefix, given.path_prefix);
    merge(&mut entry.issuer, given.issuer);
    merge(&mut entry.audience, given.audience);
    merge(&mut entry.scope, given.scope);
    if given.client_id.is_some() && given.client_id != entry.client_id {
        entry.client_secret = None; // It was the previous client's.
    }
    merge(&mut entry.client_id, given.client_id);
}

impl SessionOptions {
    fn to_environment(&self, path_prefix: Option<String>) -> Environment {
        Environment {
            endpoint: self.endpoint.clone(),
            path_prefix,
            issuer: self.issuer.clone(),
            audience: self.audience.clone(),
            scope: self.scope.clone(),
            client_id: self.client_id.clone(),
            client_secret: None,
        }
    }
}

fn list(stored: &environment::Environments, format: Option<Format>) -> Result<(), Failure> {
    let entries: Vec<_> = stored
        .environments
        .iter()
        .map(|(name, environment)| {
            json!({
                "name": name,
                "current": stored.current.as_ref() == Some(name),
                "endpoint": environment.endpoint,
                "issuer": environment.issuer,
                "audience": environment.audience,
                "client_id": environment.client_id,
                "logged_in": environment.client_secret.is_some(),
            })
        })
        .collect();
    Format::or_by_terminal(format).print(&json!({ "environments": entries }), || {
        let heading = ["", "NAME", "ENDPOINT", "ISSUER", "LOGGED IN"];
        let mut rows = vec![heading.map(str::to_owned).to_vec()];
        rows.extend(stored.environments.iter().map(|(name, environment)| {
            let is_current = stored.current.as_ref() == Some(name);
            let has_secret = environment.client_secret.is_some();
            vec![
                if is_current { "*" } else { "" }.to_owned(),
                name.clone(),
                environment.endpoint.clone().unwrap_or_default(),
                environment.issuer.clone().unwrap_or_default(),
                if has_secret { "yes" } else { "no" }.to_owned(),
            ]
        }));
        table(&rows)
    })
}
