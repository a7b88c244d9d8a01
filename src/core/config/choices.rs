//! The names that a member of the configuration may have, for its JSON Schema.

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
