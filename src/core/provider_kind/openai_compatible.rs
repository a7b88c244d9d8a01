//! Any server that speaks OpenAI's API: vLLM, Ollama, LM Studio, Together, Groq, OpenRouter …
//!
//! Like OpenAI, but without a public service to fall back on, and a local server may need no key.
//! Ollama's own API has no version. Those of its operations that generate or describe models are
//! passed on without one. Those that change the server's models get a version, so that they fail:
//! a caller who may invoke a provider must not be able to delete its models.
//!
//! Conversations are not listed: Mistral generates at the same paths, with an agent's model.

use super::operation::{Api, Operation};
use super::upstream_path::PathRule;
use super::{CredentialRule, DefaultEndpoint, Profile, openai, snippets};
use crate::usage::dialect::{API_CHAT, CHAT_COMPLETIONS};

pub(super) const PROFILE: Profile = Profile {
    type_name: "openai_compatible",
    system: "openai_compatible",
    default_endpoint: DefaultEndpoint::None,
    paths: PathRule {
        unversioned: &[
            "deployments",
            "api/chat",
            "api/generate",
            "api/embed",
            "api/embeddings",
            "api/tags",
            "api/show",
            "api/ps",
            "api/version",
        ],
        ..openai::PATHS
    },
    api: Api {
        operations: &[
            openai::OPERATIONS,
            OLLAMA,
            OTHER_SERVERS,
            openai::ASSISTANTS,
            openai::SESSIONS,
            openai::RESOURCES,
        ],
        ..openai::API
    },
    connect_snippets: snippets::OPENAI_COMPATIBLE,
    credentials: CredentialRule {
        optional: true,
        api_key: true,
        passthrough: true,
        key_header: true,
        signing_service: None,
    },
    ..openai::PROFILE
};

/// Ollama's own API.
const OLLAMA: &[Operation] = &[
    Operation::with_model_in_body("api/chat")
        .named("chat")
        .metered(&API_CHAT),
    Operation::with_model_in_body("api/generate")
        .named("text_completion")
        .metered(&API_CHAT),
    Operation::with_model_in_body("api/embed")
        .named("embeddings")
        .metered(&API_CHAT),
    Operation::with_model_in_body("api/embeddings")
        .named("embeddings")
        .metered(&API_CHAT),
    Operation::with_model_in_body("api/show"),
];

/// What vLLM, Mistral, Cohere, xAI and Open WebUI have beyond OpenAI's API, each with its model in
/// the body.
const OTHER_SERVERS: &[Operation] = &[
    Operation::with_model_in_body("api/chat/completions")
        .named("chat")
        .metered(&CHAT_COMPLETIONS),
    Operation::with_model_in_body("chat").named("chat"),
    Operation::with_model_in_body("embed").named("embeddings"),
    Operation::with_model_in_body("fim/completions")
        .named("text_completion")
        .metered(&CHAT_COMPLETIONS),
    Operation::with_model_in_body("ocr"),
    Operation::with_model_in_body("score"),
    Operation::with_model_in_body("classify"),
    Operation::with_model_in_body("pooling"),
    Operation::with_model_in_body("classifications"),
    Operation::with_model_in_body("chat/classifications"),
    Operation::with_model_in_body("chat/moderations"),
    Operation::with_model_in_body("videos/generations"),
    Operation::with_model_in_body("tokenize").unmetered(),
    Operation::with_model_in_body("detokenize").unmetered(),
    Operation::with_model_in_body("tokenize-text").unmetered(),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ollamas_own_paths_have_a_dialect_of_their_own() {
        for (path, name) in [
            ("api/chat", Some("api_chat")),
            ("api/generate", Some("api_chat")),
            ("api/embed", Some("api_chat")),
            ("api/tags", None),
            ("api/chat/completions", Some("chat_completions")),
            ("v1/chat/completions", Some("chat_completions")),
        ] {
            let operation = PROFILE.operation(path.as_bytes());
            let dialect = operation.dialect().map(|dialect| dialect.name);
            assert_eq!(dialect, name, "{path}");
            assert_eq!(operation.names_model_in_body(), name.is_some());
        }
    }
}
