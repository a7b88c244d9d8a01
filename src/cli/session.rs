//! Which gateway is meant, and with which token it is asked: what flags say counts more than
//! variables, and these count more than what was stored.

use std::path::PathBuf;

use ai_gateway_core::config::defaults;
use ai_gateway_core::http::url::BaseUrl;
use clap::Args;

use super::environment::{self, Environment};
use super::failure::{Failure, Kind};
use super::oidc::Credentials;
use super::token_cache;

/// The flags that every command takes.
#[derive(Args, Default)]
pub(super) struct Choice {
    /// The gateway's base URL, such as https://gateway.example.com.
    #[arg(long, global = true, env = "AI_GATEWAY_ENDPOINT", help_heading = GATEWAY)]
    pub(super) endpoint: Option<String>,
    /// A token for the gateway, which is then used as it is; better given by the variable, since
    /// arguments are seen by everyone on this machine.
    #[arg(long, global = true, env = "AI_GATEWAY_TOKEN", hide_env_values = true, help_heading = GATEWAY)]
    pub(super) token: Option<String>,
    /// The environment to use, by its name.
    #[arg(long = "env", short = 'e', global = true, env = "AI_GATEWAY_ENV", help_heading = GATEWAY)]
    pub(super) environment: Option<String>,
    /// The file of the environments.
    #[arg(long, global = true, env = "AI_GATEWAY_CONFIG", help_heading = GATEWAY)]
    pub(super) config: Option<PathBuf>,
    /// The identity provider: the issuer, by whose discovery document the token endpoint is found.
    #[arg(long, global = true, env = "AI_GATEWAY_ISSUER", help_heading = IDENTITY)]
    pub(super) issuer: Option<String>,
    /// Whom the token is for.
    #[arg(long, global = true, env = "AI_GATEWAY_AUDIENCE", help_heading = IDENTITY)]
    pub(super) audience: Option<String>,
    /// The scope to ask for.
    #[arg(long, global = true, env = "AI_GATEWAY_SCOPE", help_heading = IDENTITY)]
    pub(super) scope: Option<String>,
    /// The client's id; its secret is given by AI_GATEWAY_CLIENT_SECRET or by `login`.
    #[arg(long, global = true, env = "AI_GATEWAY_CLIENT_ID", help_heading = IDENTITY)]
    pub(super) client_id: Option<String>,
}

const GATEWAY: &str = "Gateway";
const IDENTITY: &str = "Identity";
/// The one variable that has no flag.
pub(super) const CLIENT_SECRET: &str = "AI_GATEWAY_CLIENT_SECRET";

impl Choice {
    /// What the flags said, as variables for a process that is to choose the same.
    pub(super) fn as_variables(&self) -> Result<Vec<(&'static str, String)>, Failure> {
        let config = environment::path(self.config.as_deref())?;
        let config = std::path::absolute(&config)
            .map_err(|error| Failure::file(&config, &error))?
            .to_string_lossy()
            .into_owned();
        let given = [
            ("AI_GATEWAY_CONFIG", &Some(config)),
            ("AI_GATEWAY_ENDPOINT", &self.endpoint),
            ("AI_GATEWAY_TOKEN", &self.token),
            ("AI_GATEWAY_ENV", &self.environment),
            ("AI_GATEWAY_ISSUER", &self.issuer),
            ("AI_GATEWAY_AUDIENCE", &self.audience),
            ("AI_GATEWAY_SCOPE", &self.scope),
            ("AI_GATEWAY_CLIENT_ID", &self.client_id),
        ];
        let given = given.into_iter();
        Ok(given
            .filter_map(|(name, value)| Some((name, value.clone()?)))
            .collect())
    }
}

/// A gateway, and how to get a token for it.
pub(super) struct Session {
    /// The environment's name.
    pub(super) name: String,
    /// What is known of it, flags and variables included.
    pub(super) environment: Environment,
    given_token: Option<String>,
}

impl Session {
    /// What the flags, the variables and the stored environments come to.
    pub(super) fn open(choice: &Choice) -> Result<Self, Failure> {
        let stored = environment::read(&environment::path(choice.config.as_deref())?)?;
        let (name, stored) = stored.chosen(choice.environment.as_deref())?;
        Ok(Self::new(choice, name, stored))
    }

    /// The same for an environment that there may not be yet.
    pub(super) fn open_or_create(choice: &Choice) -> Result<Self, Failure> {
        let stored = environment::read(&environment::path(choice.config.as_deref())?)?;
        match &choice.environment {
            Some(name) if !stored.environments.contains_key(name) => {
                Ok(Self::new(choice, name.clone(), Environment::default()))
            }
            name => {
                let (name, stored) = stored.chosen(name.as_deref())?;
                Ok(Self::new(choice, name, stored))
            }
        }
    }

    fn new(choice: &Choice, name: String, stored: Environment) -> Self {
        let given = |flag: &Option<String>, stored: Option<String>| {
            flag.clone().filter(|text| !text.is_empty()).or(stored)
        };
        let secret = std::env::var(CLIENT_SECRET).ok();
        Self {
            name,
            environment: Environment {
                endpoint: given(&choice.endpoint, stored.endpoint),
                path_prefix: stored.path_prefix,
                issuer: given(&choice.issuer, stored.issuer),
                audience: given(&choice.audience, stored.audience),
                scope: given(&choice.scope, stored.scope),
                client_id: given(&choice.client_id, stored.client_id),
                client_secret: given(&secret, stored.client_secret),
            },
            given_token: choice.token.clone().filter(|token| !token.is_empty()),
        }
    }

    /// Whether a token was given, which nobody can renew.
    pub(super) const fn has_given_token(&self) -> bool {
        self.given_token.is_some()
    }

    /// A token that is good for some time: the given one, or the cached one, or a new one.
    pub(super) fn token(&self) -> Result<String, Failure> {
        match &self.given_token {
            Some(token) => Ok(token.clone()),
            None => Ok(
                token_cache::token(&self.credentials()?, token_cache::Freshness::Cached)?
                    .access_token,
            ),
        }
    }

    /// What a token is asked for with.
    pub(super) fn credentials(&self) -> Result<Credentials, Failure> {
        let environment = &self.environment;
        let needed = |value: &Option<String>, what: &str| {
            value.clone().ok_or_else(|| {
                Failure::new(
                    Kind::Unauthenticated,
                    format!(
                        "there is no token for \"{}\": {what} is not known",
                        self.name
                    ),
                )
                .hint(LOGIN)
            })
        };
        Ok(Credentials {
            issuer: needed(&environment.issuer, "the issuer")?,
            client_id: needed(&environment.client_id, "the client's id")?,
            client_secret: needed(&environment.client_secret, "the client's secret")?,
            audience: environment.audience.clone(),
            scope: environment.scope.clone(),
        })
    }

    /// The gateway's base URL.
    pub(super) fn endpoint(&self) -> Result<BaseUrl, Failure> {
        let Some(endpoint) = &self.environment.endpoint else {
            return Err(
                Failure::new(Kind::Usage, "which gateway is meant is not known").hint(
                    "give --endpoint, set AI_GATEWAY_ENDPOINT, or: ai-gateway-filter env add <name> --endpoint https://…",
                ),
            );
        };
        BaseUrl::parse(endpoint).map_err(|error| {
            Failure::new(Kind::Usage, format!("the endpoint \"{endpoint}\" {error}"))
                .hint("write it as https://gateway.example.com, without /llm/…")
        })
    }

    /// The URL of the list of providers.
    pub(super) fn providers_url(&self) -> Result<String, Failure> {
        let prefix = self.environment.path_prefix.as_deref();
        Ok(format!(
            "{}{}",
            self.endpoint()?,
            prefix.unwrap_or(defaults::PATH_PREFIX)
        ))
    }

    /// A provider's proxy URL.
    pub(super) fn proxy_url(&self, provider: &str) -> Result<String, Failure> {
        Ok(format!("{}/{provider}", self.providers_url()?))
    }
}

/// What to do without a token.
pub(super) const LOGIN: &str =
    "ai-gateway-filter login, or set AI_GATEWAY_TOKEN; docs/command-line.md lists the variables";
