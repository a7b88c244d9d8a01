//! Patterns of paths, compared segment by segment. The case of letters does not count, because many
//! servers ignore it.

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

/// The paths that an operator denies or allows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PathRules {
    /// Paths that are denied.
    pub denied: Vec<PathPattern>,
    /// The only paths that are allowed; `None` means all.
    pub allowed: Option<Vec<PathPattern>>,
}

impl PathRules {
    /// Whether there are no rules.
    pub const fn is_empty(&self) -> bool {
        self.denied.is_empty() && self.allowed.is_none()
    }

    /// Whether the rules permit a path, which `matches` compares with a pattern.
    pub fn permit(&self, matches: impl Fn(&PathPattern) -> bool) -> bool {
        !self.denied.iter().any(&matches)
            && self
                .allowed
                .as_ref()
                .is_none_or(|it| it.iter().any(&matches))
    }
}

/// Whether a pattern's text matches a path. In the tables of operations, `*` may also be the start
/// of a segment, as in `batches/*:cancel`.
///
/// Wildcards match plain segments only, so that a path which a server could read as another one
/// does not match.
pub fn matches_pattern(pattern: &str, path: &[u8]) -> bool {
    // Most patterns of a table differ from a path in the first byte.
    match pattern.as_bytes().first() {
        Some(b'*') => {}
        Some(first)
            if path
                .first()
                .is_some_and(|it| it.eq_ignore_ascii_case(first)) => {}
        _ => return false,
    }
    let mut segments = path.split(|byte| *byte == b'/');
    for expected in pattern.split('/') {
        if expected == "**" {
            let mut rest = segments.peekable();
            return rest.peek().is_some() && rest.all(is_plain_segment);
        }
        if !segments
            .next()
            .is_some_and(|it| matches_segment(expected, it))
        {
            return false;
        }
    }
    segments.next().is_none()
}

fn matches_segment(expected: &str, segment: &[u8]) -> bool {
    let Some(end) = expected.strip_prefix('*') else {
        return segment.eq_ignore_ascii_case(expected.as_bytes());
    };
    let split = segment.len().checked_sub(end.len());
    let parts = split.and_then(|split| segment.split_at_checked(split));
    parts.is_some_and(|(start, rest)| {
        is_plain_segment(start) && rest.eq_ignore_ascii_case(end.as_bytes())
    })
}

fn is_plain_segment(segment: &[u8]) -> bool {
    !segment.is_empty() && segment.iter().copied().all(is_plain)
}

/// Whether a byte is one that wildcards match.
pub const fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~' | b':' | b'=' | b'@')
}
