//! Google Gemini: the key in `x-goog-api-key`, or in `key=`. Uploads have their own path prefix,
//! and the WebSockets of the Live API (`ws/…`) have their version in another place.
//!
//! The OpenAI-compatible paths (`…/openai/…`) take bearer tokens, as OpenAI does.

use std::borrow::Cow;

use super::model_list::ModelListShape;
use super::operation::{Api, ModelInPath, Operation, RestOfPath};
use super::upstream_path::{PathRule, VersionInsertion};
use super::{CredentialRule, DefaultEndpoint, KeyPlacement, Profile, openai, snippets};
use crate::http::token_location::TokenLocation;
use crate::usage::dialect::{GENERATE_CONTENT, INTERACTIONS};

pub(super) const PROFILE: Profile = Profile {
    type_name: "google",
    system: "gcp.gemini",
    default_endpoint: DefaultEndpoint::Global("https://generativelanguage.googleapis.com"),
    paths: PathRule {
        version: "v1beta",
        prefixes: &["upload", "download"],
        insertion: VersionInsertion::Always,
        unversioned: &["ws"],
        aliases: &[],
    },
    api: Api {
        operations: &[OPERATIONS, openai::SESSIONS, RESOURCES],
        models_in_path: &[MODEL, TUNED_MODEL],
        model_list: Some(ModelListShape::Resources),
    },
    prefixed_apis: &[(
        "openai/",
        Api {
            operations: &[openai::OPERATIONS],
            models_in_path: &[],
            model_list: Some(ModelListShape::Objects),
        },
    )],
    model_prefix: "models/",
    usage_headers: None,
    upload_url_headers: &["x-goog-upload-url", "x-goog-upload-control-url"],
    token_locations: |path| {
        if is_openai_compatible(path) {
            &[TokenLocation::Bearer]
        } else {
            &[TokenLocation::XGoogApiKey, TokenLocation::KeyParameter]
        }
    },
    option_headers: &[],
    token_hint: "x-goog-api-key",
    key_placement: |path| {
        if is_openai_compatible(path) {
            KeyPlacement::Bearer
        } else {
            KeyPlacement::Header(Cow::Borrowed("x-goog-api-key"))
        }
    },
    credentials: CredentialRule {
        optional: false,
        api_key: true,
        passthrough: false,
        key_header: false,
        signing_service: None,
    },
    connect_snippets: snippets::GOOGLE,
};

/// `models/<model>:<method>`.
const MODEL: ModelInPath = ModelInPath {
    before: "models/",
    separator: b':',
    rest: RestOfPath::OneSegment,
    collection: "",
};

/// `tunedModels/<model>:<method>`. The collection is part of the model's id.
const TUNED_MODEL: ModelInPath = ModelInPath {
    before: "tunedModels/",
    collection: "tunedModels/",
    ..MODEL
};

/// What uses a model. Counting tokens (`countTokens`) is free.
const OPERATIONS: &[Operation] = &[
    Operation::with_model_in_path("generateContent")
        .named("generate_content")
        .metered(&GENERATE_CONTENT),
    Operation::with_model_in_path("streamGenerateContent")
        .named("generate_content")
        .metered(&GENERATE_CONTENT),
    Operation::with_model_in_path("embedContent")
        .named("embeddings")
        .metered(&GENERATE_CONTENT),
    Operation::with_model_in_path("batchEmbedContents")
        .named("embeddings")
        .metered(&GENERATE_CONTENT),
    // The body names the model, or an agent.
    Operation::with_model_in_body("interactions")
        .named("chat")
        .metered(&INTERACTIONS),
    Operation::with_model_in_path("countTokens").unmetered(),
    Operation::with_model_in_path("computeTokens").unmetered(),
    Operation::with_model_in_path("generateAnswer").named("generate_content"),
    Operation::with_model_in_path("predict"),
    Operation::with_model_in_path("predictLongRunning").in_background(),
    Operation::with_model_in_body("cachedContents"),
    Operation::with_model_in_path("batchGenerateContent")
        .named("generate_content")
        .in_background(),
    Operation::with_model_in_path("asyncBatchEmbedContent")
        .named("embeddings")
        .in_background(),
    // The Live API: `ws/…BidiGenerateContent`, where the first message names the model.
    Operation::with_unknown_model("BidiGenerateContent").named("generate_content"),
];

/// Files, file stores, and the management of resources that exist already.
const RESOURCES: &[Operation] = &[
    Operation::without_model("files"),
    Operation::without_model("files:register"),
    Operation::without_model("cachedContents/*"),
    Operation::without_model("fileSearchStores"),
    Operation::without_model("fileSearchStores/*:importFile"),
    Operation::without_model("fileSearchStores/*:uploadToFileSearchStore"),
    Operation::without_model("batches/*:cancel"),
    Operation::without_model("interactions/*/cancel"),
];

/// Whether a path is `openai/…` or `<version>/openai/…`.
fn is_openai_compatible(path: &[u8]) -> bool {
    path.split(|byte| *byte == b'/')
        .take(2)
        .any(|segment| segment == b"openai")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_determines_the_dialect() {
        let name = |path: &str| {
            let dialect = PROFILE.operation(path.as_bytes()).dialect();
            dialect.map(|dialect| dialect.name)
        };
        for method in ["generateContent", "streamGenerateContent", "embedContent"] {
            let path = format!("v1beta/models/m:{method}");
            assert_eq!(name(&path), Some("generate_content"), "{path}");
        }
        assert_eq!(name("openai/chat/completions"), Some("chat_completions"));
        assert_eq!(name("v1beta/interactions"), Some("interactions"));
        assert_eq!(name("interactions"), Some("interactions"));
        assert_eq!(name("v1beta/interactions/i-1/cancel"), None);
        assert_eq!(name("v1beta/interactions/i-1"), None);
        assert_eq!(name("v1beta/models/m:countTokens"), None);
        assert_eq!(name("v1beta/models"), None);
    }

    #[test]
    fn the_openai_compatible_paths_take_bearer_tokens() {
        for path in ["v1beta/openai/chat/completions", "openai/models"] {
            assert_eq!(
                (PROFILE.token_locations)(path.as_bytes()),
                [TokenLocation::Bearer]
            );
            assert_eq!(
                (PROFILE.key_placement)(path.as_bytes()),
                KeyPlacement::Bearer
            );
        }
        for path in ["v1beta/models/m:generateContent", "v1/models/x/openai"] {
            assert_ne!(
                (PROFILE.key_placement)(path.as_bytes()),
                KeyPlacement::Bearer
            );
        }
    }
}
