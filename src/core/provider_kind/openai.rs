//! OpenAI: a bearer token both ways, `/v1` where the SDK leaves it out.

use super::model_list::ModelListShape;
use super::operation::{Api, BodyFormat, ModelInPath, Operation, RestOfPath};
use super::upstream_path::{PathRule, VersionInsertion};
use super::{CredentialRule, DefaultEndpoint, KeyPlacement, Profile, snippets};
use crate::http::token_location::TokenLocation;
use crate::usage::dialect::{ANY_SHAPE, CHAT_COMPLETIONS, MESSAGES, RESPONSES};

pub(super) const PROFILE: Profile = Profile {
    type_name: "openai",
    system: "openai",
    default_endpoint: DefaultEndpoint::Global("https://api.openai.com/v1"),
    paths: PATHS,
    api: API,
    prefixed_apis: &[],
    model_prefix: "",
    usage_headers: None,
    upload_url_headers: &[],
    token_locations: |_| {
        &[
            TokenLocation::Bearer,
            TokenLocation::ApiKey,
            TokenLocation::Subprotocol,
        ]
    },
    option_headers: &[],
    token_hint: "authorization: Bearer",
    key_placement: |_| KeyPlacement::Bearer,
    credentials: CredentialRule {
        optional: false,
        api_key: true,
        passthrough: true,
        key_header: true,
        signing_service: None,
    },
    connect_snippets: snippets::OPENAI,
};

pub(super) const PATHS: PathRule = PathRule {
    version: "v1",
    prefixes: &["openai"],
    insertion: VersionInsertion::UnlessComplete,
    unversioned: &["deployments"],
    aliases: &[],
};

pub(super) const API: Api = Api {
    operations: &[OPERATIONS, ASSISTANTS, SESSIONS, RESOURCES, CONVERSATIONS],
    models_in_path: &[DEPLOYMENT],
    model_list: Some(ModelListShape::Objects),
};

/// `deployments/<model>/…`, which Azure has.
const DEPLOYMENT: ModelInPath = ModelInPath {
    before: "deployments/",
    separator: b'/',
    rest: RestOfPath::Any,
    collection: "",
};

/// What uses a model. Other vendors serve these operations too.
pub(super) const OPERATIONS: &[Operation] = &[
    Operation::with_model_in_body("chat/completions")
        .named("chat")
        .metered(&CHAT_COMPLETIONS),
    Operation::with_model_in_body("responses")
        .named("chat")
        .metered(&RESPONSES),
    Operation::with_model_in_body("embeddings")
        .named("embeddings")
        .metered(&CHAT_COMPLETIONS),
    Operation::with_model_in_body("completions")
        .named("text_completion")
        .metered(&CHAT_COMPLETIONS),
    Operation::with_model_in_body("rerank").metered(&ANY_SHAPE),
    Operation::with_model_in_body("responses/compact").metered(&RESPONSES),
    Operation::with_model_in_body("responses/input_tokens").unmetered(),
    Operation::with_model_in_body("decisions").metered(&RESPONSES),
    Operation::with_model_in_body("images/generations")
        .named("image_generation")
        .metered(&RESPONSES),
    Operation::with_model_in_body("images/edits")
        .named("image_generation")
        .metered(&RESPONSES)
        .with_body(BodyFormat::JsonOrForm),
    Operation::with_model_in_body("audio/transcriptions")
        .metered(&RESPONSES)
        .with_body(BodyFormat::JsonOrForm),
    Operation::with_model_in_body("audio/translations")
        .metered(&RESPONSES)
        .with_body(BodyFormat::JsonOrForm),
    Operation::with_model_in_body("audio/speech").metered(&RESPONSES),
    // OpenAI's moderations are free, and those of others report usage.
    Operation::with_model_in_body("moderations").metered_if_reported(),
    Operation::with_model_in_body("images/variations")
        .named("image_generation")
        .metered(&RESPONSES)
        .with_body(BodyFormat::JsonOrForm),
    Operation::with_model_in_body("videos").metered(&RESPONSES),
    // Compatible servers have Anthropic's API too.
    Operation::with_model_in_body("messages")
        .named("chat")
        .metered(&MESSAGES),
    Operation::with_model_in_body("messages/count_tokens").unmetered(),
];

/// Assistants, which OpenAI and Azure have. A run without a model of its own uses the assistant's.
pub(super) const ASSISTANTS: &[Operation] = &[
    Operation::with_model_in_body("assistants").metered_if_reported(),
    Operation::with_model_in_body("assistants/*").metered_if_reported(),
    Operation::with_model_in_body("threads/runs")
        .named("chat")
        .metered(&CHAT_COMPLETIONS),
    Operation::with_model_in_body("threads/*/runs")
        .named("chat")
        .metered(&CHAT_COMPLETIONS),
    Operation::without_model("threads"),
    Operation::without_model("threads/*"),
    // A message starts no run at OpenAI. Other servers may answer it.
    Operation::without_model("threads/*/messages")
        .named("chat")
        .metered_if_reported(),
    Operation::without_model("threads/*/messages/*"),
    Operation::without_model("threads/*/runs/*"),
    Operation::without_model("threads/*/runs/*/cancel"),
];

/// Conversations that are stored. Other vendors generate at the same paths.
pub(super) const CONVERSATIONS: &[Operation] = &[
    Operation::without_model("conversations"),
    Operation::without_model("conversations/*"),
    Operation::without_model("conversations/*/items"),
];

/// WebSocket sessions with one model.
pub(super) const SESSIONS: &[Operation] = &[Operation::with_model_in_query("realtime")];

/// Files, and the management of resources that exist already.
pub(super) const RESOURCES: &[Operation] = &[
    Operation::without_model("files"),
    Operation::without_model("uploads"),
    Operation::without_model("uploads/*/parts"),
    Operation::without_model("uploads/*/complete"),
    Operation::without_model("uploads/*/cancel"),
    Operation::without_model("vector_stores"),
    Operation::without_model("vector_stores/*"),
    Operation::without_model("vector_stores/*/search"),
    Operation::without_model("vector_stores/*/files"),
    Operation::without_model("vector_stores/*/files/*"),
    Operation::without_model("vector_stores/*/file_batches"),
    Operation::without_model("vector_stores/*/file_batches/*/cancel"),
    Operation::without_model("containers"),
    Operation::without_model("containers/*/files"),
    Operation::without_model("skills"),
    Operation::without_model("skills/*"),
    Operation::without_model("skills/*/versions"),
    Operation::without_model("chat/completions/*"),
    Operation::without_model("responses/*/cancel"),
    Operation::without_model("batches/*/cancel"),
    Operation::without_model("fine_tuning/jobs/*/cancel"),
    Operation::without_model("fine_tuning/jobs/*/pause"),
    Operation::without_model("fine_tuning/jobs/*/resume"),
    Operation::without_model("realtime/calls/*/hangup"),
    Operation::without_model("realtime/calls/*/refer"),
    Operation::without_model("realtime/calls/*/reject"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_determines_the_dialect() {
        let name = |path: &str| {
            let dialect = PROFILE.operation(path.as_bytes()).dialect();
            dialect.map(|dialect| dialect.name)
        };
        for path in ["chat/completions", "v1/completions", "v1/embeddings"] {
            assert_eq!(name(path), Some("chat_completions"), "{path}");
        }
        for path in [
            "responses",
            "v1/responses/compact",
            "v1/decisions",
            "v1/images/edits",
        ] {
            assert_eq!(name(path), Some("responses"), "{path}");
        }
        for path in [
            "v1/responses/resp_1/cancel",
            "v1/files",
            "responses/input_tokens",
            "",
        ] {
            assert_eq!(name(path), None, "{path}");
        }
        for (path, is_named) in [
            ("v1/audio/transcriptions", true),
            ("responses/input_tokens", true),
            ("v1/moderations", true),
            ("v1/files", false),
            ("v1/models", false),
        ] {
            let operation = PROFILE.operation(path.as_bytes());
            assert_eq!(operation.names_model_in_body(), is_named, "{path}");
        }
    }
}
