//! AWS Signature Version 4, with the terms and steps of the specification:
//! [`SignableRequest`] → [`CanonicalRequest`] → [`StringToSign`] → [`SigningInstructions`].
//!
//! Everything is pure, and the time is an argument. It is for services other than S3, so the
//! canonical path is the sent path percent-encoded again. The client's own signature is never used.

mod canonical_request;
mod signing_key;

pub use canonical_request::{CanonicalRequest, SignableRequest};
pub use signing_key::{SigningKey, SigningKeys};

use std::fmt;

use crate::aws::credentials::AwsCredentials;
use crate::base::secret::Secret;
use crate::base::time::UnixTime;

/// Where and when a signature is valid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Scope<'a> {
    /// The time of signing.
    pub time: UnixTime,
    /// The region, for example `us-east-1`.
    pub region: &'a str,
    /// The signing name of the service, for example `sts`.
    pub service: &'a str,
}

/// Step 2: the string that is signed. Its `Display` is the string itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StringToSign(String);

/// Step 4: the headers to add to the request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SigningInstructions {
    /// The headers, with names in lower case. Each replaces all headers of its name.
    pub headers: Vec<(&'static str, Secret)>,
}

/// The payload hash of a request without a body.
pub const EMPTY_PAYLOAD_SHA256: &str =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// Signs a request. Only the host, date, payload hash, session token and content type are signed,
/// so that a proxy that edits other headers does not invalidate the signature.
pub fn sign(
    request: &SignableRequest<'_>,
    credentials: &AwsCredentials,
    scope: Scope<'_>,
    keys: &mut SigningKeys,
) -> SigningInstructions {
    let date_time = scope.time.iso_8601_basic();
    let credential_scope = scope.credential_scope(&date_time);
    let mut headers = Vec::with_capacity(4);
    headers.push(("x-amz-content-sha256", request.payload_sha256.to_owned()));
    headers.push(("x-amz-date", date_time));
    if let Some(token) = &credentials.session_token {
        headers.push(("x-amz-security-token", token.expose().to_owned()));
    }
    let added = headers
        .iter()
        .map(|(name, value)| (*name, value.as_bytes()));
    let canonical_request = CanonicalRequest::new(request, added);
    let date_time = headers.get(1).map_or("", |(_, date_time)| date_time);
    let string_to_sign = StringToSign::of(date_time, &credential_scope, &canonical_request);
    let signature = keys
        .key(&credentials.secret_access_key, scope, date(date_time))
        .signature(&string_to_sign);
    let authorization = [
        "AWS4-HMAC-SHA256 Credential=",
        &credentials.access_key_id,
        "/",
        &credential_scope,
        ", SignedHeaders=",
        canonical_request.signed_headers(),
        ", Signature=",
        &signature,
    ];
    headers.push(("authorization", authorization.concat()));
    SigningInstructions {
        headers: headers
            .into_iter()
            .map(|(name, value)| (name, Secret::new(value)))
            .collect(),
    }
}

impl Scope<'_> {
    fn credential_scope(&self, date_time: &str) -> String {
        [date(date_time), self.region, self.service, "aws4_request"].join("/")
    }
}

/// The date in a timestamp, such as `20150830` in `20150830T123600Z`.
fn date(date_time: &str) -> &str {
    date_time.get(..8).unwrap_or(date_time)
}

impl StringToSign {
    /// Combines a canonical request with its scope.
    pub fn new(scope: Scope<'_>, canonical_request: &CanonicalRequest) -> Self {
        let date_time = scope.time.iso_8601_basic();
        let credential_scope = scope.credential_scope(&date_time);
        Self::of(&date_time, &credential_scope, canonical_request)
    }

    fn of(date_time: &str, credential_scope: &str, canonical_request: &CanonicalRequest) -> Self {
        let hash = canonical_request.hash();
        Self(["AWS4-HMAC-SHA256", date_time, credential_scope, &hash].join("\n"))
    }

    fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl fmt::Display for StringToSign {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests;
