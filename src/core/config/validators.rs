//! Validators of single strings: names, paths, durations.

use std::fmt;
use std::time::Duration;

use thiserror::Error;

use super::problem::Problems;
use crate::authn::jwt::is_claim_reference;

/// The problem of a URL at which a metadata service may serve the machine's credentials.
pub(super) const LINK_LOCAL: &str =
    "is a link-local address or a metadata service; if this is intended, set allow_link_local";

/// The problem of a region whose domain is not known.
pub(super) const UNKNOWN_PARTITION: &str = "is in no AWS partition that the gateway knows, so the domain of its services is unknown; check \
     its name, or set base_url, and the endpoint of assume_role";

/// An AWS region, such as `us-east-1`, `us-gov-west-1` or `ap-southeast-2`.
pub(super) fn is_region(region: &str) -> bool {
    let mut parts = region.split('-');
    let is_word = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase());
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    region.len() <= 32
        && parts.next_back().is_some_and(is_number)
        && parts.clone().count() >= 2
        && parts.all(is_word)
}

/// The string is not a duration.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[error("must be a duration such as \"30s\", \"500ms\", \"10m\" or \"24h\"")]
pub(super) struct InvalidDuration;

/// Longer durations are capped at ten years, so that times computed from them cannot overflow.
const MAX_DURATION: Duration = Duration::from_secs(10 * 365 * 86_400);

/// Parses a duration such as `30s`, `500ms` or `1.5h`.
pub(super) fn duration(text: &str) -> Result<Duration, InvalidDuration> {
    let (number, seconds) = if let Some(number) = text.strip_suffix("ms") {
        (number, 0.001)
    } else if let Some(number) = text.strip_suffix('s') {
        (number, 1.0)
    } else if let Some(number) = text.strip_suffix('m') {
        (number, 60.0)
    } else if let Some(number) = text.strip_suffix('h') {
        (number, 3600.0)
    } else {
        return Err(InvalidDuration);
    };
    let is_plain = number
        .bytes()
        .all(|byte| byte.is_ascii_digit() || byte == b'.');
    let number: f64 = number.parse().map_err(|_| InvalidDuration)?;
    if !is_plain {
        return Err(InvalidDuration);
    }
    let duration = Duration::try_from_secs_f64(number * seconds).map_err(|_| InvalidDuration)?;
    Ok(duration.min(MAX_DURATION))
}

/// Reports a text that is neither a claim's name nor a JSON pointer.
pub(super) fn claim(claim: &str, path: fmt::Arguments<'_>, problems: &mut Problems) {
    if claim.is_empty() {
        problems.add(path, "must not be empty");
    } else if !is_claim_reference(claim) {
        problems.add(
            path,
            "is not a JSON pointer: \"~\" must be followed by 0 or 1 (RFC 6901)",
        );
    }
}

/// `^[a-z][a-z0-9-]{0,62}$`: valid as a URL segment, a metric label and a DNS label.
pub(super) fn is_provider_name(name: &str) -> bool {
    name.len() <= 63
        && name.starts_with(|first: char| first.is_ascii_lowercase())
        && name
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
}

/// A token of RFC 9110 §5.6.2.
pub(super) fn is_header_name(name: &str) -> bool {
    !name.is_empty()
        && name
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte))
}

/// A path prefix without an empty, dot or encoded segment, such as `/llm/v1/providers`.
pub(super) fn is_path_prefix(prefix: &str) -> bool {
    let segment = |segment: &str| {
        !matches!(segment, "" | "." | "..")
            && segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte))
    };
    prefix
        .strip_prefix('/')
        .is_some_and(|below| below.split('/').all(segment))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn regions_have_words_and_a_number() {
        for region in ["us-east-1", "us-gov-west-1", "ap-southeast-2", "cn-north-1"] {
            assert!(is_region(region), "{region}");
        }
        for region in [
            "",
            "us",
            "us-east",
            "us-1",
            "US-EAST-1",
            "us-east-1.evil.com",
            "us-east-1/",
            "us_east_1",
            "us--1",
            "us-east-1\n",
            "-east-1",
        ] {
            assert!(!is_region(region), "{region}");
        }
    }

    #[test]
    fn durations_have_a_number_and_a_unit() {
        for (text, milliseconds) in [
            ("30s", 30_000),
            ("500ms", 500),
            ("10m", 600_000),
            ("24h", 86_400_000),
            ("1.5s", 1_500),
            ("0s", 0),
            ("18000000000000000000s", 315_360_000_000),
        ] {
            assert_eq!(
                duration(text),
                Ok(Duration::from_millis(milliseconds)),
                "{text}"
            );
        }
        for text in [
            "", "s", "30", "-1s", "+1s", "1 s", "1d", "1e3s", "inf s", "infs", "NaNs", "..s",
        ] {
            assert_eq!(duration(text), Err(InvalidDuration), "{text}");
        }
    }

    #[test]
    fn provider_names_are_dns_labels() {
        for name in ["a", "my-openai", "a1-", &"a".repeat(63)] {
            assert!(is_provider_name(name), "{name}");
        }
        for name in [
            "",
            "A",
            "1a",
            "-a",
            "a_b",
            "a.b",
            "a/b",
            "a%2Fb",
            "é",
            &"a".repeat(64),
        ] {
            assert!(!is_provider_name(name), "{name}");
        }
    }

    #[test]
    fn prefixes_are_plain_paths() {
        for prefix in ["/llm/v1/providers", "/a", "/a-b/c.d"] {
            assert!(is_path_prefix(prefix), "{prefix}");
        }
        for prefix in [
            "", "/", "a", "/a/", "//a", "/a/../b", "/a?b", "/a%20", "/a b",
        ] {
            assert!(!is_path_prefix(prefix), "{prefix}");
        }
    }
}
