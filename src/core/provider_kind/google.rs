//! Google Gemini: the key in `x-goog-api-key`, or in `key=`; uploads have their own path prefix, and
//! the WebSockets of the Live API (`ws/…`) name their version elsewhere.
//!
//! Its OpenAI-compatible paths (`…/openai/…`) are OpenAI's in this too: a bearer token both ways.

use std::borrow::Cow;

use super::model_place::{ModelListShape, ModelPlace, one_of_models};
use super::upstream_path::native_path;
use super::{CredentialRule, DefaultEndpoint, KeyPlacement, Profile, openai, snippets};
use crate::http::encoding::percent_decoded;
use crate::http::token_location::TokenLocation;
use crate::usage::dialect::{Dialect, GENERATE_CONTENT, INTERACTIONS};

pub(super) const PROFILE: Profile = Profile {
    type_name: "google",
    system: "gcp.gemini",
    default_endpoint: DefaultEndpoint::Global("https://generativelanguage.googleapis.com"),
    version: "v1beta",
    before_version: &["upload", "download"],
    paths_are_whole: false,
    upload_url_headers: &["x-goog-upload-url", "x-goog-upload-control-url"],
    unversioned: &["ws"],
    path_aliases: &[],
    token_locations: |path| {
        if is_openai_compatible(path) {
            &[TokenLocation::Bearer]
        } else {
            &[TokenLocation::XGoogApiKey, TokenLocation::KeyParameter]
        }
    },
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
    account_headers: &[],
    model_in_path,
    connect_snippets: snippets::GOOGLE,
    model_member: |_| "model",
    model_prefix: "models/",
    paths_without_model: &PATHS_WITHOUT_MODEL,
    model_list,
    model_in_body: |path| is_interactions(path) || openai::model_in_body(path),
    usage_dialect,
    usage_headers: None,
};

/// Files, stores of files, and changes to what was made before.
const PATHS_WITHOUT_MODEL: [&str; 6] = [
    "files",
    "files:register",
    "cachedContents/*",
    "fileSearchStores",
    "fileSearchStores/**",
    "batches/*",
];

/// `[<version>/]models/<model>:<method>`; a tuned one with its collection.
fn model_in_path(path: &[u8]) -> Option<Vec<u8>> {
    let mut segments = native_path(&PROFILE, path).split(|byte| *byte == b'/');
    let (collection, last) = (segments.next()?, segments.next()?);
    let colon = last.iter().position(|byte| *byte == b':')?;
    if segments.next().is_some() {
        return None;
    }
    let model = percent_decoded(last.get(..colon)?);
    match collection {
        b"models" => Some(model),
        b"tunedModels" => Some([b"tunedModels/", model.as_slice()].concat()),
        _ => None,
    }
}

fn model_list(native: &[u8]) -> Option<ModelPlace> {
    match native.strip_prefix(b"openai/") {
        Some(native) => openai::model_list(native),
        None => one_of_models(native, ModelListShape::Resources),
    }
}

/// The dialect by the path's method; counting tokens (`:countTokens`) uses none.
fn usage_dialect(path: &[u8]) -> Option<&'static Dialect> {
    if is_openai_compatible(path) {
        return openai::usage_dialect(path);
    }
    if is_interactions(path) {
        return Some(&INTERACTIONS);
    }
    let of: [&[u8]; 4] = [
        b":generateContent",
        b":streamGenerateContent",
        b":embedContent",
        b":batchEmbedContents",
    ];
    of.into_iter()
        .any(|method| path.ends_with(method))
        .then_some(&GENERATE_CONTENT)
}

/// `[<version>/]interactions`, whose body names the model, or an agent.
fn is_interactions(path: &[u8]) -> bool {
    native_path(&PROFILE, path) == b"interactions"
}

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
    fn paths_tell_the_dialect() {
        let name = |path: &str| usage_dialect(path.as_bytes()).map(|dialect| dialect.name);
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
