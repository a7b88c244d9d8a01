//! The values that the JSON Schema lists for fields that are plain strings in [`super::document`].

use serde_json::{Value, json};

use crate::authn::jwk::Algorithm;
use crate::provider_kind::ProviderKind;

pub(super) fn provider_types() -> Value {
    ProviderKind::ALL
        .map(|kind| kind.profile().type_name)
        .as_slice()
        .into()
}

pub(super) fn algorithms() -> Value {
    json!({ "type": "string", "enum": Algorithm::ALL.map(Algorithm::name) })
}
