//! Any server that speaks OpenAI's API: vLLM, Ollama, LM Studio, Together, Groq, OpenRouter …
//!
//! As OpenAI, but there is no public service to fall back on, and a local server may want no key. Ollama's own API stands
//! beside the versions: what generates and what tells of models goes there. What changes the server's models does not: who
//! may invoke a provider may not empty it.

use super::{CredentialRule, DefaultEndpoint, Profile, openai, snippets};
use crate::usage::dialect::{API_CHAT, Dialect};

pub(super) const PROFILE: Profile = Profile {
    type_name: "openai_compatible",
    system: "openai_compatible",
    default_endpoint: DefaultEndpoint::None,
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
    connect_snippets: snippets::OPENAI_COMPATIBLE,
    credentials: CredentialRule {
        optional: true,
        api_key: true,
        passthrough: true,
        key_header: true,
        signing_service: None,
    },
    model_in_body: |path| openai::model_in_body(path) || own_dialect(path).is_some(),
    usage_dialect: |path| own_dialect(path).or_else(|| openai::usage_dialect(path)),
    ..openai::PROFILE
};

/// Of Ollama's own API.
fn own_dialect(path: &[u8]) -> Option<&'static Dialect> {
    matches!(path, b"api/chat" | b"api/generate" | b"api/embed").then_some(&API_CHAT)
}

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
            let dialect = (PROFILE.usage_dialect)(path.as_bytes());
            assert_eq!(dialect.map(|dialect| dialect.name), name, "{path}");
            assert_eq!((PROFILE.model_in_body)(path.as_bytes()), name.is_some());
        }
    }
}
