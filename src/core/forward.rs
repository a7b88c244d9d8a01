//! The upstream request. Every request to a provider is made here, and so is header hygiene:
//! whatever credentials the client sent, the provider receives its own and no other, and it learns
//! nothing about the client's network.

mod header_values;
mod mcp;
pub mod redirect;
pub mod upload;

use crate::http::head::RequestHead;
use crate::http::token_location::{
    SUBPROTOCOL_HEADER, is_credential_header, query_without_credentials,
    subprotocols_without_credentials,
};
use crate::http::url::Scheme;
use crate::provider::Provider;
use crate::provider::credential::Credential;
use crate::provider_kind::KeyPlacement;
pub use header_values::HeaderValues;
pub use mcp::MCP_SERVER_HEADER;

/// The header by which the host's route selects the cluster. The route removes it.
pub const CLUSTER_HEADER: &str = "x-ai-gateway-cluster";

/// The header that names the provider, for hosts that route by header match. The route removes it.
pub const PROVIDER_HEADER: &str = "x-ai-gateway-provider";

/// Prefixes of the headers in which proxies describe the client. Identity-aware proxies add the
/// caller's name and token.
const PROXY_HEADER_PREFIXES: [&str; 9] = [
    "x-envoy-",
    "x-forwarded-",
    "x-amzn-oidc-",
    "x-auth-request-",
    "x-goog-authenticated-user-",
    "x-goog-iap-",
    "x-ms-client-principal",
    "x-ms-token-",
    "cf-access-",
];

/// A header with such a prefix that Envoy needs to select a route. The route removes it.
const ROUTING_HEADER: &str = "x-forwarded-proto";

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
        let mut remove: Vec<String> = Vec::new();
        for name in head.names() {
            let is_private = is_credential_header(name, token_headers) || is_proxy_header(name);
            if is_private
                && Some(name) != passed_through.map(str::as_bytes)
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

/// Whether a proxy adds this header to describe the client or its network.
fn is_proxy_header(name: &[u8]) -> bool {
    let is_listed = matches!(
        name,
        b"forwarded"
            | b"via"
            | b"x-real-ip"
            | b"x-client-ip"
            | b"x-cluster-client-ip"
            | b"x-original-forwarded-for"
            | b"x-azure-clientip"
            | b"x-azure-socketip"
            | b"true-client-ip"
            | b"cf-connecting-ip"
            | b"cf-connecting-ipv6"
            | b"cf-ipcountry"
            | b"fastly-client-ip"
            | b"fly-client-ip"
    );
    is_listed
        || PROXY_HEADER_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix.as_bytes()))
            && name != ROUTING_HEADER.as_bytes()
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
