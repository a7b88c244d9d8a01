//! Step 1: a request in the canonical form that the client and the service sign.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;

use sha2::{Digest, Sha256};

use crate::http::encoding::{hex, percent_encode};

/// A request as it is sent.
#[derive(Clone, Copy, Debug)]
pub struct SignableRequest<'a> {
    /// The method.
    pub method: &'a str,
    /// Path and query, exactly as sent.
    pub target: &'a [u8],
    /// The host, and the port if it is in `:authority`.
    pub authority: &'a str,
    /// `content-type`, if there is one.
    pub content_type: Option<&'a [u8]>,
    /// The SHA-256 of the body, in hexadecimal.
    pub payload_sha256: &'a str,
}

/// The canonical form. Its `Display` is the text that is hashed.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CanonicalRequest {
    text: String,
    /// The position of the names of the signed headers in the text.
    signed_headers: Range<usize>,
}

/// The usual length with a session token.
const USUAL_SIZE: usize = 1536;

impl CanonicalRequest {
    /// The canonical form of a request to which these headers are added.
    pub fn new<'a>(
        request: &'a SignableRequest<'_>,
        added_headers: impl Iterator<Item = (&'a str, &'a [u8])>,
    ) -> Self {
        let mut target = request.target.splitn(2, |byte| *byte == b'?');
        let path = target.next().unwrap_or_default();
        let query = target.next().unwrap_or_default();
        let content_type = request.content_type.map(|value| ("content-type", value));
        let mut headers = Vec::with_capacity(6);
        headers.push(("host", request.authority.as_bytes()));
        headers.extend(content_type);
        headers.extend(added_headers);
        headers.sort_unstable();

        let mut text = String::with_capacity(USUAL_SIZE);
        text.push_str(request.method);
        text.push('\n');
        canonical_uri(path, &mut text);
        text.push('\n');
        if !query.is_empty() {
            text.push_str(&canonical_query(query));
        }
        text.push('\n');
        for (name, value) in &headers {
            text.push_str(name);
            text.push(':');
            canonical_value(value, &mut text);
            text.push('\n');
        }
        text.push('\n');
        let start = text.len();
        for (name, _) in &headers {
            if text.len() > start {
                text.push(';');
            }
            text.push_str(name);
        }
        let signed_headers = start..text.len();
        text.push('\n');
        text.push_str(request.payload_sha256);
        Self {
            text,
            signed_headers,
        }
    }

    /// The names of the signed headers, joined by `;`.
    pub fn signed_headers(&self) -> &str {
        self.text
            .get(self.signed_headers.clone())
            .unwrap_or_default()
    }

    /// The SHA-256 of the canonical form, in hexadecimal.
    pub fn hash(&self) -> String {
        hex(&Sha256::digest(&self.text))
    }
}

impl fmt::Display for CanonicalRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The sent path without redundant slashes, with each segment percent-encoded again: a raw `:`
/// becomes `%3A`, and `%3A` becomes `%253A`. Paths with dot segments are rejected before.
fn canonical_uri(path: &[u8], into: &mut String) {
    let start = into.len();
    for segment in path.split(|byte| *byte == b'/') {
        if !segment.is_empty() {
            into.push('/');
            percent_encode(segment, into);
        }
    }
    if path.ends_with(b"/") || into.len() == start {
        into.push('/');
    }
}

/// The parameters, decoded, encoded canonically, and sorted by name and value.
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

/// Percent-decoded, with `+` as a space.
fn form_decoded(text: &[u8]) -> Vec<u8> {
    let with_spaces: Vec<u8> = text
        .iter()
        .map(|byte| if *byte == b'+' { b' ' } else { *byte })
        .collect();
    crate::http::encoding::percent_decode(&with_spaces)
}

/// The value without spaces around it, and with single spaces inside.
fn canonical_value(value: &[u8], into: &mut String) {
    // The lossy conversion goes byte by byte and is hardly ever needed.
    let text =
        std::str::from_utf8(value).map_or_else(|_| String::from_utf8_lossy(value), Cow::Borrowed);
    if memchr::memchr2(b' ', b'\t', value).is_none() {
        return into.push_str(&text);
    }
    let words = text.split([' ', '\t']).filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            into.push(' ');
        }
        into.push_str(word);
    }
}
