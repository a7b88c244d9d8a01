//! `models`: the catalog of a provider or of a binding, and the fields that modify its checks.

use std::rc::Rc;

use super::problem::Problems;
use crate::http::path_pattern::{PathPattern, PathRules};
use crate::models::catalog::{Catalog, UnlistedStatus};
use crate::models::pattern::ModelPattern;
use crate::provider_kind::upstream_path::without_version;

/// The catalog; `None` without a list.
pub(super) fn read(
    names: Option<Vec<String>>,
    path: &str,
    problems: &mut Problems,
) -> Option<Rc<Catalog>> {
    let names = names?;
    let mut patterns = Vec::new();
    for (index, name) in names.iter().enumerate() {
        match ModelPattern::parse(name) {
            Some(pattern) => patterns.push(pattern),
            None => problems.add(
                format_args!("{path}/models/{index}"),
                "must be a model id, or a prefix followed by *",
            ),
        }
    }
    let catalog = Catalog::new(patterns);
    if names.is_empty() {
        problems.add(
            format_args!("{path}/models"),
            "must not be empty; leave it out to serve every model",
        );
    }
    catalog.map(Rc::new)
}

/// `paths_without_model`: the paths that need no model although there is a catalog.
pub(super) fn paths_without_model(
    texts: &[String],
    path: &str,
    problems: &mut Problems,
) -> Vec<PathPattern> {
    path_patterns("paths_without_model", texts, path, problems)
}

/// `paths_denied` and `paths_allowed`.
pub(super) fn path_rules(
    denied: &[String],
    allowed: Option<&[String]>,
    path: &str,
    problems: &mut Problems,
) -> PathRules {
    if allowed.is_some_and(<[String]>::is_empty) {
        problems.add(
            format_args!("{path}/paths_allowed"),
            "must not be empty; leave it out to allow every path",
        );
    }
    PathRules {
        denied: path_patterns("paths_denied", denied, path, problems),
        allowed: allowed.map(|texts| path_patterns("paths_allowed", texts, path, problems)),
    }
}

fn path_patterns(
    field: &str,
    texts: &[String],
    path: &str,
    problems: &mut Problems,
) -> Vec<PathPattern> {
    let patterns = texts.iter().enumerate().filter_map(|(index, text)| {
        let pattern = PathPattern::parse(without_version(text));
        if pattern.is_none() {
            problems.add(
                format_args!("{path}/{field}/{index}"),
                "must be a native path without its version, such as \"batches\"; * is one segment, \
                 ** at the end one or more",
            );
        }
        pattern
    });
    patterns.collect()
}

/// `unlisted_model_status`.
pub(super) fn unlisted_status(status: Option<u16>, problems: &mut Problems) -> UnlistedStatus {
    match status {
        None | Some(404) => UnlistedStatus::NotFound,
        Some(403) => UnlistedStatus::Forbidden,
        Some(_) => {
            problems.add("/unlisted_model_status", "must be 404 or 403");
            UnlistedStatus::default()
        }
    }
}
