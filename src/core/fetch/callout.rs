//! Requests that the gateway itself makes, as data: the host sends them.

use std::time::Duration;

use thiserror::Error;

use crate::base::secret::Secret;
use crate::http::url::{Endpoint, Scheme};

/// A request for the host to send. It has no body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Callout {
    /// The cluster to send it through.
    pub cluster: String,
    /// The method.
    pub method: &'static str,
    /// The URL.
    pub endpoint: Endpoint,
    /// Headers besides `:method`, `:path` and the like. Their values may be secret.
    pub headers: Vec<(&'static str, Secret)>,
    /// How long to wait for the response.
    pub timeout: Duration,
}

/// The outcome of a callout.
#[derive(Clone, Copy, Debug)]
pub enum CalloutResponse<'a> {
    /// A response.
    Response {
        /// The status code.
        status: u16,
        /// The body.
        body: &'a [u8],
        /// How long the response may be cached, if it says so.
        lifetime: Option<Duration>,
        /// Where a redirect leads. Redirects are not followed.
        location: Option<&'a [u8]>,
    },
    /// A response whose body is over [`MAX_DOCUMENT_BYTES`] and was not read.
    TooLarge,
    /// There was no response in time, or no connection.
    NoResponse,
    /// The callout could not be sent: the host has no such cluster.
    NoCluster,
    /// The callout could not be sent: the cluster has no address to send it to.
    NoAddress,
}

/// Why a callout brought no document.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
pub enum CalloutError {
    /// The status is not 200.
    #[error("the answer's status is {0}")]
    Status(u16),
    /// The body is too large.
    #[error("the answer is over {MAX_DOCUMENT_BYTES} bytes")]
    TooLarge,
    /// There was no response.
    #[error("there was no answer in time")]
    NoResponse,
    /// The host has no such cluster.
    #[error("Envoy has no such cluster; add it to Envoy's configuration, or correct its name")]
    NoCluster,
    /// The host's name has no address.
    #[error("the host's name cannot be resolved; check the name and DNS")]
    NoAddress,
    /// There was no connection.
    #[error("Envoy cannot connect; check the address, the network and the certificate")]
    NoConnection,
}

/// The `user-agent` of all callouts. Some firewalls refuse requests without one.
pub const USER_AGENT: &str = concat!("ai-gateway-filter/", env!("CARGO_PKG_VERSION"));
/// What Envoy itself answers if a cluster has no address for a request. Clusters of the type
/// `dynamic_forward_proxy` get theirs from DNS.
const ENVOY_NO_ADDRESS: &[u8] = b"no healthy upstream";

/// How an answer of Envoy itself starts if there is no connection.
const ENVOY_NO_CONNECTION: &[u8] = b"upstream connect error";

/// Larger responses are not read.
pub const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

impl<'a> CalloutResponse<'a> {
    /// The body of a successful response.
    pub fn document(self) -> Result<&'a [u8], CalloutError> {
        match self {
            Self::Response {
                status: 200, body, ..
            } => Ok(body),
            Self::Response {
                status: 503, body, ..
            } if body == ENVOY_NO_ADDRESS => Err(CalloutError::NoAddress),
            Self::Response {
                status: 503, body, ..
            } if body.starts_with(ENVOY_NO_CONNECTION) => Err(CalloutError::NoConnection),
            Self::Response { status, .. } => Err(CalloutError::Status(status)),
            Self::TooLarge => Err(CalloutError::TooLarge),
            Self::NoResponse => Err(CalloutError::NoResponse),
            Self::NoCluster => Err(CalloutError::NoCluster),
            Self::NoAddress => Err(CalloutError::NoAddress),
        }
    }
}

/// How long a response may be cached (RFC 9111 §4.2), according to `cache-control` and `age`.
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

/// The names of the clusters that callouts and requests are sent through.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clusters {
    /// For `http` URLs.
    pub http: String,
    /// For `https` URLs.
    pub https: String,
}

impl Clusters {
    /// The cluster for URLs of a scheme.
    pub fn of(&self, scheme: Scheme) -> &str {
        match scheme {
            Scheme::Http => &self.http,
            Scheme::Https => &self.https,
        }
    }
}

/// The result of polling a document that is kept fresh.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Poll {
    /// Whether a fetch has ended since the last poll, so that requests need not wait any longer.
    pub ready: bool,
    /// The callout that starts a fetch in this worker.
    pub callout: Option<Callout>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_of_envoy_itself_says_why_there_is_none() {
        let answer = |status, body| CalloutResponse::Response {
            status,
            body,
            lifetime: None,
            location: None,
        };
        let connect: &[u8] = b"upstream connect error or disconnect/reset before headers";
        for (response, error) in [
            (answer(503, ENVOY_NO_ADDRESS), CalloutError::NoAddress),
            (answer(503, connect), CalloutError::NoConnection),
            (answer(503, b""), CalloutError::Status(503)),
            (answer(503, b"{}"), CalloutError::Status(503)),
            (answer(500, ENVOY_NO_ADDRESS), CalloutError::Status(500)),
            (CalloutResponse::NoCluster, CalloutError::NoCluster),
            (CalloutResponse::NoAddress, CalloutError::NoAddress),
        ] {
            assert_eq!(response.document(), Err(error), "{response:?}");
        }
        assert!(CalloutError::NoAddress.to_string().contains("DNS"));
        assert_eq!(answer(200, connect).document(), Ok(connect));
    }

    #[test]
    fn the_lifetime_of_a_response_is_its_max_age_less_its_age() {
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
