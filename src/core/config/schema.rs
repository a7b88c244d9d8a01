//! For tools: the JSON Schema (draft 2020-12) of the configuration, made from the very types that read it.
//!
//! It knows shapes only. What needs more than one field to be judged, [`super::Config::parse`] finds.

use serde_json::Value;

use super::document::Document;
use super::problem::{Problem, shape_error};

/// The schema.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Document).into();
    remove_formats(&mut schema);
    schema
}

/// Takes out the names of Rust's kinds of numbers: no validator knows them, strict ones refuse the
/// schema, and `minimum` and `maximum` say the same.
fn remove_formats(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.retain(|name, value| name != "format" || !value.is_string());
            members.values_mut().for_each(remove_formats);
        }
        Value::Array(items) => items.iter_mut().for_each(remove_formats),
        _ => {}
    }
}

/// The first mistake of shape, where the document has one; what it means is not looked at.
pub fn shape_problem(json: &[u8]) -> Option<Problem> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let read: Result<Document, _> = serde_path_to_error::deserialize(&mut deserializer);
    shape_error(&read.err()?).problems.pop()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::authn::jwk::Algorithm;
    use crate::provider_kind::ProviderKind;

    #[test]
    fn unknown_fields_are_refused_and_closed_sets_are_listed() {
        let schema = schema();
        assert_eq!(schema["additionalProperties"], false);
        let provider = &schema["$defs"]["Provider"];
        assert_eq!(provider["additionalProperties"], false);
        assert_eq!(provider["required"], json!(["name", "type"]));
        let types = provider["properties"]["type"]["enum"].as_array().unwrap();
        assert_eq!(types.len(), ProviderKind::ALL.len());
        let algorithms = &schema["$defs"]["Issuer"]["properties"]["algorithms"];
        assert_eq!(
            algorithms["items"]["enum"].as_array().unwrap().len(),
            Algorithm::ALL.len()
        );
    }

    #[test]
    fn no_format_is_named_that_validators_do_not_know() {
        assert!(!schema().to_string().contains("\"format\":\""));
    }

    #[test]
    fn every_field_is_described() {
        let schema = schema();
        let definitions = schema["$defs"].as_object().unwrap().values();
        for definition in definitions.chain([&schema]) {
            let properties = definition["properties"].as_object();
            for (name, property) in properties.into_iter().flatten() {
                let description = property.get("description");
                assert!(description.is_some(), "{name} of {definition:#}");
            }
        }
    }
}
