//! The gateway that a command uses, and the token for it. A flag takes precedence over its
//! variable, and a variable over the stored environment.

use std::path::PathBuf;

use ai_gateway_core::config::defaults;
use ai_gateway_core::http::url::BaseUrl;
use clap::Args;

use super::environment::{self, Environment};
use super::failure::{Failure, Kind};
use super::oidc::ClientCredentials;
use super::token_cache;

/// The flags of every command.
#[derive(Args, Default)]
pub(super) struct SessionOptions {
    /// The gateway's base URL, such as https://gateway.example.com.
    #[arg(long, global = true, env = "AI_GATEWAY_ENDPOINT", help_heading = GATEWAY)]
    pub(super) endpoint: Option<String>,
    /// A token for the gateway, used as it is. Prefer the variable, because all users of this
    /// machine can see arguments.
    #[arg(long, global = true, env = "AI_GATEWAY_TOKEN", hide_env_values = true, help_heading = GATEWAY)]
    pub(super) token: Option<String>,
    /// The name of the environment to use.
    #[arg(long = "env", short = 'e', global = true, env = "AI_GATEWAY_ENV", help_heading = GATEWAY)]
    pub(super) environment: Option<String>,
    /// The file that stores the environments.
    #[arg(long, global = true, env = "AI_GATEWAY_CONFIG", help_heading = GATEWAY)]
    pub(super) config: Option<PathBuf>,
    /// The issuer, whose discovery document names the token endpoint.
    #[arg(long, global = true, env = "AI_GATEWAY_ISSUER", help_heading = IDENTITY)]
    pub(super) issuer: Option<String>,
    /// The audience of the token.
    #[arg(long, global = true, env = "AI_GATEWAY_AUDIENCE", help_heading = IDENTITY)]
    pub(super) audience: Option<String>,
    /// The scope of the token.
    #[arg(long, global = true, env = "AI_GATEWAY_SCOPE", help_heading = IDENTITY)]
    pub(super) scope: Option<String>,
    /// The client's id. Give its secret in AI_GATEWAY_CLIENT_SECRET or to `login`.
    #[arg(long, global = true, env = "AI_GATEWAY_CLIENT_ID", help_heading = IDENTITY)]
    pub(super) client_id: Option<String>,
}

const GATEWAY: &str = "Gateway";
const IDENTITY: &str = "Identity";
/// This variable has no flag, because all users of this machine can see arguments.
pub(super) const CLIENT_SECRET: &str = "AI_GATEWAY_CLIENT_SECRET";

impl SessionOptions {
    /// The given values as variables, for a child process that must use the same session.
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

/// A gateway, and the means to get a token for it.
pub(super) struct Session {
    /// The environment's name.
    pub(super) name: String,
    /// The stored environment, with the flags and variables applied.
    pub(super) environment: Environment,
    given_token: Option<String>,
}

impl Session {
    /// The session that the flags, the variables and the stored environments select.
    pub(super) fn open(options: &SessionOptions) -> Result<Self, Failure> {
        let stored = environment::read(&environment::path(options.config.as_deref())?)?;
        let (name, stored) = stored.select(options.environment.as_deref())?;
        Ok(Self::new(options, name, stored))
    }

    /// The same, for an environment that may not exist yet.
    pub(super) fn open_or_create(options: &SessionOptions) -> Result<Self, Failure> {
        let stored = environment::read(&environment::path(options.config.as_deref())?)?;
        match &options.environment {
            Some(name) if !stored.environments.contains_key(name) => {
                Ok(Self::new(options, name.clone(), Environment::default()))
            }
            name => {
                let (name, stored) = stored.select(name.as_deref())?;
                Ok(Self::new(options, name, stored))
            }
        }
    }

    fn new(options: &SessionOptions, name: String, stored: Environment) -> Self {
        let given = |flag: &Option<String>, stored: Option<String>| {
            flag.clone().filter(|text| !text.is_empty()).or(stored)
        };
        let secret = std::env::var(CLIENT_SECRET).ok();
        Self {
            name,
            environment: Environment {
                endpoint: given(&options.endpoint, stored.endpoint),
                path_prefix: stored.path_prefix,
                issuer: given(&options.issuer, stored.issuer),
                audience: given(&options.audience, stored.audience),
                scope: given(&options.scope, stored.scope),
                client_id: given(&options.client_id, stored.client_id),
                client_secret: given(&secret, stored.client_secret),
            },
            given_token: options.token.clone().filter(|token| !token.is_empty()),
        }
    }

    /// Whether the user gave a token, which cannot be renewed.
    pub(super) const fn has_given_token(&self) -> bool {
        self.given_token.is_some()
    }

    /// The given token, or the cached one, or a new one.
    pub(super) fn token(&self) -> Result<String, Failure> {
        match &self.given_token {
            Some(token) => Ok(token.clone()),
            None => Ok(
                token_cache::token(&self.credentials()?, token_cache::Freshness::Cached)?
                    .access_token,
            ),
        }
    }

    /// The credentials for token requests.
    pub(super) fn credentials(&self) -> Result<ClientCredentials, Failure> {
        let environment = &self.environment;
        let require = |value: &Option<String>, what: &str| {
            value.clone().ok_or_else(|| {
                Failure::new(
                    Kind::Unauthenticated,
                    format!("no token for \"{}\": {what} is missing", self.name),
                )
                .hint(LOGIN)
            })
        };
        Ok(ClientCredentials {
            issuer: require(&environment.issuer, "the issuer")?,
            client_id: require(&environment.client_id, "the client's id")?,
            client_secret: require(&environment.client_secret, "the client's secret")?,
            audience: environment.audience.clone(),
            scope: environment.scope.clone(),
        })
    }

    /// The gateway's base URL.
    pub(super) fn endpoint(&self) -> Result<BaseUrl, Failure> {
        let Some(endpoint) = &self.environment.endpoint else {
            return Err(
                Failure::new(Kind::Usage, "no gateway is given").hint(
                    "give --endpoint, set AI_GATEWAY_ENDPOINT, or run: ai-gateway-filter env add <name> --endpoint https://…",
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

/// The hint for a missing or refused token.
pub(super) const LOGIN: &str = "run ai-gateway-filter login, or set AI_GATEWAY_TOKEN; docs/command-line.md lists the variables";
