//! The path at the provider: base path, version and the client's path, joined without doubling.
//!
//! SDKs disagree on who says the version: some call `<base>/chat/completions`, some
//! `<base>/v1/chat/completions`. Both mean the same here. A version that a client names is kept, and
//! takes the place of one at the base URL's end.

use super::Profile;

/// Joins a base URL's path and what the client asks for, into a path with a leading slash.
///
/// `base` is a base URL's path without a trailing slash, `path` the client's as sent; slashes that it
/// begins with come from a proxy URL that ended with one.
pub fn upstream_path(profile: &Profile, base: &str, path: &[u8]) -> Vec<u8> {
    let path = without_leading_slashes(path);
    let alias = profile
        .path_aliases
        .iter()
        .find(|(alias, _)| alias.as_bytes() == path);
    let path = alias.map_or(path, |(_, path)| path.as_bytes());
    let above = path_prefix(base);
    let version_of_base = match base.rsplit_once('/') {
        Some((_, last)) if above.len() < base.len() => last,
        _ if profile.paths_are_whole && has_version(base) => "",
        _ => profile.version,
    };
    let (prefix, rest) = split_prefix(profile, path);
    let is_whole = profile.paths_are_whole && !prefix.is_empty();
    let prefix = if ends_with(above, prefix) {
        b""
    } else {
        prefix
    };
    let (first, below) = split_first(rest);
    let is_unversioned = |start: &&str| starts_with(rest, start);
    let (version, rest) = if is_version(first) {
        // The base URL has its version further up: the client's says the same.
        let is_above = profile.paths_are_whole && version_of_base.is_empty();
        (b"".as_slice(), if is_above { below } else { rest })
    } else if is_whole || profile.unversioned.iter().any(is_unversioned) {
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

/// The same where the provider's paths have no version: what a client says of one is left out.
pub fn versionless_path(base: &str, path: &[u8]) -> Vec<u8> {
    let path = without_leading_slashes(path);
    let (first, below) = split_first(path);
    let path = if is_version(first) { below } else { path };
    [base.as_bytes(), b"/", path].concat()
}

/// A base URL's path without a version at its end.
pub fn path_prefix(base: &str) -> &str {
    match base.rsplit_once('/') {
        Some((above, last)) if is_version(last.as_bytes()) => above,
        _ => base,
    }
}

/// What is left of a client's path without a leading prefix and the version.
pub(super) fn native_path<'a>(profile: &Profile, path: &'a [u8]) -> &'a [u8] {
    let (_, rest) = split_prefix(profile, without_leading_slashes(path));
    let mut parts = rest.splitn(2, |byte| *byte == b'/');
    match (parts.next(), parts.next()) {
        (Some(first), Some(native)) if is_version(first) => native,
        _ => rest,
    }
}

fn without_leading_slashes(mut path: &[u8]) -> &[u8] {
    while let [b'/', rest @ ..] = path {
        path = rest;
    }
    path
}

/// What stands before the version in a client's path, and what follows.
fn split_prefix<'a>(profile: &Profile, path: &'a [u8]) -> (&'a [u8], &'a [u8]) {
    let mut parts = path.splitn(2, |byte| *byte == b'/');
    match (parts.next(), parts.next()) {
        (Some(first), Some(rest))
            if !rest.is_empty()
                && profile
                    .before_version
                    .iter()
                    .any(|prefix| prefix.as_bytes() == first) =>
        {
            (first, rest)
        }
        _ => (b"", path),
    }
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
