//! Patterns for the names of tools and prompts and for the URIs of resources.

use std::fmt;

use crate::http::route::has_dot_segment;

/// The patterns of one list of the configuration.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Patterns(Vec<Pattern>);

/// What an entry matches.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Pattern {
    /// Exactly this text.
    Exact(String),
    /// Everything that begins with this.
    Prefix(String),
}

impl Pattern {
    /// Parses a text, or a prefix followed by `*`. `None` if it is empty or has another `*`.
    pub fn parse(text: &str) -> Option<Self> {
        let (text, pattern): (_, fn(String) -> Self) = match text.strip_suffix('*') {
            Some(prefix) => (prefix, Self::Prefix),
            None if text.is_empty() => return None,
            None => (text, Self::Exact),
        };
        (!text.contains('*')).then(|| pattern(text.to_owned()))
    }

    fn matches(&self, text: &str) -> bool {
        match self {
            Self::Exact(exact) => exact == text,
            Self::Prefix(prefix) => text.starts_with(prefix.as_str()),
        }
    }

    /// Whether some expansion of a URI template that begins with this text could match.
    fn may_match_after(&self, literal: &str) -> bool {
        match self {
            Self::Exact(exact) => exact.starts_with(literal),
            Self::Prefix(prefix) => {
                prefix.starts_with(literal) || literal.starts_with(prefix.as_str())
            }
        }
    }
}

impl Patterns {
    /// A list of these patterns.
    pub const fn new(patterns: Vec<Pattern>) -> Self {
        Self(patterns)
    }

    /// Whether one of them matches.
    pub fn has(&self, text: &str) -> bool {
        self.0.iter().any(|pattern| pattern.matches(text))
    }

    /// Whether one of them matches a URI. A prefix does not match a URI with dot segments, because
    /// these can lead out of what begins with it.
    pub fn has_uri(&self, uri: &str) -> bool {
        let is_plain = || !has_dot_segment(uri.as_bytes());
        self.0.iter().any(|pattern| match pattern {
            Pattern::Exact(exact) => exact == uri,
            Pattern::Prefix(prefix) => {
                prefix.is_empty() || uri.starts_with(prefix.as_str()) && is_plain()
            }
        })
    }

    /// Whether an expansion of a URI template (RFC 6570) could match.
    pub fn may_have_expansion(&self, template: &str) -> bool {
        let literal = template.split('{').next().unwrap_or_default();
        if literal.len() == template.len() {
            return self.has_uri(template);
        }
        self.0.iter().any(|it| it.may_match_after(literal))
    }

    /// The entries, as the configuration has them.
    pub fn entries(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(ToString::to_string)
    }
}

/// As written in the configuration.
impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exact(text) => f.write_str(text),
            Self::Prefix(prefix) => write!(f, "{prefix}*"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patterns(entries: &[&str]) -> Patterns {
        let parsed = entries.iter().map(|entry| Pattern::parse(entry).unwrap());
        Patterns::new(parsed.collect())
    }

    #[test]
    fn a_star_stands_at_the_end() {
        for wrong in ["", "*a", "a*b", "a**"] {
            assert_eq!(Pattern::parse(wrong), None, "{wrong}");
        }
        let some = patterns(&["search_*", "get"]);
        for (name, matches) in [
            ("search_", true),
            ("search_x", true),
            ("Search_x", false),
            ("get", true),
            ("get_x", false),
            ("", false),
        ] {
            assert_eq!(some.has(name), matches, "{name}");
        }
        assert!(patterns(&["*"]).has(""));
        assert_eq!(some.entries().collect::<Vec<_>>(), ["search_*", "get"]);
    }

    #[test]
    fn a_prefix_does_not_match_a_uri_that_leads_out_of_it() {
        let some = patterns(&["file:///docs/*", "x://../y"]);
        for (uri, matches) in [
            ("file:///docs/a", true),
            ("file:///docs/a..b", true),
            ("file:///docs/../etc", false),
            ("file:///docs/%2e%2e/etc", false),
            ("file:///docs/a/..", false),
            ("file:///docs/..\\etc", false),
            ("x://../y", true),
        ] {
            assert_eq!(some.has_uri(uri), matches, "{uri}");
        }
        assert!(patterns(&["*"]).has_uri("file:///docs/../etc"));
    }

    #[test]
    fn a_template_matches_if_an_expansion_could() {
        let some = patterns(&["file:///docs/*", "note://1"]);
        for (template, matches) in [
            ("file:///docs/{name}", true),
            ("file:///docs/a/{name}", true),
            ("file:///{+path}", true),
            ("{+uri}", true),
            ("file:///etc/{name}", false),
            ("note://{id}", true),
            ("note://1{x}", true),
            ("note://2{x}", false),
            ("note://1", true),
            ("note://2", false),
        ] {
            assert_eq!(some.may_have_expansion(template), matches, "{template}");
        }
    }
}
