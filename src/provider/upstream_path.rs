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
    let (above, version_of_base) = match base.rsplit_once('/') {
        Some((above, last)) if is_version(last.as_bytes()) => (above, last),
        _ => (base, profile.version),
    };
    let (prefix, rest) = split_prefix(profile, path);
    let first = rest.split(|byte| *byte == b'/').next().unwrap_or_default();
    let is_unversioned = |name: &&str| name.as_bytes() == first;
    let version = if is_version(first) || profile.unversioned.iter().any(is_unversioned) {
        b""
    } else {
        version_of_base.as_bytes()
    };

    let mut joined = above.as_bytes().to_vec();
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
            if profile
                .before_version
                .iter()
                .any(|prefix| prefix.as_bytes() == first) =>
        {
            (first, rest)
        }
        _ => (b"", path),
    }
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
