//! Anthropic: the key in `x-api-key`; SDKs bring a token there or in `Authorization`.

use std::borrow::Cow;

use super::model_place::{ModelListShape, one_of_models};
use super::{CredentialRule, DefaultEndpoint, KeyPlacement, Profile, openai, snippets};
use crate::http::token_location::TokenLocation;
use crate::usage::dialect::{Dialect, MESSAGES};

pub(super) const PROFILE: Profile = Profile {
    type_name: "anthropic",
    system: "anthropic",
    default_endpoint: DefaultEndpoint::Global("https://api.anthropic.com"),
    version: "v1",
    before_version: &[],
    paths_are_whole: false,
    upload_url_headers: &[],
    unversioned: &[],
    path_aliases: &[],
    token_locations: |_| &[TokenLocation::Bearer, TokenLocation::XApiKey],
    token_hint: "authorization: Bearer",
    key_placement: |_| KeyPlacement::Header(Cow::Borrowed("x-api-key")),
    credentials: CredentialRule {
        optional: false,
        api_key: true,
        passthrough: true,
        key_header: false,
        signing_service: None,
    },
    account_headers: &["anthropic-organization-id"],
    model_in_path: |_| None,
    connect_snippets: snippets::ANTHROPIC,
    model_member: |_| "model",
    model_prefix: "",
    paths_without_model: &["files", "skills", "skills/**", "messages/batches/*/cancel"],
    model_list: |native| one_of_models(native, ModelListShape::Pages),
    model_in_body,
    usage_dialect,
    usage_headers: None,
};

/// Also where tokens are counted only.
pub(super) fn model_in_body(path: &[u8]) -> bool {
    usage_dialect(path).is_some() || path.ends_with(b"messages/count_tokens")
}

/// Counting tokens (`messages/count_tokens`) and batches (`messages/batches`) use none.
pub(super) fn usage_dialect(path: &[u8]) -> Option<&'static Dialect> {
    if path.ends_with(b"messages") {
        Some(&MESSAGES)
    } else {
        openai::usage_dialect(path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_counted_and_counting_is_not() {
        let name = |path: &str| usage_dialect(path.as_bytes()).map(|dialect| dialect.name);
        assert_eq!(name("v1/messages"), Some("messages"));
        assert_eq!(name("messages"), Some("messages"));
        assert_eq!(name("v1/chat/completions"), Some("chat_completions"));
        assert_eq!(name("v1/messages/count_tokens"), None);
        assert_eq!(name("v1/messages/batches"), None);
        assert_eq!(name("v1/complete"), None);
    }
}
