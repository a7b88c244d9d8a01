//! The paths of the gateway's own endpoints: by default next to the providers, never below
//! `path_prefix`.

use super::problem::Problems;
use super::validators;

/// The path in `field`, or the prefix with its last segment replaced by `default`.
pub(super) fn read(
    field: &str,
    path: Option<String>,
    default: &str,
    prefix: &str,
    problems: &mut Problems,
) -> String {
    let is_configured = path.is_some();
    let path = path.unwrap_or_else(|| {
        let (parent, _) = prefix.rsplit_once('/').unwrap_or_default();
        format!("{parent}/{default}")
    });
    if !is_configured && !validators::is_path_prefix(prefix) {
        return path; // The prefix is reported instead.
    }
    let is_below_providers = path
        .strip_prefix(prefix)
        .is_some_and(|below| below.is_empty() || below.starts_with('/'));
    if !validators::is_path_prefix(&path) {
        problems.add(
            field,
            "must be a plain path with a leading slash and no trailing one",
        );
    } else if is_below_providers {
        problems.add(
            field,
            "must not be path_prefix or below it, because the providers are there",
        );
    }
    path
}
