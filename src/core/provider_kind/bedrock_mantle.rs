//! `bedrock-mantle`, Amazon Bedrock's endpoint with OpenAI's and Anthropic's API: a separate AWS
//! service with its own models, permissions and signing name.
//!
//! `/v1` and `/openai/v1` are OpenAI's API, for different models; `/anthropic/v1` is Anthropic's.

use std::borrow::Cow;

use super::operation::Api;
use super::upstream_path::PathRule;
use super::{CredentialRule, DefaultEndpoint, Profile, anthropic, openai, snippets};
use crate::aws::partition::Partition;
use crate::http::token_location::TokenLocation;

pub(super) const PROFILE: Profile = Profile {
    type_name: "bedrock_mantle",
    system: "aws.bedrock",
    default_endpoint: DefaultEndpoint::Regional(default_endpoint),
    paths: PathRule {
        prefixes: &["openai", "anthropic"],
        unversioned: &[],
        aliases: &[
            ("messages", "anthropic/v1/messages"),
            ("v1/messages", "anthropic/v1/messages"),
            (
                "v1/messages/count_tokens",
                "anthropic/v1/messages/count_tokens",
            ),
        ],
        ..openai::PATHS
    },
    api: Api {
        operations: &[
            anthropic::OPERATIONS,
            openai::OPERATIONS,
            openai::SESSIONS,
            openai::RESOURCES,
        ],
        models_in_path: &[],
        ..openai::API
    },
    token_locations: |_| {
        &[
            TokenLocation::Bearer,
            TokenLocation::XApiKey,
            TokenLocation::SessionToken,
        ]
    },
    option_headers: &["x-amzn-bedrock-"],
    credentials: CredentialRule {
        optional: false,
        api_key: false,
        passthrough: false,
        key_header: false,
        signing_service: Some("bedrock-mantle"),
    },
    connect_snippets: snippets::BEDROCK_MANTLE,
    ..openai::PROFILE
};

fn default_endpoint(region: &str) -> Option<Cow<'static, str>> {
    let domain = Partition::of(region)?.newer_domain;
    Some(format!("https://bedrock-mantle.{region}.{domain}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_service_is_the_regions() {
        for (region, url) in [
            ("us-east-1", "https://bedrock-mantle.us-east-1.api.aws"),
            (
                "eusc-de-east-1",
                "https://bedrock-mantle.eusc-de-east-1.api.amazonwebservices.eu",
            ),
        ] {
            assert_eq!(default_endpoint(region).as_deref(), Some(url));
        }
    }

    #[test]
    fn the_path_determines_the_dialect() {
        for (path, name) in [
            ("v1/chat/completions", Some("chat_completions")),
            ("openai/v1/responses", Some("responses")),
            ("anthropic/v1/messages", Some("messages")),
            ("anthropic/v1/messages/count_tokens", None),
        ] {
            let operation = PROFILE.operation(path.as_bytes());
            let dialect = operation.dialect().map(|dialect| dialect.name);
            assert_eq!(dialect, name, "{path}");
            assert!(operation.names_model_in_body(), "{path}");
        }
    }
}
