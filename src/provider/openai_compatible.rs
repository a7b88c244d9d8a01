//! Any server that speaks OpenAI's API: vLLM, Ollama, LM Studio, Together, Groq, OpenRouter …
//!
//! As OpenAI, but there is no public service to fall back on, and a local server may want no key.

use super::{CredentialRule, Profile, PublicService, openai, snippets};

pub(super) const PROFILE: Profile = Profile {
    type_name: "openai_compatible",
    system: "openai_compatible",
    public_service: PublicService::None,
    connecting: snippets::OPENAI_COMPATIBLE,
    credentials: CredentialRule {
        optional: true,
        api_key: true,
        passthrough: true,
        key_header: true,
        signing_service: None,
    },
    ..openai::PROFILE
};
