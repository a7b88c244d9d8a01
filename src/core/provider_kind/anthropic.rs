//! Anthropic: the key in `x-api-key`. SDKs send a token there or in `Authorization`.

use std::borrow::Cow;

use super::model_list::ModelListShape;
use super::operation::{Api, Operation};
use super::upstream_path::{PathRule, VersionInsertion};
use super::{CredentialRule, DefaultEndpoint, KeyPlacement, Profile, openai, snippets};
use crate::http::token_location::TokenLocation;
use crate::usage::dialect::MESSAGES;

pub(super) const PROFILE: Profile = Profile {
    type_name: "anthropic",
    system: "anthropic",
    default_endpoint: DefaultEndpoint::Global("https://api.anthropic.com"),
    paths: PathRule {
        version: "v1",
        prefixes: &[],
        insertion: VersionInsertion::Always,
        unversioned: &[],
        aliases: &[],
    },
    api: Api {
        operations: &[OPERATIONS, openai::OPERATIONS, openai::SESSIONS, RESOURCES],
        models_in_path: &[],
        model_list: Some(ModelListShape::Pages),
    },
    prefixed_apis: &[],
    model_prefix: "",
    usage_headers: None,
    upload_url_headers: &[],
    token_locations: |_| &[TokenLocation::Bearer, TokenLocation::XApiKey],
    option_headers: &[],
    token_hint: "authorization: Bearer",
    key_placement: |_| KeyPlacement::Header(Cow::Borrowed("x-api-key")),
    credentials: CredentialRule {
        optional: false,
        api_key: true,
        passthrough: true,
        key_header: false,
        signing_service: None,
    },
    connect_snippets: snippets::ANTHROPIC,
};

/// What uses a model. Counting tokens is free.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::with_model_in_body("messages")
        .named("chat")
        .metered(&MESSAGES),
    Operation::with_model_in_body("messages/count_tokens").unmetered(),
    Operation::with_nested_requests("messages/batches").in_background(),
    Operation::with_model_in_body("complete").named("text_completion"),
];

/// Files, skills, and the management of resources that exist already.
const RESOURCES: &[Operation] = &[
    Operation::without_model("files"),
    Operation::without_model("skills"),
    Operation::without_model("skills/*/versions"),
    Operation::without_model("messages/batches/*/cancel"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_metered_and_token_counting_is_not() {
        let name = |path: &str| {
            let dialect = PROFILE.operation(path.as_bytes()).dialect();
            dialect.map(|dialect| dialect.name)
        };
        assert_eq!(name("v1/messages"), Some("messages"));
        assert_eq!(name("messages"), Some("messages"));
        assert_eq!(name("v1/chat/completions"), Some("chat_completions"));
        assert_eq!(name("v1/messages/count_tokens"), None);
        assert_eq!(name("v1/messages/batches"), None);
        assert_eq!(name("v1/complete"), Some("any_shape"));
    }
}
