//! The head of a request or a response: every header of one phase, read once, as bytes.

use thiserror::Error;

/// The headers of a request, pseudo-headers included, names in lower case as Envoy hands them over.
///
/// Values are bytes: nothing that came over the wire is taken to be text.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RequestHead {
    headers: Vec<(String, Vec<u8>)>,
}

/// The client sent a header more than once where only one can be meant.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("header \"{name}\" is repeated")]
pub struct RepeatedHeader {
    /// The header's name, one of the credential headers that the gateway knows.
    pub name: String,
}

/// What a header can carry here: visible ASCII, with spaces inside only.
pub fn is_header_value(value: &str) -> bool {
    !value.is_empty()
        && value.trim() == value
        && value.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

impl RequestHead {
    /// Takes over the header map of one phase.
    pub fn new(headers: Vec<(String, Vec<u8>)>) -> Self {
        Self { headers }
    }

    /// The request target as sent, raw; empty where there is none (CONNECT).
    pub fn path(&self) -> &[u8] {
        self.first(":path").unwrap_or_default()
    }

    /// The method, raw.
    pub fn method(&self) -> &[u8] {
        self.first(":method").unwrap_or_default()
    }

    /// The scheme by which the client came.
    pub fn scheme(&self) -> &[u8] {
        self.first(":scheme").unwrap_or(b"http")
    }

    /// The host (and port) that the client addressed.
    pub fn authority(&self) -> &[u8] {
        self.first(":authority").unwrap_or_default()
    }

    /// The names of all headers, in order, repeated ones repeated.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.headers.iter().map(|(name, _)| name.as_str())
    }

    /// The one value of a header, `None` where it is absent.
    pub fn sole(&self, name: &str) -> Result<Option<&[u8]>, RepeatedHeader> {
        let mut values = self.values(name);
        let value = values.next();
        match values.next() {
            None => Ok(value),
            Some(_) => Err(RepeatedHeader {
                name: name.to_owned(),
            }),
        }
    }

    /// The value of a header that goes through unchanged, the first where it is repeated.
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        self.values(name).next()
    }

    /// Every value of a header, in order.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.headers
            .iter()
            .filter(move |(header, _)| header == name)
            .map(|(_, value)| value.as_slice())
    }
}

/// The headers of a response, likewise.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ResponseHead {
    headers: Vec<(String, Vec<u8>)>,
}

impl ResponseHead {
    /// Takes over the header map of the response.
    pub fn new(headers: Vec<(String, Vec<u8>)>) -> Self {
        Self { headers }
    }

    /// The status; 0 where there is none.
    pub fn status(&self) -> u16 {
        let digits = self.first(":status").unwrap_or_default();
        let status = std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.parse().ok());
        status.unwrap_or_default()
    }

    /// The value of a header, the first where it is repeated.
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_slice())
    }
}
