//! From `:path` to a [`Route`]: which provider a request is for, and which of its paths.
//!
//! Nothing is decoded or normalised: a path is forwarded as sent or is refused. The caller checks
//! whether a provider of that name exists.

use super::encoding::next_character;
use super::head::RequestHead;
use memchr::{memchr, memchr_iter};
use thiserror::Error;

/// What a request path names. All parts are as sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Route<'a> {
    /// `<prefix>`: the list of providers.
    Providers,
    /// `<prefix>/<name>`: one provider.
    Provider {
        /// The provider's name.
        name: &'a [u8],
    },
    /// `<prefix>/<name>/<upstream path>`: a request to the provider.
    Upstream {
        /// The provider's name.
        name: &'a [u8],
        /// The path at the provider, without its leading slash; never empty.
        path: &'a [u8],
        /// What follows the first `?`, if any.
        query: Option<&'a [u8]>,
    },
    /// The usage totals.
    Usage,
    /// The gateway's status.
    Status,
    /// A path that the gateway does not serve.
    Outside,
}

/// The client sent a path that servers interpret differently.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum RouteError {
    /// The path has a segment `.` or `..`, plain or percent-encoded.
    #[error("the path has a dot segment (\".\" or \"..\"); send the path that is meant")]
    DotSegment,
    /// The path has a control character, plain or percent-encoded, or the target a plain space.
    #[error(
        "the path has a control character or a space; send the path that is meant, spaces as %20"
    )]
    ControlCharacter,
}

impl<'a> Route<'a> {
    /// Parses a request target. `prefix` and the paths of usage and status have a leading slash and
    /// no trailing slash.
    pub fn parse(
        prefix: &str,
        [usage_path, status_path]: [&str; 2],
        target: &'a [u8],
    ) -> Result<Self, RouteError> {
        let (path, query) = split_once(target, b'?');
        let is_encoded = memchr(b'%', path).is_some();
        if !is_one_word(target) || is_encoded && has_control_character(path) {
            return Err(RouteError::ControlCharacter);
        }
        if (is_encoded || has_leading_dot(path)) && has_dot_segment(path) {
            return Err(RouteError::DotSegment);
        }
        let own = path.strip_suffix(b"/").unwrap_or(path);
        if own == usage_path.as_bytes() {
            return Ok(Self::Usage);
        }
        if own == status_path.as_bytes() {
            return Ok(Self::Status);
        }
        let Some(below) = path.strip_prefix(prefix.as_bytes()) else {
            return Ok(Self::Outside);
        };
        Ok(match below {
            b"" | b"/" => Self::Providers,
            [b'/', below @ ..] => match split_once(below, b'/') {
                (name, None | Some(b"")) => Self::Provider { name },
                (name, Some(path)) => Self::Upstream { name, path, query },
            },
            _ => Self::Outside,
        })
    }
}

/// A provider's proxy URL, with the scheme and host of a request to the gateway.
pub fn proxy_url(head: &RequestHead, prefix: &str, name: &str) -> String {
    let scheme = String::from_utf8_lossy(head.scheme());
    let authority = String::from_utf8_lossy(head.authority());
    format!("{scheme}://{authority}{prefix}/{name}")
}

/// What precedes and what follows the first `separator`.
fn split_once(bytes: &[u8], separator: u8) -> (&[u8], Option<&[u8]>) {
    let parts = memchr(separator, bytes).and_then(|end| bytes.split_at_checked(end));
    match parts {
        Some((before, [_, after @ ..])) => (before, Some(after)),
        _ => (bytes, None),
    }
}

/// Whether a segment of this path begins with a dot. Without one, only an encoded segment can be a
/// dot segment.
fn has_leading_dot(path: &[u8]) -> bool {
    memchr_iter(b'.', path).any(|dot| {
        let before = dot.checked_sub(1).and_then(|before| path.get(before));
        before.is_none_or(|before| matches!(before, b'/' | b'\\'))
    })
}

/// Whether any server could read a segment of this path as `.` or `..`.
///
/// Segments end at `/`, and at `\`, `%2F` and `%5C` as for lenient servers. A segment's parameters
/// (`..;x`) do not hide it.
pub(crate) fn has_dot_segment(path: &[u8]) -> bool {
    let mut segment = Segment::Empty;
    let mut rest = path;
    while let Some((byte, tail)) = next_character(rest) {
        rest = tail;
        segment = match (byte, segment) {
            (b'/' | b'\\', Segment::Dots(1 | 2)) => return true,
            (b'/' | b'\\', _) => Segment::Empty,
            (b'.', Segment::Empty) => Segment::Dots(1),
            (b'.', Segment::Dots(count)) => Segment::Dots(count.saturating_add(1)),
            (b';', Segment::Dots(1 | 2)) => return true,
            _ => Segment::Other,
        };
    }
    matches!(segment, Segment::Dots(1 | 2))
}

/// Whether a server could read a NUL or a line break in this path.
fn has_control_character(path: &[u8]) -> bool {
    let mut rest = path;
    while let Some((byte, tail)) = next_character(rest) {
        if byte.is_ascii_control() {
            return true;
        }
        rest = tail;
    }
    false
}

/// Whether a target remains one word of an HTTP/1.1 request line. A host may accept other bytes
/// over HTTP/2.
fn is_one_word(target: &[u8]) -> bool {
    // Without an early exit, so that the loop is vectorized.
    let is_of_word = |byte: &u8| *byte > b' ' && *byte != 0x7f;
    target.iter().fold(true, |all, byte| all & is_of_word(byte))
}

/// The part of a path segment that has been read.
#[derive(Clone, Copy)]
enum Segment {
    Empty,
    Dots(u8),
    Other,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const PREFIX: &str = "/llm/v1/providers";
    const OWN: [&str; 2] = ["/llm/v1/usage", "/llm/v1/status"];

    fn upstream<'a>(name: &'a str, path: &'a str, query: Option<&'a str>) -> Route<'a> {
        Route::Upstream {
            name: name.as_bytes(),
            path: path.as_bytes(),
            query: query.map(str::as_bytes),
        }
    }

    #[test]
    fn paths_are_split_and_kept_as_sent() {
        for (target, route) in [
            ("/llm/v1/providers", Route::Providers),
            ("/llm/v1/providers/", Route::Providers),
            ("/llm/v1/providers?x", Route::Providers),
            ("/llm/v1/providers/a", Route::Provider { name: b"a" }),
            ("/llm/v1/providers/a/", Route::Provider { name: b"a" }),
            ("/llm/v1/providers/a/v1/x", upstream("a", "v1/x", None)),
            ("/llm/v1/providers/a//x/", upstream("a", "/x/", None)),
            ("/llm/v1/providers//x", upstream("", "x", None)),
            ("/llm/v1/providers/a/x?", upstream("a", "x", Some(""))),
            (
                "/llm/v1/providers/a/x?y=/../?z",
                upstream("a", "x", Some("y=/../?z")),
            ),
            (
                "/llm/v1/providers/a/model/arn%3Aaws%2Fx:0/invoke",
                upstream("a", "model/arn%3Aaws%2Fx:0/invoke", None),
            ),
            (
                "/llm/v1/providers/a%2Fb",
                Route::Provider { name: b"a%2Fb" },
            ),
            ("/llm/v1/usage", Route::Usage),
            ("/llm/v1/usage/", Route::Usage),
            ("/llm/v1/usage?x", Route::Usage),
            ("/llm/v1/usage/x", Route::Outside),
            ("/llm/v1/usages", Route::Outside),
            (
                "/llm/v1/providers/usage",
                Route::Provider { name: b"usage" },
            ),
            ("/llm/v1/providersx/a/b", Route::Outside),
            ("/LLM/v1/providers/a/b", Route::Outside),
            ("/", Route::Outside),
            ("", Route::Outside),
            ("*", Route::Outside),
        ] {
            assert_eq!(
                Route::parse(PREFIX, OWN, target.as_bytes()),
                Ok(route),
                "{target}"
            );
        }
    }

    #[test]
    fn dot_segments_are_refused_however_they_are_spelled() {
        for segment in [
            ".",
            "..",
            "%2e",
            "%2E%2e",
            ".%2E",
            "%2e.",
            "..;",
            "..;x=1",
            ".;",
            "..%2F",
            "x%2f..",
            "..%5C",
            "..\\",
            "x\\..",
            "%2E%2E%2f%2e%2e",
        ] {
            for target in [
                format!("/llm/v1/providers/a/{segment}/b"),
                format!("/llm/v1/providers/a/{segment}"),
                format!("/llm/v1/providers/{segment}/b"),
                format!("/{segment}/llm/v1/providers"),
            ] {
                assert_eq!(
                    Route::parse(PREFIX, OWN, target.as_bytes()),
                    Err(RouteError::DotSegment),
                    "{target}"
                );
            }
        }
    }

    #[test]
    fn control_characters_are_refused() {
        for path in ["a%00b", "%0a", "a%0Db", "a\0", "%7f", "%1F"] {
            let target = format!("/llm/v1/providers/a/{path}");
            assert_eq!(
                Route::parse(PREFIX, OWN, target.as_bytes()),
                Err(RouteError::ControlCharacter),
                "{path}"
            );
        }
    }

    #[test]
    fn bytes_that_end_a_request_line_are_refused_in_the_query_too() {
        for tail in ["a b", "a?b c", "a?b\r\nx: y", "a?\0", "a?\t", "a?\x7f"] {
            let target = format!("/llm/v1/providers/a/{tail}");
            assert_eq!(
                Route::parse(PREFIX, OWN, target.as_bytes()),
                Err(RouteError::ControlCharacter),
                "{tail}"
            );
        }
        let target = b"/llm/v1/providers/a/b%20c?d=%0D%0A%20";
        assert!(Route::parse(PREFIX, OWN, target).is_ok());
    }

    #[test]
    fn dots_within_names_are_accepted() {
        for path in [
            "v1/models/gpt-4.1",
            "a..b",
            "...",
            "....",
            ".well-known",
            "%252e%252e",
            "x/.hidden",
            "a.%2e",
            "%2",
            "%",
            "us.anthropic.claude-haiku-4-5-20251001-v1:0/invoke",
        ] {
            let target = format!("/llm/v1/providers/a/{path}");
            assert!(
                matches!(
                    Route::parse(PREFIX, OWN, target.as_bytes()),
                    Ok(Route::Upstream { path: kept, .. }) if kept == path.as_bytes()
                ),
                "{path}"
            );
        }
    }

    proptest! {
        #[test]
        fn splitting_loses_no_bytes(tail: Vec<u8>) {
            let target = [b"/llm/v1/providers/a/", tail.as_slice()].concat();
            if let Ok(Route::Upstream { name, path, query }) = Route::parse(PREFIX, OWN, &target) {
                prop_assert_eq!(name, b"a");
                let mut kept = path.to_vec();
                if let Some(query) = query {
                    kept.push(b'?');
                    kept.extend_from_slice(query);
                }
                prop_assert_eq!(kept, tail);
            }
        }
    }
}
