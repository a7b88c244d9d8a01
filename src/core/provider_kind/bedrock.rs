//! Amazon Bedrock Runtime: signed by the gateway, or a Bedrock API key as bearer token.
//!
//! AWS SDKs that sign with keys of their own have no place for a token but the session token.

mod usage;

use std::borrow::Cow;

use super::upstream_path::native_path;
use super::{CredentialRule, DefaultEndpoint, KeyPlacement, Profile, openai, snippets};
use crate::aws::partition::Partition;
use crate::http::encoding::percent_decoded;
use crate::http::token_location::TokenLocation;
use crate::usage::dialect::Dialect;
#[cfg(test)]
pub(crate) use usage::INVOKE_MODEL;

pub(super) const PROFILE: Profile = Profile {
    type_name: "bedrock",
    system: "aws.bedrock",
    default_endpoint: DefaultEndpoint::Regional(default_endpoint),
    version: "",
    before_version: &[],
    paths_are_whole: false,
    upload_url_headers: &[],
    unversioned: &[],
    path_aliases: &[
        ("v1/chat/completions", "openai/v1/chat/completions"),
        ("chat/completions", "openai/v1/chat/completions"),
        ("v1/responses", "openai/v1/responses"),
        ("responses", "openai/v1/responses"),
    ],
    token_locations: |_| &[TokenLocation::Bearer, TokenLocation::SessionToken],
    token_hint: "authorization: Bearer",
    key_placement: |_| KeyPlacement::Bearer,
    credentials: CredentialRule {
        optional: false,
        api_key: false,
        passthrough: false,
        key_header: false,
        signing_service: Some("bedrock"),
    },
    account_headers: &[],
    model_in_path,
    connect_snippets: snippets::BEDROCK,
    model_member: |native| match native {
        b"async-invoke" => "modelId",
        _ => "model",
    },
    model_prefix: "",
    paths_without_model: &["guardrail/**"],
    model_list: |_| None,
    model_in_body: openai::model_in_body,
    usage_dialect,
    usage_headers: Some(usage::reported_in_headers),
};

/// `model/<model>/<operation>`, the model in one encoding.
fn model_in_path(path: &[u8]) -> Option<Vec<u8>> {
    let mut segments = native_path(&PROFILE, path).split(|byte| *byte == b'/');
    let model = (segments.next()? == b"model").then(|| segments.next())??;
    let is_whole = segments.next().is_some() && segments.next().is_none();
    is_whole.then(|| percent_decoded(model))
}

/// Bedrock's own operations, or the OpenAI-compatible ones.
fn usage_dialect(path: &[u8]) -> Option<&'static Dialect> {
    usage::usage_dialect(path).or_else(|| openai::usage_dialect(path))
}

fn default_endpoint(region: &str) -> Cow<'static, str> {
    let domain = Partition::of(region).domain;
    Cow::Owned(format!("https://bedrock-runtime.{region}.{domain}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_service_is_the_regions() {
        assert_eq!(
            default_endpoint("us-east-1"),
            "https://bedrock-runtime.us-east-1.amazonaws.com"
        );
        assert_eq!(
            default_endpoint("cn-north-1"),
            "https://bedrock-runtime.cn-north-1.amazonaws.com.cn"
        );
    }
}
