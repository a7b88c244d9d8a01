//! The URLs of the configuration and of issuers' documents: the subset that a proxy needs.

mod link_local;

use thiserror::Error;

/// An absolute `http` or `https` URL without query, fragment or credentials.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct BaseUrl {
    scheme: Scheme,
    authority: String,
    path: String,
}

/// The schemes of upstream requests.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Scheme {
    /// Plaintext.
    #[default]
    Http,
    /// TLS.
    Https,
}

impl Scheme {
    /// The scheme as it is written in a URL.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }
}

/// An absolute `http` or `https` URL of one resource. The target includes the query.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Endpoint {
    /// The scheme.
    pub scheme: Scheme,
    /// The host, and the port if the URL has one.
    pub authority: String,
    /// Path and query, with a leading slash.
    pub target: String,
}

/// Why a text is not such a URL. The configuration or an issuer's document is at fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum UrlError {
    /// It does not begin with `http://` or `https://`.
    #[error("must begin with https:// or http://")]
    Scheme,
    /// The host is missing or has invalid characters.
    #[error("has no valid host")]
    Host,
    /// The port is not a number from 1 to 65535.
    #[error("has an invalid port")]
    Port,
    /// It has a user name or password.
    #[error("must not contain credentials")]
    Credentials,
    /// It has a query or a fragment, or characters that must be percent-encoded, or dot segments.
    #[error("must have a plain path: no query, fragment, dot segment, space or control character")]
    Path,
}

impl BaseUrl {
    /// Parses an absolute URL. Trailing slashes of its path are removed.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let (scheme, authority, path) = split(url)?;
        check_path(path)?;
        Ok(Self {
            scheme,
            authority,
            path: path.trim_end_matches('/').to_owned(),
        })
    }

    /// The resource at this base URL's path followed by `suffix`, which has a leading slash.
    pub fn endpoint(&self, suffix: &str) -> Endpoint {
        Endpoint {
            scheme: self.scheme,
            authority: self.authority.clone(),
            target: format!("{}{suffix}", self.path),
        }
    }

    /// Whether its host is a link-local address or a metadata service.
    pub fn is_link_local(&self) -> bool {
        link_local::is_link_local(&self.authority)
    }

    /// The scheme.
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host, and the port if the URL has one.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// The path, without a trailing slash; empty for a bare host.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        let mut url = self.to_string();
        url.truncate(url.len() - self.path.len());
        url
    }
}

impl std::fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let scheme = match self.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        write!(f, "{scheme}://{}{}", self.authority, self.path)
    }
}

impl Endpoint {
    /// Whether its host is a link-local address or a metadata service.
    pub fn is_link_local(&self) -> bool {
        link_local::is_link_local(&self.authority)
    }

    /// Parses an absolute URL.
    pub fn parse(url: &str) -> Result<Self, UrlError> {
        let (scheme, authority, target) = split(url)?;
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        check_path(path)?;
        check_path(&query.replace('?', ""))?;
        let slash = if path.is_empty() { "/" } else { "" };
        Ok(Self {
            scheme,
            authority,
            target: format!("{slash}{target}"),
        })
    }
}

/// The scheme, the validated authority in lower case, and the rest.
fn split(url: &str) -> Result<(Scheme, String, &str), UrlError> {
    let (scheme, rest) = if let Some(rest) = url.strip_prefix("https://") {
        (Scheme::Https, rest)
    } else if let Some(rest) = url.strip_prefix("http://") {
        (Scheme::Http, rest)
    } else {
        return Err(UrlError::Scheme);
    };
    let (authority, path) = rest.split_at(rest.find(['/', '?', '#']).unwrap_or(rest.len()));
    check_authority(authority)?;
    Ok((scheme, authority.to_ascii_lowercase(), path))
}

fn check_authority(authority: &str) -> Result<(), UrlError> {
    if authority.contains('@') {
        return Err(UrlError::Credentials);
    }
    let (host, port) = match authority
        .strip_prefix('[')
        .and_then(|v6| v6.split_once(']'))
    {
        Some((address, port)) => (address, port),
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    let is_v6 = authority.starts_with('[');
    let host_byte = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || if is_v6 {
                matches!(byte, b':' | b'.')
            } else {
                matches!(byte, b'-' | b'.' | b'_')
            }
    };
    if host.is_empty() || !host.bytes().all(host_byte) {
        return Err(UrlError::Host);
    }
    match port.strip_prefix(':') {
        None if port.is_empty() => Ok(()),
        Some(digits)
            if digits.bytes().all(|byte| byte.is_ascii_digit())
                && digits.parse::<u16>().is_ok_and(|port| port > 0) =>
        {
            Ok(())
        }
        _ => Err(UrlError::Port),
    }
}

fn check_path(path: &str) -> Result<(), UrlError> {
    let plain = path
        .bytes()
        .all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'\\'));
    let dots = path.split('/').any(|segment| matches!(segment, "." | ".."));
    if plain && !dots {
        Ok(())
    } else {
        Err(UrlError::Path)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn base_urls_are_parsed() {
        for (url, scheme, authority, path) in [
            (
                "https://api.openai.com/v1",
                Scheme::Https,
                "api.openai.com",
                "/v1",
            ),
            (
                "http://127.0.0.1:8000/v1/",
                Scheme::Http,
                "127.0.0.1:8000",
                "/v1",
            ),
            (
                "https://API.Example.com",
                Scheme::Https,
                "api.example.com",
                "",
            ),
            (
                "https://api.groq.com/openai/v1",
                Scheme::Https,
                "api.groq.com",
                "/openai/v1",
            ),
            ("http://[::1]:11434", Scheme::Http, "[::1]:11434", ""),
        ] {
            let parsed = BaseUrl::parse(url).unwrap();
            assert_eq!(parsed.scheme(), scheme, "{url}");
            assert_eq!(parsed.authority(), authority, "{url}");
            assert_eq!(parsed.path(), path, "{url}");
        }
    }

    #[test]
    fn endpoints_keep_their_query() {
        for (url, target) in [
            ("https://x/keys?p=a/b?c", "/keys?p=a/b?c"),
            ("https://x/keys/", "/keys/"),
            ("https://x?p=1", "/?p=1"),
            ("https://x", "/"),
        ] {
            assert_eq!(Endpoint::parse(url).unwrap().target, target, "{url}");
        }
        for url in ["https://x/#f", "https://x/k?a b", "https://x/../k", "x/k"] {
            assert!(Endpoint::parse(url).is_err(), "{url}");
        }
        let base = BaseUrl::parse("https://x/realm/").unwrap();
        assert_eq!(base.endpoint("/keys").target, "/realm/keys");
    }

    #[test]
    fn invalid_base_urls_are_refused_with_the_reason() {
        for (url, error) in [
            ("api.openai.com", UrlError::Scheme),
            ("ftp://x", UrlError::Scheme),
            ("https://", UrlError::Host),
            ("https:///v1", UrlError::Host),
            ("https://a b/v1", UrlError::Host),
            ("https://a\r\nb", UrlError::Host),
            ("https://x:", UrlError::Port),
            ("https://x:0", UrlError::Port),
            ("https://x:99999", UrlError::Port),
            ("https://x:1:2", UrlError::Port),
            ("https://[::1]x", UrlError::Port),
            ("https://user:secret@x", UrlError::Credentials),
            ("https://x/v1?key=1", UrlError::Path),
            ("https://x/#", UrlError::Path),
            ("https://x/a/../b", UrlError::Path),
            ("https://x/a b", UrlError::Path),
        ] {
            assert_eq!(BaseUrl::parse(url), Err(error), "{url}");
        }
    }

    proptest! {
        #[test]
        fn no_url_can_split_a_request(
            url in prop_oneof![any::<String>(), "https?://[ -~\\r\\n\\t]{0,30}"],
        ) {
            let is_plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
            if let Ok(base) = BaseUrl::parse(&url) {
                prop_assert!(is_plain(&base.to_string()) && !base.authority().contains('@'));
                prop_assert!(!base.path().ends_with('/') && !base.path().contains(['?', '#']));
                prop_assert_eq!(BaseUrl::parse(&base.to_string()), Ok(base));
            }
            if let Ok(endpoint) = Endpoint::parse(&url) {
                prop_assert!(is_plain(&endpoint.target) && endpoint.target.starts_with('/'));
                prop_assert!(is_plain(&endpoint.authority) && !endpoint.authority.contains('@'));
            }
        }
    }
}
