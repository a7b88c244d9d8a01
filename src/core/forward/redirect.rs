//! Redirects of providers.
//!
//! Clients follow redirects automatically, and some send their token to whatever host is named,
//! because their HTTP library does not know that its header is a credential. So a redirect is
//! rewritten to lead to the same provider through the gateway, or is removed.

use crate::forward::target;
use crate::http::head::ResponseHead;
use crate::http::route::Route;
use crate::http::token_location::query_without_credentials;
use crate::http::url::{BaseUrl, Endpoint, Scheme};
use crate::provider::Provider;

/// The header with the target of a redirect (RFC 9110 §10.2.2).
pub const LOCATION: &str = "location";

/// What happens to that header.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Location {
    /// It is forwarded unchanged.
    Keep,
    /// It is set to this value.
    Rewrite(String),
    /// It is removed.
    Remove,
}

/// What happens to the location in a provider's response. `prefix` is that of the gateway's paths.
pub fn location(provider: &Provider, prefix: &str, head: &ResponseHead) -> Location {
    if !(300..400).contains(&head.status()) {
        return Location::Keep;
    }
    let mut values = head.values(LOCATION);
    match (values.next(), values.next()) {
        (None, _) => Location::Keep,
        (Some(value), None) => through_gateway(provider, prefix, value).map_or_else(
            || {
                log::debug!("removed a redirect of provider {}", provider.name);
                Location::Remove
            },
            Location::Rewrite,
        ),
        (Some(_), Some(_)) => Location::Remove,
    }
}

/// The path and query that lead to a location through the gateway; `None` if none does.
fn through_gateway(provider: &Provider, prefix: &str, location: &[u8]) -> Option<String> {
    let location = std::str::from_utf8(location).ok()?;
    let location = location.split('#').next()?;
    let base = &provider.base_url;
    let whole;
    let url = if location.starts_with('/') && !location.starts_with("//") {
        whole = base.origin() + location;
        whole.as_str()
    } else {
        location
    };
    let endpoint = Endpoint::parse(url).ok()?;
    if !is_at(&endpoint, base) {
        return None;
    }
    let (path, query) = match endpoint.target.split_once('?') {
        Some((path, query)) => (path, Some(query.as_bytes())),
        None => (endpoint.target.as_str(), None),
    };
    let native = provider.client_path(path)?;
    let kept = query.map(query_without_credentials);
    let reached = target(provider, native.as_bytes(), kept.as_deref());
    if reached.split(|byte| *byte == b'?').next() != Some(path.as_bytes()) {
        return None;
    }
    let mut rewritten = format!("{prefix}/{}/{native}", provider.name);
    if let Some(kept) = kept.filter(|kept| !kept.is_empty()) {
        rewritten.push('?');
        rewritten.push_str(std::str::from_utf8(&kept).ok()?);
    }
    // A client that resolves dot segments must not reach another provider.
    match Route::parse(prefix, ["", ""], rewritten.as_bytes()) {
        Ok(Route::Upstream { .. }) => Some(rewritten),
        _ => None,
    }
}

/// Whether an endpoint has the scheme, host and port of a base URL.
fn is_at(endpoint: &Endpoint, base: &BaseUrl) -> bool {
    let default_port = match base.scheme() {
        Scheme::Http => ":80",
        Scheme::Https => ":443",
    };
    let [authority, own] = [endpoint.authority.as_str(), base.authority()]
        .map(|authority| authority.strip_suffix(default_port).unwrap_or(authority));
    endpoint.scheme == base.scheme() && authority == own
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::testing::config;

    const PREFIX: &str = "/llm/v1/providers";

    fn rewritten(provider: &str, status: &str, locations: &[&str]) -> Location {
        let config = config(&json!({
            "authentication": {"disabled": true},
            "providers": [
                {"name": "o", "type": "openai", "api_key": {"env": "K"}},
                {"name": "g", "type": "google", "api_key": {"env": "K"}},
                {
                    "name": "v",
                    "type": "openai_compatible",
                    "base_url": "http://vllm:8000/openai/v1",
                },
            ],
        }));
        let mut head = vec![(":status".to_owned(), status.into())];
        for location in locations {
            head.push((LOCATION.to_owned(), location.as_bytes().to_vec()));
        }
        let provider = config.provider(provider.as_bytes()).unwrap();
        location(provider, PREFIX, &ResponseHead::new(head))
    }

    #[test]
    fn a_location_at_the_provider_is_rewritten_to_the_gateway() {
        for (provider, at_provider, through) in [
            ("o", "https://api.openai.com/v1/models", "o/v1/models"),
            ("o", "https://API.openai.com:443/v1/models", "o/v1/models"),
            ("o", "/v1/models?a=b&key=k#part", "o/v1/models?a=b"),
            ("v", "http://vllm:8000/openai/v1/models/", "v/v1/models/"),
            (
                "g",
                "https://generativelanguage.googleapis.com/download/v1beta/files/x:download?alt=media",
                "g/download/v1beta/files/x:download?alt=media",
            ),
        ] {
            let through = Location::Rewrite(format!("{PREFIX}/{through}"));
            for status in ["301", "302", "303", "307", "308", "300", "399"] {
                assert_eq!(rewritten(provider, status, &[at_provider]), through);
            }
        }
    }

    #[test]
    fn any_other_location_is_removed() {
        for elsewhere in [
            "https://evil.test/v1/models",
            "https://api.openai.com.evil.test/v1/models",
            "https://api.openai.com@evil.test/v1/models",
            "https://api.openai.com:8443/v1/models",
            "http://api.openai.com/v1/models",
            "HTTPS://evil.test/",
            "https:evil.test",
            "//evil.test/v1/models",
            "/\\evil.test/v1/models",
            "\\\\evil.test",
            "/\t/evil.test",
            "javascript:alert(1)",
            "/v1/../../g/v1beta/models",
            "/v1/%2e%2e/%2E%2e/g/v1beta/models",
            "../g/v1beta/models",
            "models",
            "?page=2",
            "/elsewhere",
            "/v1/caf\u{e9}",
            "",
        ] {
            assert_eq!(
                rewritten("o", "307", &[elsewhere]),
                Location::Remove,
                "{elsewhere}"
            );
        }
        let good = "https://api.openai.com/v1/models";
        assert_eq!(rewritten("o", "307", &[good, good]), Location::Remove);
        assert_eq!(rewritten("v", "307", &["/login"]), Location::Remove);
    }

    #[test]
    fn a_location_of_other_responses_is_kept() {
        for status in ["200", "201", "404"] {
            let created = rewritten("o", status, &["https://evil.test/"]);
            assert_eq!(created, Location::Keep);
        }
        assert_eq!(rewritten("o", "304", &[]), Location::Keep);
    }
}
