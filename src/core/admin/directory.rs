//! The bodies of `GET <prefix>` and `GET <prefix>/<name>`: the providers that a caller may see.
//! They contain no secret.

use serde::Serialize;

use crate::authn::Issuer;
use crate::http::head::RequestHead;
use crate::http::route::proxy_url;
use crate::provider::Provider;
use crate::provider::credential::Credential;

/// The list of providers.
#[derive(Serialize)]
pub struct Directory<'a> {
    providers: Vec<Entry<'a>>,
}

/// One provider.
#[derive(Serialize)]
pub struct Entry<'a> {
    name: &'a str,
    display_name: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    status: &'static str,
    proxy_url: String,
    base_url: String,
    /// The entries of the catalog. Empty if all models may be used, or none.
    models: Vec<String>,
    /// Whether only `models` may be used.
    models_restricted: bool,
    authorization_passthrough: bool,
    /// The issuers whose tokens are accepted.
    tokens: Vec<AcceptedToken<'a>>,
}

/// An issuer, and the audience to request a token for.
#[derive(Serialize)]
struct AcceptedToken<'a> {
    issuer: &'a str,
    audience: Option<&'a str>,
}

impl<'a> Directory<'a> {
    /// These providers with the models that the caller may use. The URLs are those at which the
    /// client of this request reaches the gateway.
    pub fn new(
        providers: impl Iterator<Item = (&'a Provider, Option<Vec<String>>)>,
        issuers: &'a [Issuer],
        head: &RequestHead,
        prefix: &str,
    ) -> Self {
        Self {
            providers: providers
                .map(|(provider, models)| Entry::new(provider, models, issuers, head, prefix))
                .collect(),
        }
    }
}

impl<'a> Entry<'a> {
    /// One provider with the models that the caller may use; `None` means all. The URL is the one at which the client
    /// of this request reaches the gateway.
    pub fn new(
        provider: &'a Provider,
        models: Option<Vec<String>>,
        issuers: &'a [Issuer],
        head: &RequestHead,
        prefix: &str,
    ) -> Self {
        let name = provider.name.as_str();
        Self {
            name,
            display_name: provider.display_name.as_deref().unwrap_or(name),
            kind: provider.kind.profile().type_name,
            status: if provider.enabled {
                "enabled"
            } else {
                "disabled"
            },
            proxy_url: proxy_url(head, prefix, name),
            base_url: provider.base_url.to_string(),
            models_restricted: models.is_some(),
            models: models.unwrap_or_default(),
            authorization_passthrough: matches!(
                provider.credential,
                Credential::Passthrough { .. }
            ),
            tokens: issuers.iter().map(AcceptedToken::new).collect(),
        }
    }
}

impl<'a> AcceptedToken<'a> {
    fn new(issuer: &'a Issuer) -> Self {
        Self {
            issuer: &issuer.issuer,
            audience: issuer.audiences.accepted.first().map(String::as_str),
        }
    }
}
