//! Bytes → [`Config`]. A `Config` is valid by construction: whoever holds one need not check it.
//!
//! Every default stands in this file, in [`defaults`].

mod aws;
mod document;
mod issuers;
mod models;
mod observability;
mod paths;
mod prices;
mod problem;
mod providers;
#[cfg(feature = "cli")]
mod schema;
mod text;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use sha2::{Digest, Sha256};

pub use observability::Observability;
pub use problem::{ConfigError, Problem};
#[cfg(feature = "cli")]
pub use schema::{schema, shape_problem};

use crate::authn::Issuer;
use crate::authn::signature::VerifierChoice;
use crate::authz::{Action, Binding, ClaimMatch, Policy};
use crate::callout::Clusters;
use crate::catalog::UnlistedStatus;
use crate::credential::{AwsSigning, Credential, GatewayToken};
use crate::provider::{Provider, ProviderKind};
use crate::sigv4::hex;
use document::Document;
use problem::{Problems, shape_error};

/// The whole configuration of the filter.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where the providers are served; a leading slash, no trailing one.
    pub path_prefix: String,
    /// Where the totals of what was used are served; a leading slash, no trailing one.
    pub usage_path: String,
    /// Where the gateway tells how it does; likewise.
    pub status_path: String,
    /// SHA-256 of the document, in hexadecimal digits.
    pub digest: String,
    /// Whether the page to connect from is served without a token, too.
    pub public_connect_page: bool,
    /// How callers are known.
    pub authentication: Authentication,
    /// What callers may do.
    pub policy: Policy,
    /// The providers, by name.
    pub providers: BTreeMap<String, Provider>,
    /// The gateway's own headers for a token, names in lower case.
    pub token_headers: Vec<String>,
    /// Response headers that tell of the gateway's account at a provider, names in lower case.
    pub response_headers_to_remove: Vec<String>,
    /// What is logged and counted beyond what always is.
    pub observability: Observability,
    /// The largest body that is held back for a signature.
    pub max_signed_body_bytes: u64,
    /// How far the model may be from a body's beginning, where there is a catalog.
    pub max_model_lookup_bytes: u64,
    /// How a request for a model that is in no catalog is answered.
    pub unlisted_model_status: UnlistedStatus,
}

/// How callers are known.
#[derive(Clone, Debug)]
pub enum Authentication {
    /// By tokens.
    Tokens {
        /// Who may issue them.
        issuers: Vec<Issuer>,
        /// How many tokens that passed are remembered.
        cache_size: usize,
        /// Who checks their signatures.
        verifier: VerifierChoice,
    },
    /// Not at all; asked for by name.
    Disabled,
}

impl Authentication {
    /// How many tokens that passed are remembered.
    pub const fn cache_size(&self) -> usize {
        match self {
            Self::Tokens { cache_size, .. } => *cache_size,
            Self::Disabled => 1,
        }
    }

    /// Who checks the tokens' signatures.
    pub const fn verifier(&self) -> VerifierChoice {
        match self {
            Self::Tokens { verifier, .. } => *verifier,
            Self::Disabled => VerifierChoice::Auto,
        }
    }
}

/// What holds where the configuration is silent.
pub mod defaults {
    use std::time::Duration;

    /// `path_prefix`.
    pub const PATH_PREFIX: &str = "/llm/v1/providers";
    /// `usage_path`, in the place of the last segment of `path_prefix`.
    pub const USAGE: &str = "usage";
    /// `status_path`, likewise.
    pub const STATUS: &str = "status";
    /// `clusters.https`.
    pub const HTTPS_CLUSTER: &str = "upstream_https";
    /// `clusters.http`.
    pub const HTTP_CLUSTER: &str = "upstream_http";
    /// `response_headers_to_remove`, beside the account headers of every kind of provider.
    pub const RESPONSE_HEADERS_TO_REMOVE: [&str; 1] = ["set-cookie"];
    /// `max_signed_body_bytes`: the listener's limit in `envoy/bootstrap.yaml`.
    pub const MAX_SIGNED_BODY_BYTES: u64 = 32 * 1024 * 1024;
    /// `max_model_lookup_bytes`, likewise: SDKs write the model after the prompt.
    pub const MAX_MODEL_LOOKUP_BYTES: u64 = MAX_SIGNED_BODY_BYTES;
    /// `observability.conversation_headers`.
    pub const CONVERSATION_HEADERS: [&str; 2] =
        ["x-gen-ai-conversation", "x-redpanda-genai-conversation"];
    /// `observability.max_models`.
    pub const MAX_MODELS: usize = 100;
    /// `authentication.token_headers`.
    pub const TOKEN_HEADERS: [&str; 2] = ["x-ai-gateway-authorization", "x-redpanda-cloud-token"];
    /// `authentication.token_cache_size`, in tokens, for each worker.
    pub const TOKEN_CACHE_SIZE: usize = 1000;
    /// `authentication.issuers[].clock_skew`.
    pub const CLOCK_SKEW: Duration = Duration::from_secs(60);
    /// `authentication.issuers[].fetch_timeout`, for each callout.
    pub const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
    /// `authentication.issuers[].refresh_interval`.
    pub const REFRESH_INTERVAL: Duration = Duration::from_secs(600);
    /// `authentication.issuers[].min_refresh_interval`.
    pub const MIN_REFRESH_INTERVAL: Duration = Duration::from_secs(60);
    /// `authentication.issuers[].max_refresh_interval`.
    pub const MAX_REFRESH_INTERVAL: Duration = Duration::from_secs(3600);
    /// `authentication.issuers[].max_stale`.
    pub const MAX_STALE: Duration = Duration::from_secs(86_400);
    /// `authentication.issuers[].refetch_interval`.
    pub const REFETCH_INTERVAL: Duration = Duration::from_secs(30);
    /// `authorization.claims`.
    pub const PERMISSION_CLAIMS: [&str; 3] = ["permissions", "roles", "scope"];
    /// `authorization.invoke`.
    pub const INVOKE: [&str; 2] = ["dataplane_adp_llmprovider_invoke", "LLMProviderInvoker"];
    /// `authorization.get`.
    pub const GET: [&str; 2] = ["dataplane_adp_llmprovider_get", "LLMProviderInvoker"];
}

impl Config {
    /// Reads a configuration. `env` gives the host's environment variables.
    pub fn parse(json: &[u8], env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let mut deserializer = serde_json::Deserializer::from_slice(json);
        let document: Document = serde_path_to_error::deserialize(&mut deserializer)
            .map_err(|error| shape_error(&error))?;
        let mut problems = Problems::default();
        if deserializer.end().is_err() {
            problems.add("", "something follows the configuration");
        }
        let mut config = Self::from_document(document, env, &mut problems);
        config.digest = hex(&Sha256::digest(json));
        problems.finish(config)
    }

    fn from_document(
        document: Document,
        env: &dyn Fn(&str) -> Option<String>,
        problems: &mut Problems,
    ) -> Self {
        let clusters = Clusters {
            http: or_default(document.clusters.http, defaults::HTTP_CLUSTER),
            https: or_default(document.clusters.https, defaults::HTTPS_CLUSTER),
        };
        let path_prefix = or_default(document.path_prefix, defaults::PATH_PREFIX);
        if !text::is_path_prefix(&path_prefix) {
            problems.add(
                "/path_prefix",
                "must be a plain path with a leading slash and no trailing one",
            );
        }
        let mut own_path =
            |field: &str, path, default| paths::read(field, path, default, &path_prefix, problems);
        let usage_path = own_path("/usage_path", document.usage_path, defaults::USAGE);
        let status_path = own_path("/status_path", document.status_path, defaults::STATUS);
        if usage_path == status_path {
            problems.add("/status_path", "must not be usage_path");
        }
        let token_headers = header_names(
            document.authentication.token_headers.clone(),
            &defaults::TOKEN_HEADERS,
            "/authentication/token_headers",
            problems,
        );
        let authentication = issuers::read(document.authentication, &clusters, problems);
        let policy = policy(document.authorization, &document.providers, problems);
        let providers = providers::read(document.providers, &clusters, env, problems);
        for (name, provider) in &providers {
            let wants_token = Credential::Passthrough {
                gateway_token: GatewayToken::Required,
            };
            if matches!(authentication, Authentication::Disabled)
                && provider.credential == wants_token
            {
                problems.add(
                    "/authentication/disabled",
                    format_args!("contradicts require_gateway_token of provider \"{name}\""),
                );
            }
        }
        let response_headers_to_remove = header_names(
            document.response_headers_to_remove,
            &default_response_headers_to_remove(),
            "/response_headers_to_remove",
            problems,
        );
        let observability = observability::read(document.observability, &token_headers, problems);
        let unlisted_model_status =
            models::unlisted_status(document.unlisted_model_status, problems);
        Self {
            path_prefix,
            usage_path,
            status_path,
            public_connect_page: document.public_connect_page,
            digest: String::new(),
            authentication,
            policy,
            providers,
            token_headers,
            response_headers_to_remove,
            observability,
            max_signed_body_bytes: document
                .max_signed_body_bytes
                .unwrap_or(defaults::MAX_SIGNED_BODY_BYTES),
            max_model_lookup_bytes: document
                .max_model_lookup_bytes
                .unwrap_or(defaults::MAX_MODEL_LOOKUP_BYTES),
            unlisted_model_status,
        }
    }

    /// The provider of that name, as it stands in a path.
    pub fn provider(&self, name: &[u8]) -> Option<&Provider> {
        self.providers.get(std::str::from_utf8(name).ok()?)
    }

    /// What requests to the provider of that name are signed with, if they are.
    pub fn signing(&self, name: &str) -> Option<&AwsSigning> {
        match &self.providers.get(name)?.credential {
            Credential::Aws(signing) => Some(signing),
            _ => None,
        }
    }

    /// The issuers of accepted tokens; none where authentication is disabled.
    pub fn issuers(&self) -> &[Issuer] {
        match &self.authentication {
            Authentication::Tokens { issuers, .. } => issuers,
            Authentication::Disabled => &[],
        }
    }
}

/// The account headers of every kind of provider, each once, and those that are the gateway's own.
fn default_response_headers_to_remove() -> Vec<&'static str> {
    let account_headers = ProviderKind::ALL.map(|kind| kind.profile().account_headers);
    let mut names = account_headers.concat();
    names.extend(defaults::RESPONSE_HEADERS_TO_REMOVE);
    names.sort_unstable();
    names.dedup();
    names
}

fn policy(
    authorization: document::Authorization,
    providers: &[document::Provider],
    problems: &mut Problems,
) -> Policy {
    let known: BTreeSet<_> = providers.iter().map(|it| it.name.as_str()).collect();
    let bindings = authorization
        .bindings
        .into_iter()
        .enumerate()
        .filter_map(|(index, binding)| {
            let path = format!("/authorization/bindings/{index}");
            let to = claim_match(
                binding.subject,
                binding.claim,
                binding.value,
                &path,
                problems,
            );
            if binding.permissions.is_empty() {
                problems.add(
                    &path,
                    "grants nothing: name \"invoke\" or \"get\" in permissions",
                );
            }
            for name in binding.providers.iter().flatten() {
                if !known.contains(name.as_str()) {
                    problems.add(
                        format_args!("{path}/providers"),
                        format_args!("there is no provider \"{name}\""),
                    );
                }
            }
            let models = models::read(binding.models, &path, problems);
            let has_prices = !binding.prices.is_empty();
            let prices = prices::read(binding.prices, &path, problems);
            let invokes = binding
                .permissions
                .iter()
                .any(|it| action(*it) == Action::Invoke);
            if !invokes && (models.is_some() || has_prices) {
                problems.add(
                    &path,
                    "models and prices have a meaning with \"invoke\" only",
                );
            }
            Some(Binding {
                to: to?,
                actions: binding.permissions.into_iter().map(action).collect(),
                providers: binding.providers,
                models,
                prices: has_prices.then(|| Rc::new(prices)),
            })
        })
        .collect();
    Policy {
        claims: list_or_default(authorization.claims, &defaults::PERMISSION_CLAIMS),
        invoke: list_or_default(authorization.invoke, &defaults::INVOKE),
        get: list_or_default(authorization.get, &defaults::GET),
        bindings,
    }
}

const fn action(permission: document::Permission) -> Action {
    match permission {
        document::Permission::Invoke => Action::Invoke,
        document::Permission::Get => Action::Get,
    }
}

/// Who is meant: `subject`, or `claim` with `value`.
fn claim_match(
    subject: Option<String>,
    claim: Option<String>,
    value: Option<String>,
    path: &str,
    problems: &mut Problems,
) -> Option<ClaimMatch> {
    let matched = match (subject, claim, value) {
        (Some(value), None, None) => ("sub".to_owned(), value),
        (None, Some(claim), Some(value)) => (claim, value),
        _ => {
            problems.add(path, "needs either subject, or claim and value");
            return None;
        }
    };
    if matched.0.is_empty() || matched.1.is_empty() {
        problems.add(path, "must not match an empty name or value");
    }
    Some(ClaimMatch {
        claim: matched.0,
        value: matched.1,
    })
}

fn header_names(
    names: Option<Vec<String>>,
    default: &[&str],
    path: &str,
    problems: &mut Problems,
) -> Vec<String> {
    let names = list_or_default(names, default);
    for (index, name) in names.iter().enumerate() {
        if !text::is_header_name(name) {
            problems.add(format_args!("{path}/{index}"), "is not a header name");
        }
    }
    names.iter().map(|name| name.to_ascii_lowercase()).collect()
}

fn or_default(text: Option<String>, default: &str) -> String {
    text.unwrap_or_else(|| default.to_owned())
}

fn list_or_default(list: Option<Vec<String>>, default: &[&str]) -> Vec<String> {
    list.unwrap_or_else(|| default.iter().map(|text| (*text).to_owned()).collect())
}

#[cfg(test)]
mod tests;
