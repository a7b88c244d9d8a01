//! OpenAI: a bearer token both ways, `/v1` where the SDK leaves it out.

use super::model_place::{ModelListShape, ModelPlace, one_of_models};
use super::upstream_path::native_path;
use super::{CredentialRule, DefaultEndpoint, KeyPlacement, Profile, snippets};
use crate::http::encoding::percent_decoded;
use crate::http::token_location::TokenLocation;
use crate::usage::dialect::{CHAT_COMPLETIONS, Dialect, RESPONSES};

pub(super) const PROFILE: Profile = Profile {
    type_name: "openai",
    system: "openai",
    default_endpoint: DefaultEndpoint::Global("https://api.openai.com/v1"),
    version: "v1",
    before_version: &["openai"],
    paths_are_whole: true,
    upload_url_headers: &[],
    unversioned: &["deployments"],
    path_aliases: &[],
    token_locations: |_| {
        &[
            TokenLocation::Bearer,
            TokenLocation::ApiKey,
            TokenLocation::Subprotocol,
        ]
    },
    token_hint: "authorization: Bearer",
    key_placement: |_| KeyPlacement::Bearer,
    credentials: CredentialRule {
        optional: false,
        api_key: true,
        passthrough: true,
        key_header: true,
        signing_service: None,
    },
    account_headers: &["openai-organization", "openai-project"],
    model_in_path,
    connect_snippets: snippets::OPENAI,
    model_member: |_| "model",
    model_prefix: "",
    paths_without_model: &PATHS_WITHOUT_MODEL,
    model_list,
    model_in_body,
    usage_dialect,
    usage_headers: None,
};

/// Files, and the management of what was made before.
const PATHS_WITHOUT_MODEL: [&str; 19] = [
    "files",
    "uploads",
    "uploads/*/parts",
    "uploads/*/complete",
    "uploads/*/cancel",
    "vector_stores",
    "vector_stores/**",
    "containers",
    "containers/**",
    "conversations",
    "conversations/**",
    "chat/completions/*",
    "responses/*/cancel",
    "batches/*/cancel",
    "fine_tuning/jobs/*/cancel",
    "fine_tuning/jobs/*/pause",
    "fine_tuning/jobs/*/resume",
    "threads",
    "threads/*/messages",
];

/// `deployments/<model>/…`, which Azure has.
fn model_in_path(path: &[u8]) -> Option<Vec<u8>> {
    let native = native_path(&PROFILE, path);
    let mut segments = native.split(|byte| *byte == b'/');
    (segments.next()? == b"deployments").then(|| segments.next().map(percent_decoded))?
}

pub(super) fn model_list(native: &[u8]) -> Option<ModelPlace> {
    one_of_models(native, ModelListShape::Objects)
}

/// Also where nothing is generated.
pub(super) fn model_in_body(path: &[u8]) -> bool {
    usage_dialect(path).is_some()
        || path.ends_with(b"responses/input_tokens")
        || path.ends_with(b"moderations")
}

/// The dialect by the path's last segments.
pub(super) fn usage_dialect(path: &[u8]) -> Option<&'static Dialect> {
    let of: [(&[u8], &'static Dialect); 11] = [
        (b"completions", &CHAT_COMPLETIONS),
        (b"embeddings", &CHAT_COMPLETIONS),
        (b"rerank", &CHAT_COMPLETIONS),
        (b"responses", &RESPONSES),
        (b"responses/compact", &RESPONSES),
        (b"decisions", &RESPONSES),
        (b"images/generations", &RESPONSES),
        (b"images/edits", &RESPONSES),
        (b"audio/transcriptions", &RESPONSES),
        (b"audio/translations", &RESPONSES),
        (b"audio/speech", &RESPONSES),
    ];
    of.into_iter()
        .find(|(end, _)| path.ends_with(end))
        .map(|(_, dialect)| dialect)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_tell_the_dialect() {
        let name = |path: &str| usage_dialect(path.as_bytes()).map(|dialect| dialect.name);
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
            assert_eq!(model_in_body(path.as_bytes()), is_named, "{path}");
        }
    }
}
