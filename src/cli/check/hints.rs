//! Hints for problems whose message does not say what to do.

use ai_gateway_core::config::{Problem, schema};
use serde_json::Value;

/// The edit distance up to which a known name is suggested.
const MAX_DISTANCE: usize = 2;

/// The hint for a problem, if there is one.
pub(super) fn hint(problem: &Problem) -> Option<String> {
    let mut quoted = problem.message.split('`').skip(1).step_by(2);
    let message = problem.message.as_str();
    if message.starts_with("unknown field") {
        let name = quoted.next()?;
        return nearest(name, quoted)
            .map(|known| format!("did you mean \"{known}\"?"))
            .or_else(|| elsewhere(name));
    }
    if message.starts_with("missing field") {
        let name = quoted.next()?;
        return Some(format!("add it: {}", example(name)));
    }
    if message.contains("expected `env` or `value`") {
        return Some("write {\"env\": \"NAME\"}, and set NAME in Envoy's environment".to_owned());
    }
    let is_type_error = message.starts_with("unknown variant") || message.starts_with("invalid");
    let description = is_type_error
        .then(|| description(&problem.path))
        .flatten()?;
    Some(format!("expected: {description}"))
}

fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|(distance, known)| *distance <= MAX_DISTANCE && *distance < known.len())
        .min()
        .map(|(_, known)| known)
}

/// The objects that have a field with that name.
fn elsewhere(name: &str) -> Option<String> {
    let schema = schema();
    let owners = owners(&schema, &schema, "", 0, name);
    (!owners.is_empty()).then(|| format!("it belongs to {}", owners.join(" or ")))
}

/// The path of every object of the document that has a member with that name.
fn owners(schema: &Value, root: &Value, at: &str, depth: usize, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    if depth > 8 {
        return found;
    }
    let schema = resolved(schema, root);
    for (member, below) in object(schema.get("properties")) {
        if member == name {
            let owner = if at.is_empty() { "the top level" } else { at };
            found.push(owner.to_owned());
        }
        let dot = if at.is_empty() { "" } else { "." };
        let at = format!("{at}{dot}{member}");
        found.extend(owners(below, root, &at, depth + 1, name));
    }
    if let Some(items) = schema.get("items") {
        found.extend(owners(items, root, &format!("{at}[]"), depth + 1, name));
    }
    for choice in choices(schema) {
        found.extend(owners(choice, root, at, depth + 1, name));
    }
    found
}

/// The schema's description of the value at a path.
fn description(path: &str) -> Option<String> {
    let root = schema();
    let mut at = &root;
    for segment in path.split('/').skip(1) {
        at = below(at, &root, segment)?;
    }
    Some(at.get("description")?.as_str()?.to_owned())
}

/// The schema of a member, an element or a value.
fn below<'a>(schema: &'a Value, root: &'a Value, segment: &str) -> Option<&'a Value> {
    let schema = resolved(schema, root);
    let properties = schema.get("properties");
    properties
        .and_then(|properties| properties.get(segment))
        .or_else(|| schema.get("items"))
        .or_else(|| {
            schema
                .get("additionalProperties")
                .filter(|any| any.is_object())
        })
        .or_else(|| choices(schema).find_map(|choice| below(choice, root, segment)))
}

fn resolved<'a>(schema: &'a Value, root: &'a Value) -> &'a Value {
    schema
        .get("$ref")
        .and_then(Value::as_str)
        .and_then(|reference| root.pointer(reference.strip_prefix('#')?))
        .unwrap_or(schema)
}

fn choices(schema: &Value) -> impl Iterator<Item = &Value> {
    ["anyOf", "oneOf"]
        .into_iter()
        .filter_map(|name| schema.get(name)?.as_array())
        .flatten()
}

fn object(value: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    value.and_then(Value::as_object).into_iter().flatten()
}

fn example(field: &str) -> &'static str {
    match field {
        "authentication" => {
            r#""authentication": {"issuers": [{"issuer": "https://auth.example.com/", "audiences": ["ai-gateway"]}]}"#
        }
        "providers" => r#""providers": []"#,
        "issuer" => r#""issuer": "https://auth.example.com/", exactly as in a token's iss"#,
        "audiences" => r#""audiences": ["ai-gateway"], of which a token's aud must name one"#,
        "name" => r#""name": "my-provider", the segment of the proxy URL"#,
        "permissions" => r#""permissions": ["invoke"], or "get", or both"#,
        "input" | "output" => "a price per million tokens",
        _ => "docs/configuration.md describes it",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(path: &str, message: &str) -> String {
        let problem = Problem {
            path: path.to_owned(),
            message: message.to_owned(),
        };
        hint(&problem).unwrap_or_default()
    }

    #[test]
    fn a_mistyped_name_is_corrected() {
        let message = "unknown field `api_kye`, expected one of `name`, `api_key`, `models`";
        assert_eq!(of("/providers/0", message), "did you mean \"api_key\"?");
    }

    #[test]
    fn a_misplaced_field_names_its_object() {
        let message = "unknown field `audiences`, expected `issuers` or `disabled`";
        assert_eq!(
            of("", message),
            "it belongs to authentication.issuers[] or mcp_servers[]"
        );
        let message = "unknown field `whatever`, expected `issuers` or `disabled`";
        assert_eq!(of("", message), "");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_described() {
        let message = "invalid type: integer, expected a string";
        assert_eq!(
            of("/providers/0/models/1", message),
            "",
            "elements have no description"
        );
        assert!(of("/providers/0/models", message).contains("models"));
        assert!(of("/authentication/issuers/3/clock_skew", message).contains("60s"));
        assert!(
            of("/providers/1/credentials/assume_role/external_id", message)
                .contains("trust policy")
        );
    }

    #[test]
    fn a_malformed_secret_shows_the_expected_form() {
        let message = "unknown variant, expected `env` or `value`";
        assert!(of("/providers/0/api_key", message).contains(r#"{"env": "NAME"}"#));
    }

    #[test]
    fn a_missing_field_shows_an_example() {
        assert!(of("", "missing field `authentication`").contains("issuers"));
        assert!(of("/x", "missing field `kind`").contains("docs/configuration.md"));
    }
}
