//! The configuration: parses JSON into a [`Config`], which is valid by construction.
//!
//! A text is parsed in two steps. [`Document`] is its shape, as serde parses it. Each section of the
//! document is then validated in the module of that name, which collects every problem with its JSON
//! path. The defaults are in [`defaults`].

mod authentication;
mod authorization;
mod aws;
#[cfg(feature = "schema")]
mod choices;
pub mod defaults;
mod document;
mod mcp;
mod mcp_grants;
mod models;
mod observability;
mod paths;
mod prices;
mod problem;
mod providers;
#[cfg(feature = "schema")]
mod schema;
mod validators;

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

pub use authentication::Authentication;
pub use document::Document;
pub use mcp::Mcp;
pub use observability::Observability;
pub use problem::{ConfigError, Problem};
#[cfg(feature = "schema")]
pub use schema::schema;

use crate::authn::Issuer;
use crate::authn::jwt::{Audiences, Claims, IssuerIndex};
use crate::authz::Policy;
use crate::fetch::callout::Clusters;
use crate::http::encoding::hex;
use crate::http::header_class::NamePattern;
use crate::models::catalog::UnlistedStatus;
use crate::provider::Provider;
use crate::provider::credential::{AwsSigning, Credential, GatewayToken};
use problem::Problems;
use providers::HeaderLists;

/// The whole configuration of the filter.
#[derive(Clone, Debug)]
pub struct Config {
    /// The path under which the providers are served, with a leading slash and no trailing one.
    pub path_prefix: String,
    /// The path of the usage totals, with a leading slash and no trailing one.
    pub usage_path: String,
    /// The path of the gateway's status, with a leading slash and no trailing one.
    pub status_path: String,
    /// SHA-256 of the JSON text, in hexadecimal digits.
    pub digest: String,
    /// Whether the connect page is also served without a token.
    pub public_connect_page: bool,
    /// How callers are authenticated.
    pub authentication: Authentication,
    /// What callers may do.
    pub policy: Policy,
    /// The providers, by name.
    pub providers: BTreeMap<String, Provider>,
    /// The MCP servers. `None` if there are none.
    pub mcp: Option<Mcp>,
    /// The audiences of each issuer's tokens for everything but MCP servers with audiences of their
    /// own, by the issuer's index.
    audiences: Vec<Audiences>,
    /// The gateway token headers, names in lower case.
    pub token_headers: Vec<String>,
    /// Response headers that are not forwarded, whatever the provider.
    pub response_headers_to_remove: Vec<NamePattern>,
    /// Optional logs, metrics and limits.
    pub observability: Observability,
    /// The largest request body that is buffered for signing.
    pub max_signed_body_bytes: u64,
    /// With a model catalog: how much of a body is buffered while the filter looks for the model.
    pub max_model_lookup_bytes: u64,
    /// How much of a request body is buffered while its caller is not authenticated.
    pub max_unauthenticated_body_bytes: u64,
    /// How many bytes of request bodies a worker buffers in all.
    pub max_held_bytes: u64,
    /// The status for a model that is not in the catalog.
    pub unlisted_model_status: UnlistedStatus,
}

impl Config {
    /// Parses and validates a configuration. `env` returns the host's environment variables.
    pub fn parse(json: &[u8], env: &dyn Fn(&str) -> Option<String>) -> Result<Self, ConfigError> {
        let document = Document::parse(json)?;
        let mut problems = Problems::default();
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
        if !validators::is_path_prefix(&path_prefix) {
            problems.add(
                "/path_prefix",
                "must be a plain path with a leading slash and no trailing one",
            );
        }
        let mut endpoint_path =
            |field: &str, path, default| paths::read(field, path, default, &path_prefix, problems);
        let usage_path = endpoint_path("/usage_path", document.usage_path, defaults::USAGE);
        let status_path = endpoint_path("/status_path", document.status_path, defaults::STATUS);
        if usage_path == status_path {
            problems.add("/status_path", "must differ from usage_path");
        }
        let token_headers = header_names(
            document.authentication.token_headers.clone(),
            &defaults::TOKEN_HEADERS,
            "/authentication/token_headers",
            problems,
        );
        let issuers = document.authentication.issuers.iter();
        let issuers: Vec<_> = issuers.map(|it| it.issuer.clone()).collect();
        let mut authentication = authentication::read(document.authentication, &clusters, problems);
        let policy = authorization::read(
            document.authorization,
            &document.providers,
            &document.mcp_servers,
            &issuers,
            problems,
        );
        let references = mcp::References {
            issuers: &issuers,
            clusters: &clusters,
            env,
        };
        let mut mcp = mcp::read(
            document.mcp,
            document.mcp_servers,
            &path_prefix,
            &references,
            problems,
        );
        let audiences = add_audiences(&mut authentication, mcp.as_ref());
        let mut providers = providers::read(document.providers, &issuers, &clusters, env, problems);
        let for_all = providers::header_rules(
            HeaderLists {
                request_headers_to_remove: document.request_headers_to_remove,
                request_headers_allowed: document.request_headers_allowed,
                response_headers_to_remove: Some(list_or_default(
                    document.response_headers_to_remove,
                    &defaults::RESPONSE_HEADERS_TO_REMOVE,
                )),
            },
            "",
            problems,
        );
        for provider in providers.values_mut() {
            provider.header_rules.add_for_all(&for_all);
        }
        if let Some(mcp) = &mut mcp {
            mcp.request_headers_to_remove
                .clone_from(&for_all.request_removed);
        }
        for (name, provider) in &providers {
            let token_required = Credential::Passthrough {
                gateway_token: GatewayToken::Required,
            };
            if matches!(authentication, Authentication::Disabled)
                && provider.credential == token_required
            {
                problems.add(
                    "/authentication/disabled",
                    format_args!("contradicts require_gateway_token of provider \"{name}\""),
                );
            }
        }
        let observability = observability::read(document.observability, &token_headers, problems);
        let unlisted_model_status =
            models::unlisted_status(document.unlisted_model_status, problems);
        let max_signed_body_bytes = document
            .max_signed_body_bytes
            .unwrap_or(defaults::MAX_SIGNED_BODY_BYTES);
        let max_model_lookup_bytes = document
            .max_model_lookup_bytes
            .unwrap_or(defaults::MAX_MODEL_LOOKUP_BYTES);
        let max_mcp_lookup_bytes = mcp.as_ref().map_or(0, |mcp| mcp.max_lookup_bytes);
        let largest_body = max_signed_body_bytes
            .max(max_model_lookup_bytes)
            .max(max_mcp_lookup_bytes);
        let max_held_bytes = document
            .max_held_bytes
            .unwrap_or_else(|| defaults::MAX_HELD_BYTES.max(largest_body));
        if max_held_bytes < largest_body {
            problems.add(
                "/max_held_bytes",
                "must not be less than max_signed_body_bytes, max_model_lookup_bytes and \
                 mcp/max_lookup_bytes",
            );
        }
        Self {
            path_prefix,
            usage_path,
            status_path,
            public_connect_page: document.public_connect_page,
            digest: String::new(),
            authentication,
            policy,
            providers,
            mcp,
            audiences,
            token_headers,
            response_headers_to_remove: for_all.response_removed,
            observability,
            max_signed_body_bytes,
            max_model_lookup_bytes,
            max_unauthenticated_body_bytes: document
                .max_unauthenticated_body_bytes
                .unwrap_or(defaults::MAX_UNAUTHENTICATED_BODY_BYTES),
            max_held_bytes,
            unlisted_model_status,
        }
    }

    /// The provider with that name, which is a segment of a request's path.
    pub fn provider(&self, name: &[u8]) -> Option<&Provider> {
        self.providers.get(std::str::from_utf8(name).ok()?)
    }

    /// Whether a verified token is for the gateway itself, not only for some MCP server.
    pub fn is_for_gateway(&self, claims: &Claims) -> bool {
        let audiences = self.audiences.get(claims.issuer);
        audiences.is_some_and(|own| claims.is_for(&own.accepted, &own.claims))
    }

    /// Whether a verified token is for one of these audiences of an MCP server.
    pub fn is_for_audiences(&self, claims: &Claims, audiences: &[String]) -> bool {
        let own = self.audiences.get(claims.issuer);
        own.is_some_and(|own| claims.is_for(audiences, &own.claims))
    }

    /// The first audience that a token of this issuer can have.
    pub fn audience_to_request(&self, issuer: IssuerIndex) -> String {
        let audiences = self.audiences.get(issuer);
        audiences
            .and_then(|own| own.accepted.first())
            .cloned()
            .unwrap_or_default()
    }

    /// How requests to the provider with that name are signed, if they are.
    pub fn signing(&self, name: &str) -> Option<&AwsSigning> {
        match &self.providers.get(name)?.credential {
            Credential::Aws(signing) => Some(signing),
            _ => None,
        }
    }

    /// The names of the providers whose credentials would come from EKS Pod Identity, which does
    /// not work: see [`POD_IDENTITY`](crate::aws::credentials::POD_IDENTITY). `env` returns the
    /// host's environment variables.
    pub fn providers_with_pod_identity<'a>(
        &'a self,
        env: &'a dyn Fn(&str) -> Option<String>,
    ) -> impl Iterator<Item = &'a str> {
        let names = self.providers.keys().map(String::as_str);
        names.filter(move |name| {
            let signing = self.signing(name);
            let mut sources = signing.iter().flat_map(|it| &it.settings.providers);
            sources.any(|source| source.needs_token_file(env))
        })
    }

    /// The issuers of accepted tokens; none if authentication is disabled.
    pub fn issuers(&self) -> &[Issuer] {
        match &self.authentication {
            Authentication::Tokens { issuers, .. } => issuers,
            Authentication::Disabled => &[],
        }
    }
}

/// Has the issuers accept tokens for the audiences of single MCP servers too. Returns the issuers'
/// own audiences.
fn add_audiences(authentication: &mut Authentication, mcp: Option<&Mcp>) -> Vec<Audiences> {
    let Authentication::Tokens { issuers, .. } = authentication else {
        return Vec::new();
    };
    let own = issuers.iter().map(|issuer| issuer.audiences.clone());
    let own = own.collect();
    let servers = mcp.into_iter().flat_map(|mcp| mcp.servers.values());
    for audience in servers.flat_map(|server| &server.audiences) {
        for issuer in &mut *issuers {
            let accepted = &mut issuer.audiences.accepted;
            if !accepted.contains(audience) {
                accepted.push(audience.clone());
            }
        }
    }
    own
}

fn header_names(
    names: Option<Vec<String>>,
    default: &[&str],
    path: &str,
    problems: &mut Problems,
) -> Vec<String> {
    let names = list_or_default(names, default);
    for (index, name) in names.iter().enumerate() {
        if !validators::is_header_name(name) {
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
