//! The upstream request. Every request to a provider is made here, and so is header hygiene:
//! whatever credentials the client sent, the provider receives its own and no other, and it learns
//! nothing about the client's network.

mod header_values;
mod mcp;
pub mod response;
pub mod upload;

use crate::http::head::RequestHead;
use crate::http::header_class::{HeaderClass, NamePattern, chooses_model};
use crate::http::token_location::{
    SUBPROTOCOL_HEADER, is_credential_header, query_without_credentials, reads_as,
    subprotocols_without_credentials,
};
use crate::http::token_shape::is_credential;
use crate::http::url::Scheme;
use crate::provider::Provider;
use crate::provider::credential::Credential;
use crate::provider_kind::KeyPlacement;
pub use header_values::HeaderValues;
pub use mcp::{HeadersToRemove, MCP_SERVER_HEADER, SERVER_HEADERS};

/// The header by which the host's route selects the cluster. The route removes it.
pub const CLUSTER_HEADER: &str = "x-ai-gateway-cluster";

/// The header that names the provider, for hosts that route by header match. The route removes it.
pub const PROVIDER_HEADER: &str = "x-ai-gateway-provider";

/// The changes that turn a client's request head into the upstream request's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UpstreamRequest {
    /// Headers to remove, before others are set.
    pub remove: Vec<String>,
    /// Headers to set. Each replaces all headers of its name.
    pub set: HeaderValues,
}

impl UpstreamRequest {
    /// The upstream request for a client's request for `path` and `query` at `provider`.
    ///
    /// `passed_through` is the header with the client's own credential for the provider. It is
    /// forwarded unchanged. Every other credential is removed.
    pub fn new(
        provider: &Provider,
        head: &RequestHead,
        path: &[u8],
        query: Option<&[u8]>,
        token_headers: &[String],
        passed_through: Option<&str>,
    ) -> Self {
        let hygiene = Hygiene {
            provider,
            token_headers,
            passed_through: passed_through.map(str::as_bytes),
        };
        let mut remove: Vec<String> = Vec::new();
        for (name, value) in head.iter() {
            if hygiene.removes(name, value)
                && !remove.iter().any(|removed| removed.as_bytes() == name)
            {
                let lossy = |_| String::from_utf8_lossy(name).into_owned();
                remove.push(std::str::from_utf8(name).map_or_else(lossy, str::to_owned));
            }
        }

        let mut set = HeaderValues::default();
        set.push(":authority", &[provider.base_url.authority().as_bytes()]);
        set.push(":path", &[&target(provider, path, query)]);
        let scheme = match provider.base_url.scheme() {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        if head.scheme() != scheme.as_bytes() {
            set.push(":scheme", &[scheme.as_bytes()]);
        }
        set.push(CLUSTER_HEADER, &[provider.cluster.as_bytes()]);
        set.push(PROVIDER_HEADER, &[provider.name.as_bytes()]);
        if passed_through != Some(SUBPROTOCOL_HEADER)
            && let Some(kept) = subprotocols_without_credentials(head)
        {
            if kept.is_empty() {
                remove.push(SUBPROTOCOL_HEADER.to_owned());
            } else {
                set.push(SUBPROTOCOL_HEADER, &[&kept]);
            }
        }
        for (name, value) in &provider.headers {
            set.push(name.clone(), &[value.as_bytes()]);
        }
        if let Credential::ApiKey { key, placement } = &provider.credential {
            let placement = placement
                .clone()
                .unwrap_or_else(|| (provider.kind.profile().key_placement)(path));
            let key = key.expose().as_bytes();
            match placement {
                KeyPlacement::Bearer => set.push("authorization", &[b"Bearer ", key]),
                KeyPlacement::Header(name) => set.push(name, &[key]),
            }
        }
        Self { remove, set }
    }
}

impl UpstreamRequest {
    /// Removes these headers too, if the client sent them.
    pub fn without(mut self, names: &[String], head: &RequestHead) -> Self {
        for name in names {
            if head.first(name).is_some() && !self.remove.contains(name) {
                self.remove.push(name.clone());
            }
        }
        self
    }

    /// Removes headers by which some servers choose a model, since the policy does not judge them.
    pub fn without_choice_of_model(mut self, head: &RequestHead) -> Self {
        for (name, _) in head.iter().filter(|(name, _)| chooses_model(name)) {
            let name = String::from_utf8_lossy(name).into_owned();
            if !self.remove.contains(&name) {
                self.remove.push(name);
            }
        }
        self
    }

    /// The path and query that will be sent.
    pub fn target(&self) -> &[u8] {
        self.value(":path")
    }

    /// The host, and port if any, that the request will be sent to.
    pub fn authority(&self) -> &str {
        std::str::from_utf8(self.value(":authority")).unwrap_or_default()
    }

    fn value(&self, name: &str) -> &[u8] {
        let found = self.set.iter().find(|(header, _)| *header == name);
        found.map(|(_, value)| value).unwrap_or_default()
    }
}

/// Which of a client's headers do not reach a provider.
struct Hygiene<'a> {
    provider: &'a Provider,
    token_headers: &'a [String],
    /// The header with the client's own credential for the provider.
    passed_through: Option<&'a [u8]>,
}

impl Hygiene<'_> {
    fn removes(&self, name: &[u8], value: &[u8]) -> bool {
        if name.starts_with(b":") || self.passed_through == Some(name) {
            return false;
        }
        if is_credential_header(name, self.token_headers) || self.is_read_as_own(name) {
            return true;
        }
        if name == SUBPROTOCOL_HEADER.as_bytes() {
            // Credentials are removed from this list one by one.
            return false;
        }
        let class = HeaderClass::of(name);
        let rules = &self.provider.header_rules;
        let is_required = class == HeaderClass::Transport;
        let mut removed = rules.request_removed.iter();
        if removed.any(|pattern| pattern.matches(name) && (pattern.is_exact() || !is_required))
            || is_credential(value)
        {
            return true;
        }
        if let Some(allowed) = &rules.request_allowed {
            let mut matching = allowed
                .iter()
                .filter(|pattern| pattern.matches(name))
                .peekable();
            if matching.peek().is_none() && !is_required {
                return true;
            }
            if matching.any(NamePattern::is_exact) {
                return false;
            }
        }
        match class {
            HeaderClass::Caller => {
                let mut options = self.provider.kind.profile().option_headers.iter();
                !options.any(|prefix| name.starts_with(prefix.as_bytes()))
            }
            HeaderClass::Browser => true,
            // The client's own credential belongs to the client's own account.
            HeaderClass::Account => self.passed_through.is_none(),
            HeaderClass::Transport | HeaderClass::Api => false,
        }
    }

    /// Whether a server could read a header in place of one that the gateway sets, because it takes
    /// an underscore for a hyphen. A header of the same name is replaced.
    fn is_read_as_own(&self, name: &[u8]) -> bool {
        let Provider {
            headers,
            credential,
            ..
        } = self.provider;
        let mut own = headers.iter().map(|(header, _)| header.as_str());
        let is_variant = |own: &str| own.as_bytes() != name && reads_as(name, own);
        own.any(is_variant)
            || matches!(
                credential,
                Credential::ApiKey { placement: Some(KeyPlacement::Header(header)), .. }
                    if is_variant(header)
            )
    }
}

/// The path and query at the provider: the query is as sent, without credentials.
pub fn target(provider: &Provider, path: &[u8], query: Option<&[u8]>) -> Vec<u8> {
    let mut target = provider.upstream_path(path);
    if let Some(query) = query {
        let kept = query_without_credentials(query);
        if !kept.is_empty() || query.is_empty() {
            target.push(b'?');
            target.extend_from_slice(&kept);
        }
    }
    target
}

#[cfg(test)]
mod tests;
