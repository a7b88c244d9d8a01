//! The path of an upstream request: the base URL's path, the API version and the client's path.
//!
//! SDKs disagree about who adds the version: some request `<base>/chat/completions`, some
//! `<base>/v1/chat/completions`. Both reach the same upstream path. A version in the client's path
//! replaces one at the end of the base URL.

/// How a kind of provider forms its paths: `[<prefix>/][<version>/]<native path>`.
pub struct PathRule {
    /// The version that is inserted into a path without one; empty if the API has no versions.
    pub version: &'static str,
    /// Segments that may precede the version, such as `upload` in `upload/v1beta/files`.
    pub prefixes: &'static [&'static str],
    /// When the version is inserted.
    pub insertion: VersionInsertion,
    /// How the native paths begin that have no version: whole segments.
    pub unversioned: &'static [&'static str],
    /// Paths that clients request, with the paths that the provider has instead.
    pub aliases: &'static [(&'static str, &'static str)],
}

/// When a version is inserted into a path without one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VersionInsertion {
    /// Always, except into unversioned paths.
    Always,
    /// Not if the base URL has a version anywhere, and not if the client's path has a prefix: such
    /// URLs are complete.
    UnlessComplete,
}

impl PathRule {
    /// Joins a base URL's path and a client's path into a path with a leading slash.
    ///
    /// `base` has no trailing slash. `path` is as sent; it has leading slashes if the client's base
    /// URL ended with one.
    pub fn upstream_path(&self, base: &str, path: &[u8]) -> Vec<u8> {
        let path = without_leading_slashes(path);
        let (first, below) = split_first(path);
        let path = if is_version(first) {
            last_version(path, below).0
        } else {
            path
        };
        let alias = self
            .aliases
            .iter()
            .find(|(alias, _)| alias.as_bytes() == path);
        let path = alias.map_or(path, |(_, path)| path.as_bytes());
        let may_be_complete = self.insertion == VersionInsertion::UnlessComplete;
        let above = path_prefix(base);
        let version_of_base = match base.rsplit_once('/') {
            Some((_, last)) if above.len() < base.len() => last,
            _ if may_be_complete && has_version(base) => "",
            _ => self.version,
        };
        let (prefix, rest) = self.split_prefix(path);
        let is_complete = may_be_complete && !prefix.is_empty();
        let prefix = if ends_with(above, prefix) {
            b""
        } else {
            prefix
        };
        let (first, below) = split_first(rest);
        let is_unversioned = |start: &&str| starts_with(rest, start);
        let (version, rest) = if is_version(first) {
            // A base URL with a version, in an SDK that adds the version itself, repeats it.
            let (rest, below) = last_version(rest, below);
            // The version is already in the middle of the base URL.
            let is_in_base = may_be_complete && version_of_base.is_empty();
            (b"".as_slice(), if is_in_base { below } else { rest })
        } else if is_complete || self.unversioned.iter().any(is_unversioned) {
            (b"".as_slice(), rest)
        } else {
            (version_of_base.as_bytes(), rest)
        };

        let slashes = 3;
        let size = above.len() + prefix.len() + version.len() + rest.len() + slashes;
        let mut joined = Vec::with_capacity(size);
        joined.extend_from_slice(above.as_bytes());
        for part in [prefix, version, rest] {
            if !part.is_empty() {
                joined.push(b'/');
                joined.extend_from_slice(part);
            }
        }
        if joined.is_empty() {
            joined.push(b'/');
        }
        joined
    }

    /// A client's path without its prefix and versions, in any case of their letters.
    pub fn native_path<'a>(&self, path: &'a [u8]) -> &'a [u8] {
        let path = without_leading_slashes(path);
        let (first, below) = split_first(path);
        let is_prefix = |prefix: &&str| first.eq_ignore_ascii_case(prefix.as_bytes());
        let rest = if !below.is_empty() && self.prefixes.iter().any(is_prefix) {
            below
        } else {
            path
        };
        without_versions(rest).unwrap_or(rest)
    }

    /// Whether a client's path begins with a prefix.
    pub fn has_prefix(&self, path: &[u8]) -> bool {
        let (first, _) = split_first(without_leading_slashes(path));
        self.is_prefix(first)
    }

    /// The prefix of a client's path, and the rest.
    fn split_prefix<'a>(&self, path: &'a [u8]) -> (&'a [u8], &'a [u8]) {
        let (first, rest) = split_first(path);
        if !rest.is_empty() && self.is_prefix(first) {
            (first, rest)
        } else {
            (b"", path)
        }
    }

    fn is_prefix(&self, segment: &[u8]) -> bool {
        self.prefixes
            .iter()
            .any(|prefix| prefix.as_bytes() == segment)
    }
}

/// The upstream path at a provider whose paths have no version: a version in the client's path is
/// removed.
pub fn versionless_path(base: &str, path: &[u8]) -> Vec<u8> {
    let path = without_leading_slashes(path);
    let (first, below) = split_first(path);
    let path = if is_version(first) {
        last_version(path, below).1
    } else {
        path
    };
    [base.as_bytes(), b"/", path].concat()
}

/// A base URL's path without a version at its end.
pub fn path_prefix(base: &str) -> &str {
    match base.rsplit_once('/') {
        Some((above, last)) if is_version(last.as_bytes()) => above,
        _ => base,
    }
}

/// The text of a path pattern without a version at its start, because paths are compared without
/// theirs.
pub fn without_version(pattern: &str) -> &str {
    let path = pattern.strip_prefix('/').unwrap_or(pattern);
    let rest = without_versions(path.as_bytes());
    let rest = rest.and_then(|rest| std::str::from_utf8(rest).ok());
    rest.unwrap_or(pattern)
}

/// A path without the versions at its start. `None` if it has none, or nothing else.
fn without_versions(path: &[u8]) -> Option<&[u8]> {
    let mut found = None;
    let mut rest = path;
    while rest.contains(&b'/')
        && let (first, below) = split_first(rest)
        && resembles_version(first)
    {
        (found, rest) = (Some(below), below);
    }
    found
}

/// A path that begins with a version from its last leading version on, and what follows that.
/// `below` is what follows the first version.
fn last_version<'a>(mut path: &'a [u8], mut below: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    loop {
        let (next, after) = split_first(below);
        if !is_version(next) {
            return (path, below);
        }
        (path, below) = (below, after);
    }
}

fn without_leading_slashes(mut path: &[u8]) -> &[u8] {
    while let [b'/', rest @ ..] = path {
        path = rest;
    }
    path
}

/// The first segment, and what follows it.
fn split_first(path: &[u8]) -> (&[u8], &[u8]) {
    let end = path.iter().position(|byte| *byte == b'/');
    let (first, below) = path.split_at(end.unwrap_or(path.len()));
    (first, below.get(1..).unwrap_or_default())
}

/// Whether a path begins with these segments.
fn starts_with(path: &[u8], segments: &str) -> bool {
    let rest = path.strip_prefix(segments.as_bytes());
    rest.is_some_and(|rest| matches!(rest, [] | [b'/', ..]))
}

/// Whether this is the last segment of a base path.
fn ends_with(base: &str, segment: &[u8]) -> bool {
    let last = base.rsplit_once('/').map(|(_, last)| last.as_bytes());
    !segment.is_empty() && last == Some(segment)
}

/// Whether a base path has a version somewhere.
fn has_version(base: &str) -> bool {
    base.split('/')
        .any(|segment| is_version(segment.as_bytes()))
}

/// Whether a server that ignores the case of letters could read a segment as a version.
fn resembles_version(segment: &[u8]) -> bool {
    is_version(segment)
        || matches!(segment, [b'v' | b'V', ..]) && is_version(&segment.to_ascii_lowercase())
}

/// Whether a segment is an API version: `v1`, `v1beta`, `v1alpha2`.
fn is_version(segment: &[u8]) -> bool {
    let Some(digits_on) = segment.strip_prefix(b"v") else {
        return false;
    };
    let digits = digits_on.iter().take_while(|byte| byte.is_ascii_digit());
    let (number, stage) = digits_on.split_at(digits.count());
    let numbered = |stage: &[u8]| stage.iter().all(u8::is_ascii_digit);
    !number.is_empty()
        && (stage.is_empty()
            || stage.strip_prefix(b"alpha").is_some_and(numbered)
            || stage.strip_prefix(b"beta").is_some_and(numbered))
}

#[cfg(test)]
mod tests;
