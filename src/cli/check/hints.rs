//! What to do about a problem, where the filter's own words leave that open.

use ai_gateway_core::config::{Problem, schema};
use serde_json::Value;

/// How many letters a mistyped name may be off.
const NEAR: usize = 2;

/// A hint, if there is one to give.
pub(super) fn hint(problem: &Problem) -> Option<String> {
    let mut quoted = problem.message.split('`').skip(1).step_by(2);
    let message = problem.message.as_str();
    if message.starts_with("unknown field") {
        let name = quoted.next()?;
        return nearest(name, quoted)
            .map(|near| format!("did you mean \"{near}\"?"))
            .or_else(|| elsewhere(name));
    }
    if message.starts_with("missing field") {
        let name = quoted.next()?;
        return Some(format!("add it: {}", example(name)));
    }
    if message.contains("expected `env` or `value`") {
        return Some("write {\"env\": \"NAME\"}, and set NAME in Envoy's environment".to_owned());
    }
    let is_of_shape = message.starts_with("unknown variant") || message.starts_with("invalid");
    let meant = is_of_shape.then(|| description(&problem.path)).flatten()?;
    Some(format!("meant is: {meant}"))
}

fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    known
        .map(|known| (strsim::damerau_levenshtein(name, known), known))
        .filter(|(distance, known)| *distance <= NEAR && *distance < known.len())
        .min()
        .map(|(_, known)| known)
}

/// Where a field is known that was written in the wrong place.
fn elsewhere(name: &str) -> Option<String> {
    let schema = schema();
    let places = places(&schema, &schema, "", 0, name);
    (!places.is_empty()).then(|| format!("it belongs to {}", places.join(" or ")))
}

/// Every place in the document that has a member of that name.
fn places(schema: &Value, root: &Value, at: &str, depth: usize, name: &str) -> Vec<String> {
    let mut found = Vec::new();
    if depth > 8 {
        return found;
    }
    let schema = resolved(schema, root);
    for (member, below) in object(schema.get("properties")) {
        if member == name {
            let place = if at.is_empty() { "the top level" } else { at };
            found.push(place.to_owned());
        }
        let dot = if at.is_empty() { "" } else { "." };
        let at = format!("{at}{dot}{member}");
        found.extend(places(below, root, &at, depth + 1, name));
    }
    if let Some(items) = schema.get("items") {
        found.extend(places(items, root, &format!("{at}[]"), depth + 1, name));
    }
    for choice in choices(schema) {
        found.extend(places(choice, root, at, depth + 1, name));
    }
    found
}

/// What the schema says about the value at that path.
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
        _ => "docs/configuration.md says what it is for",
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
    fn a_mistyped_name_is_set_right() {
        let message = "unknown field `api_kye`, expected one of `name`, `api_key`, `models`";
        assert_eq!(of("/providers/0", message), "did you mean \"api_key\"?");
    }

    #[test]
    fn a_name_in_the_wrong_place_is_told_its_own() {
        let message = "unknown field `audiences`, expected `issuers` or `disabled`";
        assert_eq!(of("", message), "it belongs to authentication.issuers[]");
        let message = "unknown field `whatever`, expected `issuers` or `disabled`";
        assert_eq!(of("", message), "");
    }

    #[test]
    fn a_value_of_the_wrong_type_is_told_what_is_meant() {
        let message = "invalid type: integer, expected a string";
        assert_eq!(
            of("/providers/0/models/1", message),
            "",
            "elements are not described"
        );
        assert!(of("/providers/0/models", message).contains("models"));
        assert!(of("/authentication/issuers/3/clock_skew", message).contains("60s"));
        assert!(
            of("/providers/1/credentials/assume_role/external_id", message)
                .contains("trust policy")
        );
    }

    #[test]
    fn a_secret_that_is_written_out_is_told_how_to_name_it() {
        let message = "unknown variant, expected `env` or `value`";
        assert!(of("/providers/0/api_key", message).contains(r#"{"env": "NAME"}"#));
    }

    #[test]
    fn a_missing_field_is_shown() {
        assert!(of("", "missing field `authentication`").contains("issuers"));
        assert!(of("/x", "missing field `kind`").contains("docs/configuration.md"));
    }
}
