//! Every problem of a configuration at once. The filter's own parser stops at the first mistake of
//! shape; here what is mistaken is taken out, and the rest is read again.

use std::collections::BTreeMap;

use ai_gateway_core::config::{Config, Problem, shape_problem};
use serde_json::Value;

const MOST: usize = 100;

/// All that the filter would refuse, in the order in which it would be met.
pub(crate) fn every_problem(text: &str, env: &dyn Fn(&str) -> Option<String>) -> Vec<Problem> {
    let Err(refusal) = Config::parse(text.as_bytes(), env) else {
        return Vec::new();
    };
    let (Some(mut problem), Ok(document)) = (
        shape_problem(text.as_bytes()),
        serde_json::from_str::<Value>(text),
    ) else {
        return refusal.problems;
    };
    let mut rest = Rest {
        document,
        kept: BTreeMap::new(),
        removed: Vec::new(),
    };
    let mut problems = Vec::new();
    while problems.len() < MOST {
        let path = rest.original(&problem.path);
        let is_ours = rest.is_missing_what_was_removed(&path, &problem.message);
        if !is_ours {
            problems.push(Problem {
                path: path.clone(),
                message: problem.message.clone(),
            });
        }
        let is_missing = problem.message.starts_with("missing field");
        if !rest.remove(&problem.path, is_missing) {
            return problems;
        }
        match shape_problem(rest.document.to_string().as_bytes()) {
            Some(next) => problem = next,
            None => break,
        }
    }
    if let Err(refusal) = Config::parse(rest.document.to_string().as_bytes(), env) {
        problems.extend(rest.without_consequences(refusal.problems));
    }
    problems
}

fn parent(path: &str) -> Option<&str> {
    path.rsplit_once('/').map(|(parent, _)| parent)
}

/// The document without what was found to be mistaken.
struct Rest {
    document: Value,
    /// For each array that lost elements, by its original path: the original indexes of the others.
    kept: BTreeMap<String, Vec<usize>>,
    /// The original paths of what was removed.
    removed: Vec<String>,
}

impl Rest {
    /// The path in the whole document of a path in the rest.
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

    /// Removes the member or element; false when nothing can be removed but the document itself.
    fn remove(&mut self, path: &str, is_missing: bool) -> bool {
        let mut path = path;
        if !is_missing && self.document.pointer(path).is_none() {
            // The path ends with what the type would have, such as a variant.
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

    /// Whether that, or what it was in, was removed.
    fn is_gone(&self, path: &str) -> bool {
        self.removed
            .iter()
            .any(|removed| path == removed || path.starts_with(&format!("{removed}/")))
    }

    /// Whether something was removed from that.
    fn has_lost(&self, path: Option<&str>) -> bool {
        self.removed.iter().any(|removed| parent(removed) == path)
    }

    /// The problems that were there before anything was removed.
    fn without_consequences(&self, problems: Vec<Problem>) -> impl Iterator<Item = Problem> {
        problems.into_iter().filter_map(|problem| {
            let path = self.original(&problem.path);
            let is_consequence = self.kept.contains_key(&path)
                || self.kept.contains_key("/providers")
                    && problem.message.starts_with("there is no provider")
                || self.is_gone(&path)
                || self.document.pointer(&problem.path).is_none() && self.has_lost(parent(&path));
            (!is_consequence).then_some(Problem { path, ..problem })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn paths(document: &Value) -> Vec<String> {
        every_problem(&document.to_string(), &|_| Some("x".to_owned()))
            .into_iter()
            .map(|problem| problem.path)
            .collect()
    }

    fn issuers() -> Value {
        json!({"issuers": [{"issuer": "https://a.test", "audiences": ["a"]}]})
    }

    #[test]
    fn all_mistakes_of_shape_are_found_where_they_were_made() {
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
    fn mistakes_of_meaning_are_found_beside_those_of_shape() {
        let document = json!({
            "authentication": issuers(),
            "providers": [{"name": "A", "type": "openai", "api_key": {"env": "KEY"}}],
            "usage": "/x",
        });
        assert_eq!(paths(&document), ["/usage", "/providers/0/name"]);
    }

    #[test]
    fn places_are_those_of_the_whole_document() {
        let document = json!({
            "authentication": issuers(),
            "authorization": {"bindings": [{"subject": "s", "permissions": ["get"], "providers": ["a"]}]},
            "providers": [{"name": "a"}, {"name": "B", "type": "openai", "api_key": {"env": "KEY"}}],
        });
        assert_eq!(paths(&document), ["/providers/0", "/providers/1/name"]);
    }

    #[test]
    fn a_text_that_is_no_json_has_one_problem() {
        assert_eq!(every_problem("{", &|_| None).len(), 1);
        assert_eq!(every_problem("", &|_| None).len(), 1);
        assert_eq!(every_problem("{} {}", &|_| None).len(), 1);
    }

    #[test]
    fn a_document_of_another_kind_ends_the_search() {
        for document in [json!(1), json!([]), json!({}), json!({"authentication": 1})] {
            assert!(!paths(&document).is_empty(), "{document}");
        }
    }

    #[test]
    fn what_is_right_has_no_problem() {
        let document = json!({"authentication": issuers(), "providers": []});
        assert_eq!(paths(&document), [""; 0]);
    }
}
