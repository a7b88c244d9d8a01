//! The head of a request or a response: every header of one phase, read once, as bytes.

use thiserror::Error;

/// Headers in order, with names in lower case as Envoy sends them, in the encoding of the
/// proxy-wasm ABI: their number, the sizes of all names and values, then all names and values with
/// a NUL after each. Numbers are 32-bit little-endian. Lookups do not copy.
///
/// Values are bytes, since HTTP allows values that are not UTF-8.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct HeaderMap {
    bytes: Vec<u8>,
    /// Where each header is.
    spans: Vec<HeaderSpan>,
}

/// The headers of a request, pseudo-headers included.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RequestHead {
    headers: HeaderMap,
}

/// The headers of a response, pseudo-headers included.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ResponseHead {
    headers: HeaderMap,
}

/// The client sent a header more than once although it may have one value only.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[error("header \"{name}\" is repeated")]
pub struct RepeatedHeader {
    /// The header's name, one of the credential headers that the gateway knows.
    pub name: String,
}

/// Whether a value is visible ASCII, with spaces inside only.
pub fn is_header_value(value: &str) -> bool {
    !value.is_empty()
        && value.trim() == value
        && value.bytes().all(|byte| (b' '..=b'~').contains(&byte))
}

impl HeaderMap {
    /// Encodes headers.
    pub fn new<'a>(headers: impl Iterator<Item = (&'a str, &'a [u8])> + Clone) -> Self {
        let size = |text: &[u8]| u32::try_from(text.len()).unwrap_or(u32::MAX);
        let count = u32::try_from(headers.clone().count()).unwrap_or(u32::MAX);
        let mut bytes = count.to_le_bytes().to_vec();
        for (name, value) in headers.clone() {
            bytes.extend_from_slice(&size(name.as_bytes()).to_le_bytes());
            bytes.extend_from_slice(&size(value).to_le_bytes());
        }
        for (name, value) in headers {
            for text in [name.as_bytes(), value] {
                bytes.extend_from_slice(text);
                bytes.push(0);
            }
        }
        Self::from_bytes(bytes)
    }

    /// Takes headers that are encoded already. Bytes that are not in this encoding have fewer
    /// headers.
    pub fn from_bytes(bytes: Vec<u8>) -> Self {
        let (count, rest) = bytes.split_first_chunk().unwrap_or((&[0; 4], &[]));
        let (numbers, _) = rest.as_chunks::<4>();
        let (sizes, _) = numbers.as_chunks::<2>();
        let sizes = sizes.get(..size(*count)).unwrap_or_default();
        let mut spans = Vec::with_capacity(sizes.len());
        let mut start = 4 + 8 * sizes.len();
        for [name, value] in sizes {
            let (name, value) = (size(*name), size(*value));
            let left = bytes.len().saturating_sub(start);
            // Each is compared on its own, since their sum could overflow.
            if name >= left || value > left - name - 1 {
                break;
            }
            let span = HeaderSpan {
                start,
                value: start + name + 1,
                end: start + name + 1 + value,
            };
            spans.push(span);
            start = span.end + 1;
        }
        Self { bytes, spans }
    }

    /// The encoded headers.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The name and value of each header.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.spans.iter().filter_map(|span| self.header(span))
    }

    /// The values of a header. Only names of the same length are compared.
    fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.spans
            .iter()
            .filter(|span| span.value - span.start == name.len() + 1)
            .filter_map(|span| self.header(span))
            .filter(|(header, _)| *header == name.as_bytes())
            .map(|(_, value)| value)
    }

    fn header(&self, span: &HeaderSpan) -> Option<(&[u8], &[u8])> {
        let name = self.bytes.get(span.start..span.value - 1)?;
        Some((name, self.bytes.get(span.value..span.end)?))
    }
}

/// Where a header is in a map. The name ends with a NUL before the value.
#[derive(Clone, Copy, PartialEq, Eq)]
struct HeaderSpan {
    start: usize,
    value: usize,
    end: usize,
}

fn size(bytes: [u8; 4]) -> usize {
    usize::try_from(u32::from_le_bytes(bytes)).unwrap_or(usize::MAX)
}

impl std::fmt::Debug for HeaderMap {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names = self.iter().map(|(name, _)| String::from_utf8_lossy(name));
        f.debug_list().entries(names).finish()
    }
}

impl From<HeaderMap> for RequestHead {
    fn from(headers: HeaderMap) -> Self {
        Self { headers }
    }
}

impl From<HeaderMap> for ResponseHead {
    fn from(headers: HeaderMap) -> Self {
        Self { headers }
    }
}

impl RequestHead {
    /// From names and values one by one.
    pub fn new(headers: Vec<(String, Vec<u8>)>) -> Self {
        let headers = headers.iter();
        HeaderMap::new(headers.map(|(name, value)| (name.as_str(), value.as_slice()))).into()
    }

    /// The request target as sent; empty if there is none (CONNECT).
    pub fn path(&self) -> &[u8] {
        self.first(":path").unwrap_or_default()
    }

    /// The method, as sent.
    pub fn method(&self) -> &[u8] {
        self.first(":method").unwrap_or_default()
    }

    /// The scheme of the client's request.
    pub fn scheme(&self) -> &[u8] {
        self.first(":scheme").unwrap_or(b"http")
    }

    /// The host (and port) that the client addressed.
    pub fn authority(&self) -> &[u8] {
        self.first(":authority").unwrap_or_default()
    }

    /// The name and value of each header, in order, repeated ones repeated.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.headers.iter()
    }

    /// The only value of a header; `None` if it is absent.
    pub fn sole(&self, name: &str) -> Result<Option<&[u8]>, RepeatedHeader> {
        let mut values = self.headers.values(name);
        let value = values.next();
        match values.next() {
            None => Ok(value),
            Some(_) => Err(RepeatedHeader {
                name: name.to_owned(),
            }),
        }
    }

    /// Whether the client asks for another protocol, over HTTP/1.1 (RFC 9110 §7.8) or HTTP/2 (RFC
    /// 8441).
    pub fn asks_for_upgrade(&self) -> bool {
        self.first("upgrade").is_some() || self.first(":protocol").is_some()
    }

    /// The first value of a header.
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        self.headers.values(name).next()
    }

    /// Every value of a header, in order.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.headers.values(name)
    }
}

impl ResponseHead {
    /// The name and value of each header, in order, repeated ones repeated.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        self.headers.iter()
    }

    /// From names and values one by one.
    pub fn new(headers: Vec<(String, Vec<u8>)>) -> Self {
        let headers = headers.iter();
        HeaderMap::new(headers.map(|(name, value)| (name.as_str(), value.as_slice()))).into()
    }

    /// The status; 0 if there is none.
    pub fn status(&self) -> u16 {
        let digits = self.first(":status").unwrap_or_default();
        let status = std::str::from_utf8(digits)
            .ok()
            .and_then(|digits| digits.parse().ok());
        status.unwrap_or_default()
    }

    /// The first value of a header.
    pub fn first(&self, name: &str) -> Option<&[u8]> {
        self.headers.values(name).next()
    }

    /// Every value of a header, in order.
    pub fn values(&self, name: &str) -> impl Iterator<Item = &[u8]> {
        self.headers.values(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_map_has_the_encoding_of_the_abi() {
        let map = HeaderMap::new([("a", &b"bc"[..]), ("", b"")].into_iter());
        let form = b"\x02\0\0\0\x01\0\0\0\x02\0\0\0\0\0\0\0\0\0\0\0a\0bc\0\0\0";
        assert_eq!(map.as_bytes(), form);
    }

    proptest! {
        #[test]
        fn a_map_has_the_headers_it_was_made_of(
            headers in prop::collection::vec(
                ("[a-z_:-]{0,20}", prop::collection::vec(any::<u8>(), 0..40)), 0..8,
            ),
        ) {
            let put = headers.iter().map(|(name, value)| (name.as_str(), value.as_slice()));
            let map = HeaderMap::new(put.clone());
            let put: Vec<_> = put.map(|(name, value)| (name.as_bytes(), value)).collect();
            prop_assert_eq!(map.iter().collect::<Vec<_>>(), put);
        }

        #[test]
        fn any_bytes_can_be_read_as_a_map(bytes: Vec<u8>) {
            let length = bytes.len();
            let map = HeaderMap::from_bytes(bytes);
            prop_assert!(map.iter().count() <= length);
        }
    }
}
