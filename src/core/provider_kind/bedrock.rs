//! Amazon Bedrock Runtime: signed by the gateway, or a Bedrock API key as bearer token.
//!
//! AWS SDKs that sign with keys of their own can send a token as the session token only.

mod usage;

use std::borrow::Cow;

use super::operation::{Api, BodyFormat, ModelInPath, Operation, RestOfPath};
use super::upstream_path::{PathRule, VersionInsertion};
use super::{CredentialRule, DefaultEndpoint, KeyPlacement, Profile, openai, snippets};
use crate::aws::partition::Partition;
use crate::http::token_location::TokenLocation;
use crate::usage::dialect::CONVERSE;
#[cfg(test)]
pub(crate) use usage::INVOKE_MODEL;

pub(super) const PROFILE: Profile = Profile {
    type_name: "bedrock",
    system: "aws.bedrock",
    default_endpoint: DefaultEndpoint::Regional(default_endpoint),
    paths: PathRule {
        version: "",
        prefixes: &[],
        insertion: VersionInsertion::Always,
        unversioned: &[],
        aliases: &[
            ("v1/chat/completions", "openai/v1/chat/completions"),
            ("chat/completions", "openai/v1/chat/completions"),
            ("v1/responses", "openai/v1/responses"),
            ("responses", "openai/v1/responses"),
        ],
    },
    api: Api {
        operations: &[OPERATIONS, openai::OPERATIONS, openai::SESSIONS, RESOURCES],
        models_in_path: &[MODEL],
        model_list: None,
    },
    prefixed_apis: &[("openai/v1/", OPENAI), ("openai/", OPENAI)],
    model_prefix: "",
    usage_headers: Some(usage::reported_in_headers),
    upload_url_headers: &[],
    token_locations: |_| &[TokenLocation::Bearer, TokenLocation::SessionToken],
    option_headers: &["x-amzn-bedrock-"],
    token_hint: "authorization: Bearer",
    key_placement: |_| KeyPlacement::Bearer,
    credentials: CredentialRule {
        optional: false,
        api_key: false,
        passthrough: false,
        key_header: false,
        signing_service: Some("bedrock"),
    },
    connect_snippets: snippets::BEDROCK,
};

/// OpenAI's API, below `openai/v1`.
const OPENAI: Api = Api {
    operations: &[openai::OPERATIONS, openai::SESSIONS],
    models_in_path: &[],
    model_list: None,
};

/// `model/<model>/<operation>`, with the model percent-encoded into one segment.
const MODEL: ModelInPath = ModelInPath {
    before: "model/",
    separator: b'/',
    rest: RestOfPath::OneSegment,
    collection: "",
};

/// What uses a model. Counting tokens (`count-tokens`) is free.
const OPERATIONS: &[Operation] = &[
    Operation::with_model_in_path("converse")
        .named("chat")
        .metered(&CONVERSE),
    Operation::with_model_in_path("converse-stream")
        .named("chat")
        .metered(&CONVERSE),
    Operation::with_model_in_member("async-invoke", "modelId")
        .named("text_completion")
        .in_background(),
    Operation::with_model_in_path("invoke")
        .named("text_completion")
        .metered(&usage::INVOKE_MODEL),
    Operation::with_model_in_path("invoke-with-response-stream")
        .named("text_completion")
        .metered(&usage::INVOKE_MODEL),
    Operation::with_model_in_path("invoke-with-bidirectional-stream").with_body(BodyFormat::Events),
    Operation::with_model_in_path("count-tokens").unmetered(),
];

/// Guardrails apply policies to texts, without a model.
const RESOURCES: &[Operation] = &[
    Operation::without_model("guardrail/*/version/*/apply"),
    Operation::without_model("guardrail-checks/invoke"),
];

fn default_endpoint(region: &str) -> Option<Cow<'static, str>> {
    let domain = Partition::of(region)?.domain;
    Some(format!("https://bedrock-runtime.{region}.{domain}").into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_public_service_is_the_regions() {
        for (region, url) in [
            (
                "us-east-1",
                Some("https://bedrock-runtime.us-east-1.amazonaws.com"),
            ),
            (
                "cn-north-1",
                Some("https://bedrock-runtime.cn-north-1.amazonaws.com.cn"),
            ),
            ("moon-base-1", None),
        ] {
            assert_eq!(default_endpoint(region).as_deref(), url, "{region}");
        }
    }
}
