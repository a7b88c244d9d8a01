//! The paths of the gateway's own endpoints: by default beside the providers, never among them.

use super::problem::Problems;
use super::text;

/// The path that `field` gives, or `default` in the place of the prefix's last segment.
pub(super) fn read(
    field: &str,
    path: Option<String>,
    default: &str,
    prefix: &str,
    problems: &mut Problems,
) -> String {
    let is_given = path.is_some();
    let path = path.unwrap_or_else(|| {
        let (parent, _) = prefix.rsplit_once('/').unwrap_or_default();
        format!("{parent}/{default}")
    });
    if !is_given && !text::is_path_prefix(prefix) {
        return path; // the prefix is the problem
    }
    let is_among_providers = path
        .strip_prefix(prefix)
        .is_some_and(|below| below.is_empty() || below.starts_with('/'));
    if !text::is_path_prefix(&path) {
        problems.add(
            field,
            "must be a plain path with a leading slash and no trailing one",
        );
    } else if is_among_providers {
        problems.add(
            field,
            "must not be path_prefix or lie below it, where providers are",
        );
    }
    path
}
