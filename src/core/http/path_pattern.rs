//! Patterns of paths, compared segment by segment.

/// A pattern of paths without a version: `*` matches any one segment, a last `**` one or more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PathPattern(String);

impl PathPattern {
    /// Parses a pattern; `None` if the text is not one.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.strip_prefix('/').unwrap_or(text);
        let mut segments = text.split('/').peekable();
        while let Some(segment) = segments.next() {
            let is_wildcard = segment == "*" || (segment == "**" && segments.peek().is_none());
            let is_plain = !segment.is_empty() && segment.bytes().all(is_plain);
            if !is_wildcard && !is_plain {
                return None;
            }
        }
        Some(Self(text.to_owned()))
    }

    /// Whether the pattern matches a path.
    pub fn matches(&self, path: &[u8]) -> bool {
        matches_pattern(&self.0, path)
    }
}

/// Whether a pattern's text matches a path.
///
/// Wildcards match plain segments only, so that a path which a server could read as another one
/// does not match.
pub(super) fn matches_pattern(pattern: &str, path: &[u8]) -> bool {
    // Most patterns of a table differ from a path in the first byte.
    match pattern.as_bytes().first() {
        Some(b'*') => {}
        first if first == path.first() => {}
        _ => return false,
    }
    let mut segments = path.split(|byte| *byte == b'/');
    for expected in pattern.split('/') {
        if expected == "**" {
            let mut rest = segments.peekable();
            return rest.peek().is_some() && rest.all(is_plain_segment);
        }
        match segments.next() {
            Some(segment) if expected == "*" && is_plain_segment(segment) => {}
            Some(segment) if segment == expected.as_bytes() => {}
            _ => return false,
        }
    }
    segments.next().is_none()
}

fn is_plain_segment(segment: &[u8]) -> bool {
    !segment.is_empty() && segment.iter().copied().all(is_plain)
}

const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b':' | b'=' | b'@')
}
