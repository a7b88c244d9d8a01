//! Amazon Bedrock's endpoint with OpenAI's and Anthropic's API, `bedrock-mantle`: a service of its own to AWS, with models,
//! permissions and signatures of its own.
//!
//! `/v1` and `/openai/v1` are OpenAI's API, for different models; `/anthropic/v1` is Anthropic's.

use std::borrow::Cow;

use super::{CredentialRule, DefaultEndpoint, Profile, anthropic, openai, snippets};
use crate::aws::partition::Partition;
use crate::http::token_location::TokenLocation;

pub(super) const PROFILE: Profile = Profile {
    type_name: "bedrock_mantle",
    system: "aws.bedrock",
    default_endpoint: DefaultEndpoint::Regional(default_endpoint),
    before_version: &["openai", "anthropic"],
    unversioned: &[],
    path_aliases: &[
        ("messages", "anthropic/v1/messages"),
        ("v1/messages", "anthropic/v1/messages"),
        (
            "v1/messages/count_tokens",
            "anthropic/v1/messages/count_tokens",
        ),
    ],
    token_locations: |_| {
        &[
            TokenLocation::Bearer,
            TokenLocation::XApiKey,
            TokenLocation::SessionToken,
        ]
    },
    credentials: CredentialRule {
        optional: false,
        api_key: false,
        passthrough: false,
        key_header: false,
        signing_service: Some("bedrock-mantle"),
    },
    account_headers: &[],
    model_in_path: |_| None,
    connect_snippets: snippets::BEDROCK_MANTLE,
    model_in_body: |path| openai::model_in_body(path) || anthropic::model_in_body(path),
    usage_dialect: anthropic::usage_dialect,
    ..openai::PROFILE
};

fn default_endpoint(region: &str) -> Cow<'static, str> {
    let domain = Partition::of(region).newer_domain;
    Cow::Owned(format!("https://bedrock-mantle.{region}.{domain}"))
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
            assert_eq!(default_endpoint(region), url);
        }
    }

    #[test]
    fn paths_tell_the_dialect() {
        for (path, name) in [
            ("v1/chat/completions", Some("chat_completions")),
            ("openai/v1/responses", Some("responses")),
            ("anthropic/v1/messages", Some("messages")),
            ("anthropic/v1/messages/count_tokens", None),
        ] {
            let dialect = (PROFILE.usage_dialect)(path.as_bytes());
            assert_eq!(dialect.map(|dialect| dialect.name), name, "{path}");
            assert!((PROFILE.model_in_body)(path.as_bytes()), "{path}");
        }
    }
}
