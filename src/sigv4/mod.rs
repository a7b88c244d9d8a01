//! AWS Signature Version 4, in the specification's words and steps:
//! [`SignableRequest`] → [`CanonicalRequest`] → [`StringToSign`] → [`SigningInstructions`].
//!
//! Everything is pure; the time is an argument. It is made for services other than S3, whose
//! canonical path is the sent path encoded once more. What is signed is what is sent: nothing is
//! ever taken from the client's own signature.

mod canonical_request;
mod signing_key;

pub(crate) use canonical_request::percent_encode;
pub use canonical_request::{CanonicalRequest, SignableRequest};
pub use signing_key::{SigningKey, SigningKeys};

use std::fmt;

use crate::credential::Secret;
use crate::credential::aws::AwsCredentials;
use crate::time::UnixTime;

/// Where and when a signature is good.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scope<'a> {
    /// The moment of signing.
    pub time: UnixTime,
    /// The region, such as `us-east-1`.
    pub region: &'a str,
    /// The service's signing name, such as `sts`.
    pub service: &'a str,
}

/// Step 2: what the signature is of. Its `Display` is the string itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StringToSign {
    time: String,
    credential_scope: String,
    canonical_request_hash: String,
}

/// Step 4: the headers that a signed request carries beside those that it has.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SigningInstructions {
    /// Names in lower case; each takes the place of all of its name.
    pub headers: Vec<(&'static str, Secret)>,
}

/// A request's payload hash where there is no payload.
pub const EMPTY_PAYLOAD_SHA256: &str =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Signs a request: host, date, payload hash, session token and content type; few, so that no
/// proxy on the way can spoil the signature by a header that it edits.
pub fn sign(
    request: &SignableRequest<'_>,
    credentials: &AwsCredentials,
    scope: Scope<'_>,
    keys: &mut SigningKeys,
) -> SigningInstructions {
    let date_time = scope.date_time();
    let mut headers = vec![
        ("x-amz-content-sha256", request.payload_sha256.to_owned()),
        ("x-amz-date", date_time.clone()),
    ];
    if let Some(token) = &credentials.session_token {
        headers.push(("x-amz-security-token", token.expose().to_owned()));
    }
    let added = headers
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()));
    let canonical_request = CanonicalRequest::new(request, added);
    let string_to_sign = StringToSign {
        credential_scope: scope.credential_scope(&date_time),
        canonical_request_hash: canonical_request.hash(),
        time: date_time,
    };
    let signature = keys
        .key(&credentials.secret_access_key, scope, &string_to_sign.time)
        .signature(&string_to_sign);
    headers.push((
        "authorization",
        format!(
            "AWS4-HMAC-SHA256 Credential={}/{}, SignedHeaders={}, Signature={signature}",
            credentials.access_key_id,
            string_to_sign.credential_scope,
            canonical_request.signed_headers(),
        ),
    ));
    SigningInstructions {
        headers: headers
            .into_iter()
            .map(|(name, value)| (name, Secret::new(value)))
            .collect(),
    }
}

impl Scope<'_> {
    /// `20150830T123600Z`.
    fn date_time(&self) -> String {
        self.time
            .to_string()
            .chars()
            .filter(|character| !matches!(character, '-' | ':'))
            .collect()
    }

    fn credential_scope(&self, date_time: &str) -> String {
        let (region, service) = (self.region, self.service);
        format!("{}/{region}/{service}/aws4_request", date(date_time))
    }
}

/// The day of a moment, both without separators: `20150830`.
fn date(date_time: &str) -> &str {
    date_time.get(..8).unwrap_or(date_time)
}

impl StringToSign {
    /// Binds a canonical request to a scope.
    pub fn new(scope: Scope<'_>, canonical_request: &CanonicalRequest) -> Self {
        let time = scope.date_time();
        Self {
            credential_scope: scope.credential_scope(&time),
            time,
            canonical_request_hash: canonical_request.hash(),
        }
    }
}

impl fmt::Display for StringToSign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "AWS4-HMAC-SHA256\n{}\n{}\n{}",
            self.time, self.credential_scope, self.canonical_request_hash
        )
    }
}

/// Bytes in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
    let mut text = vec![0; bytes.len() * 2];
    for (pair, byte) in text.as_chunks_mut().0.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
    String::from_utf8(text).unwrap_or_default()
}

#[cfg(test)]
mod tests;
