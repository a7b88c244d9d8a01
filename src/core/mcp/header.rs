//! The headers in which clients repeat what the body says, since 2026-07-28.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;

use super::is_stateless;
use crate::http::head::RequestHead;

/// The header with the version of the protocol.
pub const VERSION_HEADER: &str = "mcp-protocol-version";

const METHOD_HEADER: &str = "mcp-method";
const NAME_HEADER: &str = "mcp-name";

const ENCODED_PREFIX: &[u8] = b"=?base64?";
const ENCODED_SUFFIX: &[u8] = b"?=";

/// What the headers of a request say.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct McpHeaders<'a> {
    /// The version of the protocol.
    pub version: Option<&'a [u8]>,
    /// The method of the message.
    pub method: Option<String>,
    /// The tool, prompt or resource that it is about.
    pub name: Option<String>,
}

/// A header is repeated or cannot be read in one way only.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HeaderFault(pub &'static str);

impl<'a> McpHeaders<'a> {
    /// Reads the headers.
    pub fn read(head: &'a RequestHead) -> Result<Self, HeaderFault> {
        let sole = |name| head.sole(name).map_err(|_| HeaderFault(name));
        let text = |name| {
            let Some(value) = sole(name)? else {
                return Ok(None);
            };
            decode(value).map(Some).ok_or(HeaderFault(name))
        };
        Ok(Self {
            version: sole(VERSION_HEADER)?,
            method: text(METHOD_HEADER)?,
            name: text(NAME_HEADER)?,
        })
    }

    /// Whether the version of the protocol has no sessions.
    pub fn is_stateless(&self) -> bool {
        self.version.is_some_and(is_stateless)
    }
}

/// The text of a header's value, which is visible ASCII or `=?base64?<base64 of UTF-8>?=`. `None` if
/// it is neither, or if servers could disagree on which it is.
fn decode(value: &[u8]) -> Option<String> {
    let (start, rest) = value
        .split_at_checked(ENCODED_PREFIX.len())
        .unwrap_or((&[], &[]));
    if start.eq_ignore_ascii_case(ENCODED_PREFIX) {
        let encoded = rest.strip_suffix(ENCODED_SUFFIX)?;
        if start != ENCODED_PREFIX {
            return None;
        }
        return String::from_utf8(BASE64_STANDARD.decode(encoded).ok()?).ok();
    }
    let is_plain = value.iter().all(|byte| matches!(byte, b' '..=b'~'));
    let text = std::str::from_utf8(value).ok().filter(|_| is_plain)?;
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::head;

    #[test]
    fn names_outside_ascii_are_encoded() {
        for (value, name) in [
            ("add", Some("add")),
            ("a b", Some("a b")),
            ("=?base64?Z3LDvMOfZS/DvG7Drw==?=", Some("grüße/ünï")),
            ("=?base64?YWRk?=", Some("add")),
            ("=?utf-8?YWRk?=", Some("=?utf-8?YWRk?=")),
            ("=?BASE64?YWRk?=", None),
            ("=?base64?YWRk", None),
            ("=?base64?YWR?=", None),
            ("=?base64?YW-_?=", None),
            ("=?base64?/w==?=", None),
            ("grüße", None),
        ] {
            let read = head(&[("mcp-name", value)]);
            let read = McpHeaders::read(&read).ok().map(|it| it.name.unwrap());
            assert_eq!(read.as_deref(), name, "{value}");
        }
    }

    #[test]
    fn repeated_headers_are_refused() {
        for name in ["mcp-method", "mcp-name", "mcp-protocol-version"] {
            let repeated = head(&[(name, "a"), (name, "a")]);
            assert_eq!(McpHeaders::read(&repeated), Err(HeaderFault(name)));
        }
    }

    #[test]
    fn versions_are_dates() {
        for (version, stateless) in [
            ("2026-07-28", true),
            ("2027-01-01", true),
            ("2025-11-25", false),
            ("", false),
            ("9", false),
        ] {
            let head = head(&[("mcp-protocol-version", version)]);
            let headers = McpHeaders::read(&head).unwrap();
            assert_eq!(headers.is_stateless(), stateless, "{version}");
        }
    }
}
