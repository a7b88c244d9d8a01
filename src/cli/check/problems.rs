//! Every problem and warning of a configuration at once. The filter's parser stops at the first
//! mistake of shape. Here the mistaken value is removed and the rest is parsed again.

use std::collections::BTreeMap;

use ai_gateway_core::config::{Config, Document, Problem};
use serde_json::Value;

const MAX_PROBLEMS: usize = 100;

/// What the filter's parser finds in a configuration.
#[derive(Default)]
pub(crate) struct Examination {
    /// Everything that the filter refuses, in the order in which its parser finds it.
    pub(crate) problems: Vec<Problem>,
    /// What the filter accepts although it is insecure.
    pub(crate) warnings: Vec<Problem>,
    /// The environment variables that the configuration reads.
    pub(crate) variables: Vec<String>,
}

/// Examines a configuration. `env` returns the host's environment variables.
pub(crate) fn examine(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Examination {
    match Document::parse(text.as_bytes()) {
        Ok(document) => Examination {
            problems: problems(text, env),
            warnings: document.warnings(),
            variables: document.variables(),
        },
        Err(error) => match serde_json::from_str(text) {
            Ok(value) => examine_rest(value, error.problems, env),
            Err(_) => Examination {
                problems: error.problems,
                ..Examination::default()
            },
        },
    }
}

fn problems(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Vec<Problem> {
    match Config::parse(text.as_bytes(), env) {
        Ok(_) => Vec::new(),
        Err(error) => error.problems,
    }
}

/// Removes mistakes of shape, of which `mistakes` is the first, until the rest can be parsed.
fn examine_rest(
    document: Value,
    mut mistakes: Vec<Problem>,
    env: &dyn Fn(&str) -> Option<String>,
) -> Examination {
    let mut rest = Rest {
        document,
        kept: BTreeMap::new(),
        removed: Vec::new(),
    };
    let mut found = Examination::default();
    while let Some(mistake) = mistakes.pop() {
        let path = rest.original(&mistake.path);
        if !rest.is_missing_what_was_removed(&path, &mistake.message) {
            found.problems.push(Problem {
                path,
                message: mistake.message,
            });
        }
        if found.problems.len() >= MAX_PROBLEMS || !rest.remove(&mistake.path) {
            return found;
        }
        match Document::parse(rest.document.to_string().as_bytes()) {
            Ok(document) => {
                found.warnings = rest.with_original_paths(document.warnings());
                found.variables = document.variables();
            }
            Err(error) => mistakes = error.problems,
        }
    }
    let problems = problems(&rest.document.to_string(), env);
    found.problems.extend(rest.without_consequences(problems));
    found
}

fn parent(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(parent, _)| parent)
}

/// The document without its mistakes.
struct Rest {
    document: Value,
    /// For each array that lost elements, by its original path: the original indexes of those left.
    kept: BTreeMap<String, Vec<usize>>,
    /// The original paths of the removed values.
    removed: Vec<String>,
}

impl Rest {
    /// The path in the whole document for a path in the rest.
    fn original(&self, path: &str) -> String {
        let mut original = String::new();
        for segment in path.split('/').skip(1) {
            let index = self
                .kept
                .get(&original)
                .and_then(|kept| kept.get(segment.parse::<usize>().ok()?));
            match index {
                Some(index) => original.push_str(&format!("/{index}")),
                None => original.push_str(&format!("/{segment}")),
            }
        }
        original
    }

    /// Removes the member or element. Returns false if only the document itself could be removed.
    fn remove(&mut self, path: &str) -> bool {
        let mut path = path;
        if self.document.pointer(path).is_none() {
            // The path ends with a segment that only the type has, such as an enum's variant.
            path = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        }
        let Some((parent, last)) = path.rsplit_once('/') else {
            return false;
        };
        let original = self.original(path);
        let original_parent = self.original(parent);
        let last = last.replace("~1", "/").replace("~0", "~");
        let was_removed = match self.document.pointer_mut(parent) {
            Some(Value::Object(members)) => members.remove(&last).is_some(),
            Some(Value::Array(elements)) => match last.parse::<usize>() {
                Ok(index) if index < elements.len() => {
                    let all = (0..elements.len()).collect();
                    self.kept
                        .entry(original_parent)
                        .or_insert(all)
                        .remove(index);
                    elements.remove(index);
                    true
                }
                _ => false,
            },
            _ => false,
        };
        self.removed.push(original);
        was_removed
    }

    fn is_missing_what_was_removed(&self, path: &str, message: &str) -> bool {
        let Some(field) = message
            .strip_prefix("missing field `")
            .and_then(|rest| rest.split('`').next())
        else {
            return false;
        };
        self.removed.contains(&format!("{path}/{field}"))
    }

    /// Whether the value or an ancestor of it was removed.
    fn is_removed(&self, path: &str) -> bool {
        self.removed
            .iter()
            .any(|removed| path == removed || path.starts_with(&format!("{removed}/")))
    }

    /// Whether a direct child of the value was removed.
    fn has_lost_child(&self, path: Option<&str>) -> bool {
        self.removed.iter().any(|removed| parent(removed) == path)
    }

    fn with_original_paths(&self, warnings: Vec<Problem>) -> Vec<Problem> {
        let warnings = warnings.into_iter().map(|warning| Problem {
            path: self.original(&warning.path),
            ..warning
        });
        warnings.collect()
    }

    /// The problems without those that the removals cause.
    fn without_consequences(&self, problems: Vec<Problem>) -> impl Iterator<Item = Problem> {
        problems.into_iter().filter_map(|problem| {
            let path = self.original(&problem.path);
            let is_consequence = self.kept.contains_key(&path)
                || self.kept.contains_key("/providers")
                    && problem.message.starts_with("there is no provider")
                || self.is_removed(&path)
                || self.document.pointer(&problem.path).is_none()
                    && self.has_lost_child(parent(&path));
            (!is_consequence).then_some(Problem { path, ..problem })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paths(document: &Value) -> Vec<String> {
        examine(&document.to_string(), &|_| Some("x".to_owned()))
            .problems
            .into_iter()
            .map(|problem| problem.path)
            .collect()
    }

    fn issuers() -> Value {
        json!({"issuers": [{"issuer": "https://a.test", "audiences": ["a"]}]})
    }

    #[test]
    fn every_mistake_of_shape_is_reported_with_its_path() {
        let key = json!({"env": "KEY"});
        let document = json!({
            "authentication": {"issuers": [{"issuer": 1, "audiences": ["a"]}, {"issuer": "https://b.test"}]},
            "providers": [
                {"name": "a", "type": "openai", "api_kye": key},
                {"type": "openai", "api_key": key},
                {"name": "c", "type": "openai", "api_key": {"file": "x"}},
                {"name": "d", "type": "openai", "api_key": key, "models": "m"},
            ],
            "observabilty": {},
        });
        assert_eq!(
            paths(&document),
            [
                "/authentication/issuers/0/issuer",
                "/authentication/issuers/1",
                "/observabilty",
                "/providers/0/api_kye",
                "/providers/1",
                "/providers/2/api_key",
                "/providers/3/models",
            ]
        );
    }

    #[test]
    fn invalid_values_are_reported_with_mistakes_of_shape() {
        let document = json!({
            "authentication": issuers(),
            "providers": [{"name": "A", "type": "openai", "api_key": {"env": "KEY"}}],
            "usage": "/x",
        });
        assert_eq!(paths(&document), ["/usage", "/providers/0/name"]);
    }

    #[test]
    fn paths_are_those_of_the_whole_document() {
        let document = json!({
            "authentication": issuers(),
            "authorization": {"bindings": [{"subject": "s", "permissions": ["get"], "providers": ["a"]}]},
            "providers": [{"name": "a"}, {"name": "B", "type": "openai", "api_key": {"env": "KEY"}}],
        });
        assert_eq!(paths(&document), ["/providers/0", "/providers/1/name"]);
    }

    #[test]
    fn a_text_that_is_not_json_has_one_problem() {
        assert_eq!(examine("{", &|_| None).problems.len(), 1);
        assert_eq!(examine("", &|_| None).problems.len(), 1);
        assert_eq!(examine("{} {}", &|_| None).problems.len(), 1);
    }

    #[test]
    fn a_document_of_the_wrong_type_ends_the_search() {
        for document in [json!(1), json!([]), json!({}), json!({"authentication": 1})] {
            assert!(!paths(&document).is_empty(), "{document}");
        }
    }

    #[test]
    fn warnings_are_given_beside_mistakes_with_the_paths_of_the_whole_document() {
        let document = json!({
            "authentication": issuers(),
            "providers": [
                {"name": "a"},
                {"name": "b", "type": "openai", "api_key": {"value": "k"}},
                {"name": "c", "type": "openai", "api_key": {"env": "KEY"}},
            ],
            "usage": "/x",
        });
        let found = examine(&document.to_string(), &|_| Some("x".to_owned()));
        let paths: Vec<_> = found.warnings.iter().map(|it| it.path.as_str()).collect();
        assert_eq!(paths, ["/providers/1/api_key"]);
        assert_eq!(found.variables, ["KEY"]);
        assert_eq!(found.problems.len(), 2);
    }

    #[test]
    fn a_valid_document_has_no_problem() {
        let document = json!({"authentication": issuers(), "providers": []});
        assert_eq!(paths(&document), [""; 0]);
    }
}
