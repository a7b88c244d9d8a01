//! Step 1: a request in the one form that both sides sign.

use std::collections::BTreeMap;
use std::fmt;

use sha2::{Digest, Sha256};

use super::hex;

/// A request as it will be sent.
#[derive(Clone, Copy, Debug)]
pub struct SignableRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// Path and query, exactly as sent.
    pub target: &'a [u8],
    /// The host (and port) that it is sent to.
    pub authority: &'a str,
    /// `content-type`, if it has one.
    pub content_type: Option<&'a [u8]>,
    /// The SHA-256 of the body, in hexadecimal.
    pub payload_sha256: &'a str,
}

/// The canonical form. Its `Display` is the text that is hashed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CanonicalRequest {
    method: String,
    uri: String,
    query: String,
    headers: BTreeMap<String, String>,
    payload_sha256: String,
}

impl CanonicalRequest {
    /// Brings a request with these added headers into canonical form.
    pub fn new<'a>(
        request: &SignableRequest<'_>,
        added_headers: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Self {
        let mut target = request.target.splitn(2, |byte| *byte == b'?');
        let path = target.next().unwrap_or_default();
        let query = target.next().unwrap_or_default();
        let mut headers: BTreeMap<String, String> = added_headers
            .map(|(name, value)| (name.to_owned(), canonical_value(value)))
            .collect();
        headers.insert("host".to_owned(), request.authority.to_owned());
        if let Some(content_type) = request.content_type {
            headers.insert("content-type".to_owned(), canonical_value(content_type));
        }
        Self {
            method: request.method.to_owned(),
            uri: canonical_uri(path),
            query: canonical_query(query),
            headers,
            payload_sha256: request.payload_sha256.to_owned(),
        }
    }

    /// The names of the signed headers, joined by `;`.
    pub fn signed_headers(&self) -> String {
        let names: Vec<&str> = self.headers.keys().map(String::as_str).collect();
        names.join(";")
    }

    /// The SHA-256 of the canonical form, in hexadecimal.
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(self.to_string()))
    }
}

impl fmt::Display for CanonicalRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}\n{}\n{}\n", self.method, self.uri, self.query)?;
        for (name, value) in &self.headers {
            writeln!(f, "{name}:{value}")?;
        }
        write!(f, "\n{}\n{}", self.signed_headers(), self.payload_sha256)
    }
}

/// The sent path, redundant slashes removed, each segment encoded once more: a `:` that was sent
/// raw is `%3A`, a sent `%3A` is `%253A`. Dot segments never come here.
fn canonical_uri(path: &[u8]) -> String {
    let mut uri = String::with_capacity(path.len() + 16);
    for segment in path.split(|byte| *byte == b'/') {
        if !segment.is_empty() {
            uri.push('/');
            percent_encode(segment, &mut uri);
        }
    }
    if path.ends_with(b"/") || uri.is_empty() {
        uri.push('/');
    }
    uri
}

/// The parameters decoded, encoded in the one way, and sorted by name and value.
fn canonical_query(query: &[u8]) -> String {
    let mut parameters: Vec<(String, String)> = query
        .split(|byte| *byte == b'&')
        .filter(|parameter| !parameter.is_empty())
        .map(|parameter| {
            let mut parts = parameter.splitn(2, |byte| *byte == b'=');
            let mut canonical = || {
                let mut encoded = String::new();
                percent_encode(
                    &form_decoded(parts.next().unwrap_or_default()),
                    &mut encoded,
                );
                encoded
            };
            (canonical(), canonical())
        })
        .collect();
    parameters.sort();
    let joined: Vec<String> = parameters
        .into_iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    joined.join("&")
}

/// Percent-decoded, `+` as a space.
fn form_decoded(text: &[u8]) -> Vec<u8> {
    let with_spaces: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    crate::route::percent_decoded(&with_spaces)
}

/// Percent-encodes all but the unreserved characters of RFC 3986 §2.3.
pub(crate) fn percent_encode(bytes: &[u8], into: &mut String) {
    for byte in bytes {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~') {
            into.push(char::from(*byte));
        } else {
            into.push('%');
            into.push_str(&hex(&[*byte]).to_ascii_uppercase());
        }
    }
}

/// Without spaces around it, and with one in the place of several.
fn canonical_value(value: &[u8]) -> String {
    let text = String::from_utf8_lossy(value);
    if memchr::memchr2(b' ', b'\t', value).is_none() {
        return text.into_owned();
    }
    let words: Vec<&str> = text
        .split([' ', '\t'])
        .filter(|word| !word.is_empty())
        .collect();
    words.join(" ")
}
