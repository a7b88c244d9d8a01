//! Requests that the gateway itself makes, as data: the host sends them.

use std::time::Duration;

use crate::base::secret::Secret;
use crate::http::url::{Endpoint, Scheme};

/// A request that the host is to send; it has no body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Callout {
    /// The cluster to send it through.
    pub cluster: String,
    /// The method.
    pub method: &'static str,
    /// Whom and what to ask.
    pub endpoint: Endpoint,
    /// Headers beside those that the endpoint gives; values may be secret.
    pub headers: Vec<(&'static str, Secret)>,
    /// How long the answer may take.
    pub timeout: Duration,
}

/// What came of a callout.
#[derive(Clone, Copy, Debug)]
pub enum CalloutResponse<'a> {
    /// A response.
    Response {
        /// Its status.
        status: u16,
        /// Its body.
        body: &'a [u8],
        /// How long it may be kept, where it says so.
        lifetime: Option<Duration>,
    },
    /// A response whose body is over [`MAX_DOCUMENT_BYTES`] and was not read.
    TooLarge,
    /// No response in time, or no connection.
    NoResponse,
    /// The callout could not be sent: the host has no such cluster.
    Undeliverable,
}

/// Larger answers are not read.
pub const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

impl<'a> CalloutResponse<'a> {
    /// The body of an answer that is a document.
    pub fn document(self) -> Result<&'a [u8], String> {
        match self {
            Self::Response {
                status: 200, body, ..
            } => Ok(body),
            Self::Response { status, .. } => Err(format!("the answer's status is {status}")),
            Self::TooLarge => Err(format!("the answer is over {MAX_DOCUMENT_BYTES} bytes")),
            Self::NoResponse => Err("there was no answer in time".to_owned()),
            Self::Undeliverable => Err("the host has no cluster to send the request by".to_owned()),
        }
    }
}

/// How long a response may be kept (RFC 9111 §4.2), by its `cache-control` and its `age`.
pub fn lifetime(cache_control: &[u8], age: &[u8]) -> Option<Duration> {
    let seconds = |text: &[u8]| -> Option<u64> { str::from_utf8(text).ok()?.trim().parse().ok() };
    let age = seconds(age).unwrap_or(0);
    let mut lifetime = None;
    for directive in cache_control.split(|byte| *byte == b',') {
        let directive = directive.trim_ascii().to_ascii_lowercase();
        if matches!(directive.as_slice(), b"no-cache" | b"no-store") {
            return Some(Duration::ZERO);
        }
        if let Some(value) = directive.strip_prefix(b"max-age=") {
            let value = value.strip_prefix(b"\"").unwrap_or(value);
            let value = value.strip_suffix(b"\"").unwrap_or(value);
            lifetime = lifetime.or_else(|| seconds(value));
        }
    }
    lifetime.map(|seconds| Duration::from_secs(seconds.saturating_sub(age)))
}

/// The names of the clusters that callouts and requests go out by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clusters {
    /// For `http` URLs.
    pub http: String,
    /// For `https` URLs.
    pub https: String,
}

impl Clusters {
    /// The cluster for URLs of that scheme.
    pub fn of(&self, scheme: Scheme) -> &str {
        match scheme {
            Scheme::Http => &self.http,
            Scheme::Https => &self.https,
        }
    }
}

/// What a look at a document that is kept fresh gives.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Poll {
    /// Whether a fetch by another worker has ended since the last look.
    pub settled: bool,
    /// The callout by which a fetch begins here.
    pub callout: Option<Callout>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_responses_lifetime_is_what_it_says_less_its_age() {
        for (cache_control, age, seconds) in [
            ("max-age=300", "", Some(300)),
            ("public, max-age=22104, must-revalidate", "", Some(22104)),
            ("Public,MAX-AGE=60", "10", Some(50)),
            ("max-age=\"60\"", "", Some(60)),
            ("max-age=60", "61", Some(0)),
            ("max-age=60", "x", Some(60)),
            ("max-age=60, max-age=90", "", Some(60)),
            ("max-age=60, no-store", "", Some(0)),
            ("no-cache", "", Some(0)),
            ("max-age=0", "", Some(0)),
            ("max-age=18446744073709551615", "", Some(u64::MAX)),
            ("max-age=18446744073709551616", "", None),
            ("max-age=-1", "", None),
            ("max-age=", "", None),
            ("max-age", "", None),
            ("s-maxage=60", "", None),
            ("private", "", None),
            ("\u{ff}max-age=60", "", None),
            ("", "5", None),
        ] {
            let found = lifetime(cache_control.as_bytes(), age.as_bytes());
            assert_eq!(found, seconds.map(Duration::from_secs), "{cache_control}");
        }
    }
}
