//! What of a provider's response head reaches the client.
//!
//! A response is served from the gateway's own origin. A header by which a browser would grant the
//! provider something on that origin is removed, and two headers keep the browser from running the
//! response as a page or a script.
//!
//! Clients follow URLs in response headers automatically, and some send their token to whatever host
//! is named, because their HTTP library does not know that its header is a credential. So such a URL
//! is rewritten to lead to the same provider through the gateway, or is removed.

use std::borrow::Cow;

use crate::base::time::UnixTime;
use crate::forward::target;
use crate::forward::upload::rewrite_upload_url;
use crate::http::head::{RequestHead, ResponseHead};
use crate::http::header_class::{NamePattern, is_transport};
use crate::http::route::Route;
use crate::http::token_location::query_without_credentials;
use crate::http::url::{BaseUrl, Endpoint, Scheme};
use crate::provider::Provider;

/// The prefix of the headers that only the gateway itself sends.
pub const GATEWAY_HEADER_PREFIX: &str = "x-ai-gateway-";

/// The header with which a server lets a service worker act on more than its own folder.
const SERVICE_WORKER_ALLOWED: &str = "service-worker-allowed";

/// The headers because of which no browser runs a response as a page, a script or a worker.
pub const CONTAINMENT: [(&str, &str); 2] = [
    (
        "content-security-policy",
        "sandbox; default-src 'none'; frame-ancestors 'none'",
    ),
    ("x-content-type-options", "nosniff"),
];

/// A response that switches protocols has no body that a browser could run.
const SWITCHING_PROTOCOLS: u16 = 101;

/// The changes to a response head. Headers are removed before others are set.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ResponseEdits {
    /// Headers to remove.
    pub remove: Vec<String>,
    /// Headers to set. Each replaces all headers of its name.
    pub set: Vec<(&'static str, Cow<'static, str>)>,
}

/// What is known about the request that a response answers.
#[derive(Clone, Copy, Debug)]
pub struct AnsweredRequest<'a> {
    /// The provider; `None` if a new configuration no longer has it.
    pub provider: Option<&'a Provider>,
    /// The prefix of the gateway's paths.
    pub prefix: &'a str,
    /// The provider's URL at the gateway, if responses to such a request may contain absolute URLs.
    pub proxy_url: Option<&'a str>,
    /// Whether the request started an upload.
    pub upload: Upload,
}

/// Whether a request started an upload. Then the URL for its bytes gets a grant.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Upload {
    /// It did not.
    #[default]
    None,
    /// It did.
    Started,
}

/// A header with a URL that clients follow.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum UrlHeader {
    /// A URL or a reference relative to the request's URL (RFC 9110 §8.7 and §10.2.2).
    Reference(&'static str),
    /// An absolute URL.
    Absolute(&'static str),
    /// A text that contains URLs. It is not rewritten.
    Text,
    /// The name says that this is a URL.
    Unlisted,
}

impl<'a> AnsweredRequest<'a> {
    /// The changes to a provider's response. `removed` names the headers that no response keeps.
    pub fn edits(
        &self,
        removed: &[NamePattern],
        head: &ResponseHead,
        now: UnixTime,
    ) -> ResponseEdits {
        let mut edits = ResponseEdits::default();
        for (name, value) in head.iter() {
            if self.is_removed(name, removed) {
                edits.remove(name);
            } else if let Some(header) = UrlHeader::of(name) {
                let is_sole = head.iter().filter(|(other, _)| *other == name).count() == 1;
                match header {
                    UrlHeader::Unlisted if !is_url(value) => {}
                    UrlHeader::Reference(name) | UrlHeader::Absolute(name) if is_sole => {
                        match self.through_gateway(header, name, value, now) {
                            Some(url) => edits.set.push((name, Cow::Owned(url))),
                            None => edits.remove(name.as_bytes()),
                        }
                    }
                    _ => edits.remove(name),
                }
            }
        }
        if head.status() != SWITCHING_PROTOCOLS {
            let containment = CONTAINMENT.map(|(name, value)| (name, Cow::Borrowed(value)));
            edits.set.extend(containment);
        }
        edits
    }

    fn is_removed(&self, name: &[u8], removed: &[NamePattern]) -> bool {
        let rules = self.provider.map(|provider| &provider.header_rules);
        let own = rules.map_or(&[][..], |rules| &rules.response_removed);
        let is_covered = |pattern: &NamePattern| {
            pattern.matches(name) && (pattern.is_exact() || !is_transport(name))
        };
        name.starts_with(GATEWAY_HEADER_PREFIX.as_bytes())
            || name == SERVICE_WORKER_ALLOWED.as_bytes()
            || removed.iter().chain(own).any(is_covered)
    }

    /// The URL through the gateway for a URL in a response; `None` if none leads there.
    fn through_gateway(
        &self,
        header: UrlHeader,
        name: &str,
        url: &[u8],
        now: UnixTime,
    ) -> Option<String> {
        let provider = self.provider?;
        let url = std::str::from_utf8(url).ok()?;
        let at_gateway = match header {
            UrlHeader::Reference(_) => None,
            _ => Some(self.proxy_url?),
        };
        if let (Some(proxy_url), Upload::Started) = (at_gateway, self.upload)
            && provider.kind.profile().upload_url_headers.contains(&name)
            && let Some(granted) = rewrite_upload_url(provider, proxy_url, url, now)
        {
            return Some(granted);
        }
        let native = native_target(provider, self.prefix, url)?;
        Some(match at_gateway {
            Some(proxy_url) => format!("{proxy_url}/{native}"),
            None => format!("{}/{}/{native}", self.prefix, provider.name),
        })
    }
}

/// Whether a browser asks for a response that it would run or show as a page: in a window or a frame,
/// as a script, or as a worker. Programs, and scripts that call `fetch`, do not.
///
/// Browsers set these headers, and scripts cannot (Fetch Metadata). What is not listed is refused,
/// so that a kind of request that browsers invent later is, too.
pub fn is_for_browser_to_run(head: &RequestHead) -> bool {
    let destination = head.values("sec-fetch-dest");
    let mut modes = head.values("sec-fetch-mode");
    head.first("service-worker").is_some()
        || modes.any(|mode| matches!(mode, b"navigate" | b"nested-navigate"))
        || destination
            .into_iter()
            .any(|destination| !matches!(destination, b"" | b"empty" | b"websocket"))
}

impl ResponseEdits {
    /// Removes a header.
    pub fn remove(&mut self, name: &[u8]) {
        if !self.remove.iter().any(|removed| removed.as_bytes() == name) {
            self.remove.push(String::from_utf8_lossy(name).into_owned());
        }
    }
}

impl UrlHeader {
    /// What a header's name says. Names that are not listed are judged by their last word.
    fn of(name: &[u8]) -> Option<Self> {
        let last_word = name.rsplit(|byte| matches!(byte, b'-' | b'_')).next();
        if !matches!(
            last_word.unwrap_or_default(),
            b"asyncoperation"
                | b"endpoint"
                | b"href"
                | b"link"
                | b"location"
                | b"refresh"
                | b"uri"
                | b"url"
        ) {
            return None;
        }
        Some(match name {
            b"location" => Self::Reference("location"),
            b"content-location" => Self::Reference("content-location"),
            b"azure-asyncoperation" => Self::Absolute("azure-asyncoperation"),
            b"operation-location" => Self::Absolute("operation-location"),
            b"x-goog-upload-control-url" => Self::Absolute("x-goog-upload-control-url"),
            b"x-goog-upload-url" => Self::Absolute("x-goog-upload-url"),
            b"link" | b"refresh" => Self::Text,
            _ => Self::Unlisted,
        })
    }
}

/// Whether a value is a URL, or a reference that names a host.
fn is_url(value: &[u8]) -> bool {
    let is_separator = |byte: &u8| matches!(byte, b'/' | b'\\');
    value.windows(2).any(|pair| pair.iter().all(is_separator))
}

/// A client's path and query, without a leading slash, for a URL at a provider; `None` if there is
/// none.
fn native_target(provider: &Provider, prefix: &str, url: &str) -> Option<String> {
    let url = url.split('#').next()?;
    let base = &provider.base_url;
    let whole;
    let url = if url.starts_with('/') && !url.starts_with("//") {
        whole = base.origin() + url;
        whole.as_str()
    } else {
        url
    };
    let endpoint = Endpoint::parse(url).ok()?;
    if !is_at(&endpoint, base) {
        return None;
    }
    let (path, query) = match endpoint.target.split_once('?') {
        Some((path, query)) => (path, Some(query.as_bytes())),
        None => (endpoint.target.as_str(), None),
    };
    let mut native = provider.client_path(path)?.to_owned();
    let kept = query.map(query_without_credentials);
    let reached = target(provider, native.as_bytes(), kept.as_deref());
    if reached.split(|byte| *byte == b'?').next() != Some(path.as_bytes()) {
        return None;
    }
    if let Some(kept) = kept.filter(|kept| !kept.is_empty()) {
        native.push('?');
        native.push_str(std::str::from_utf8(&kept).ok()?);
    }
    // A client that resolves dot segments must not reach another provider.
    let rewritten = format!("{prefix}/{}/{native}", provider.name);
    match Route::parse(prefix, ["", ""], rewritten.as_bytes()) {
        Ok(Route::Upstream { .. }) => Some(native),
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
    use crate::testing::{NOW, config};

    /// Headers that clients expect an absolute URL in.
    const ABSOLUTE: [&str; 4] = [
        "azure-asyncoperation",
        "operation-location",
        "x-goog-upload-control-url",
        "x-goog-upload-url",
    ];

    const PREFIX: &str = "/llm/v1/providers";

    /// The edits to a response with these headers.
    fn edited(provider: &str, status: &str, headers: &[(&str, &str)]) -> ResponseEdits {
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
        let status = [(":status".to_owned(), status.into())].into_iter();
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
        let head = ResponseHead::new(status.chain(headers).collect());
        let proxy_url = format!("https://gateway.test{PREFIX}/{provider}");
        let answered = AnsweredRequest {
            provider: config.provider(provider.as_bytes()),
            prefix: PREFIX,
            proxy_url: Some(&proxy_url),
            upload: Upload::None,
        };
        answered.edits(&config.response_headers_to_remove, &head, NOW)
    }

    /// What becomes of a header that has these values: `Ok` if it stays or is rewritten.
    fn url(provider: &str, status: &str, name: &str, values: &[&str]) -> Result<String, Removed> {
        let headers: Vec<_> = values.iter().map(|value| (name, *value)).collect();
        let edits = edited(provider, status, &headers);
        let set = edits.set.iter().find(|(set, _)| *set == name);
        match set {
            Some((_, url)) => Ok(url.to_string()),
            None if edits.remove == [name] => Err(Removed),
            None => Ok((*values.first().unwrap()).to_owned()),
        }
    }

    #[derive(PartialEq, Eq, Debug)]
    struct Removed;

    /// Statuses of redirects, of created resources and of operations that go on.
    const STATUSES: [&str; 10] = [
        "200", "201", "202", "300", "301", "302", "303", "307", "308", "404",
    ];

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
            for status in STATUSES {
                for name in ["location", "content-location"] {
                    let led = url(provider, status, name, &[at_provider]);
                    assert_eq!(led, Ok(format!("{PREFIX}/{through}")), "{name} {status}");
                }
                for name in ABSOLUTE {
                    let led = url(provider, status, name, &[at_provider]);
                    let through = format!("https://gateway.test{PREFIX}/{through}");
                    assert_eq!(led, Ok(through), "{name} {status}");
                }
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
            for name in ABSOLUTE.iter().chain(&["location", "content-location"]) {
                for status in STATUSES {
                    let led = url("o", status, name, &[elsewhere]);
                    assert_eq!(led, Err(Removed), "{name} {elsewhere}");
                }
            }
        }
        let good = "https://api.openai.com/v1/models";
        assert_eq!(url("o", "307", "location", &[good, good]), Err(Removed));
        assert_eq!(url("v", "307", "location", &["/login"]), Err(Removed));
    }

    #[test]
    fn links_and_refreshes_are_removed() {
        for (name, value) in [
            ("link", "<https://evil.test/>; rel=next"),
            ("link", "</v1/models>; rel=preload"),
            ("refresh", "0; url=https://evil.test/"),
        ] {
            assert_eq!(url("o", "200", name, &[value]), Err(Removed));
        }
    }

    #[test]
    fn a_url_in_a_header_that_is_not_listed_is_removed() {
        for name in [
            "x-next-url",
            "upload_uri",
            "x-poll-location",
            "x-files-endpoint",
            "x-self-link",
        ] {
            for value in [
                "https://api.openai.com/x",
                "//evil.test",
                "http:\\\\evil.test",
                "a //b",
            ] {
                assert_eq!(
                    url("o", "200", name, &[value]),
                    Err(Removed),
                    "{name}: {value}"
                );
            }
            for value in ["us-central1", "chat/completions", ""] {
                assert_eq!(
                    url("o", "200", name, &[value]),
                    Ok(value.to_owned()),
                    "{name}"
                );
            }
        }
    }

    #[test]
    fn every_response_is_kept_from_running_in_a_browser() {
        for status in STATUSES {
            let edits = edited(
                "o",
                status,
                &[("service-worker-allowed", "/"), ("etag", "x")],
            );
            assert_eq!(edits.remove, ["service-worker-allowed"]);
            let containment = CONTAINMENT.map(|(name, value)| (name, Cow::Borrowed(value)));
            assert_eq!(edits.set, containment);
        }
        assert_eq!(
            edited("o", "101", &[("upgrade", "websocket")]),
            ResponseEdits::default()
        );
    }

    #[test]
    fn no_provider_can_send_a_header_of_the_gateway() {
        let sent = [
            "x-ai-gateway-error",
            "x-ai-gateway-anything",
            "x-ai-gateway-",
        ];
        let headers = sent.map(|name| (name, "token_expired"));
        assert_eq!(edited("o", "401", &headers).remove, sent);
    }

    #[test]
    fn headers_that_name_the_gateways_account_are_removed_by_family() {
        let account = [
            "openai-organization",
            "openai-project",
            "anthropic-organization-id",
            "anthropic-workspace-id",
            "msh-org-id",
            "msh-project-id",
            "x-goog-project-id",
            "x-mistral-workspace",
            "x-groq-org-id",
            "x-together-account-id",
            "x-ms-tenant-id",
            "x-ms-subscription-id",
            "x-customer-id",
            "x-team-id",
            "x-account",
            "x-billing-account",
            "x-user-id",
        ];
        let headers = account.map(|name| (name, "1"));
        assert_eq!(edited("v", "200", &headers).remove, account);
    }

    #[test]
    fn headers_about_the_response_and_about_limits_stay() {
        let kept = [
            "content-type",
            "content-encoding",
            "cache-control",
            "date",
            "etag",
            "retry-after",
            "request-id",
            "x-request-id",
            "cf-ray",
            "openai-version",
            "openai-processing-ms",
            "openai-model",
            "x-ratelimit-limit-requests",
            "x-ratelimit-limit-project-tokens",
            "x-ratelimit-remaining-tokens",
            "anthropic-ratelimit-input-tokens-remaining",
            "anthropic-fast-output-tokens-limit",
            "x-should-retry",
            "x-amzn-requestid",
            "x-amzn-bedrock-input-token-count",
            "x-amzn-errortype",
            "x-goog-upload-status",
            "x-ms-region",
            "apim-request-id",
            "azureml-model-session",
            "server-timing",
            "www-authenticate",
            "vary",
        ];
        let headers = kept.map(|name| (name, "1"));
        assert_eq!(edited("v", "200", &headers).remove, [""; 0]);
    }

    #[test]
    fn settings_that_a_browser_would_store_for_the_gateways_origin_are_removed() {
        let settings = [
            "accept-ch",
            "access-control-allow-credentials",
            "access-control-allow-origin",
            "alt-svc",
            "clear-site-data",
            "critical-ch",
            "expect-ct",
            "nel",
            "origin-agent-cluster",
            "public-key-pins",
            "report-to",
            "reporting-endpoints",
            "set-cookie",
            "set-login",
            "strict-transport-security",
            "use-as-dictionary",
        ];
        let headers = settings.map(|name| (name, "1"));
        assert_eq!(edited("v", "200", &headers).remove, settings);
    }
}
