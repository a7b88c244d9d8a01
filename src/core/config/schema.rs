//! The JSON Schema (draft 2020-12) of the configuration, generated from the types that parse it.
//!
//! It describes shapes only. [`super::Config::parse`] also validates values and their combinations.

use serde_json::Value;

use super::document::Document;

/// The JSON Schema of the configuration.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Document).into();
    simplify(&mut schema);
    schema
}

/// Joins the lines of descriptions. Removes the names of Rust's number types, such as `uint64`: no
/// validator knows them, strict ones reject the schema, and `minimum` and `maximum` say the same.
fn simplify(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.retain(|name, value| name != "format" || !value.is_string());
            if let Some(Value::String(description)) = members.get_mut("description") {
                *description = description.replace('\n', " ");
            }
            members.values_mut().for_each(simplify);
        }
        Value::Array(items) => items.iter_mut().for_each(simplify),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::authn::jwk::Algorithm;
    use crate::provider_kind::ProviderKind;

    #[test]
    fn unknown_fields_are_rejected_and_enumerations_are_complete() {
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
    fn formats_that_validators_do_not_know_are_left_out() {
        assert!(!schema().to_string().contains("\"format\":\""));
    }

    #[test]
    fn every_field_is_described_on_one_line() {
        let schema = schema();
        let definitions = schema["$defs"].as_object().unwrap().values();
        for definition in definitions.chain([&schema]) {
            let properties = definition["properties"].as_object();
            for (name, property) in properties.into_iter().flatten() {
                let description = property["description"].as_str();
                assert!(
                    description.is_some_and(|text| !text.contains('\n')),
                    "{name} of {definition:#}"
                );
            }
        }
    }
}
