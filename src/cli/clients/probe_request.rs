//! For each provider type, an inexpensive request that tests whether it can be used.

use serde_json::{Value, json};

/// An inexpensive request to a provider.
pub(crate) struct ProbeRequest {
    /// The path below the proxy URL, without a leading slash.
    pub(crate) path: String,
    /// The body of a `POST`; `None` for a `GET`.
    pub(crate) body: Option<Value>,
    /// The header that carries the token, and the prefix of its value.
    pub(crate) token_header: (&'static str, &'static str),
    /// Other headers that the provider requires.
    pub(crate) headers: &'static [(&'static str, &'static str)],
}

const BEARER: (&str, &str) = ("authorization", "Bearer ");
/// The smallest limit that every model accepts.
const MAX_TOKENS: u32 = 16;

/// A request that generates a few tokens or, without a model, lists the models. `None` for an
/// unknown type, or one without such a list.
pub(crate) fn probe_request(kind: &str, model: Option<&str>) -> Option<ProbeRequest> {
    let kind = api(kind, model);
    let messages = json!([{ "role": "user", "content": "Hi" }]);
    let (path, body) = match (kind, model) {
        ("openai" | "openai_compatible", Some(model)) => (
            "v1/chat/completions".to_owned(),
            Some(
                json!({ "model": model, "messages": messages, max_tokens_field(kind): MAX_TOKENS }),
            ),
        ),
        ("anthropic", Some(model)) => (
            "v1/messages".to_owned(),
            Some(json!({ "model": model, "max_tokens": MAX_TOKENS, "messages": messages })),
        ),
        ("google", Some(model)) => (
            format!("v1beta/models/{model}:generateContent"),
            Some(json!({
                "contents": [{ "role": "user", "parts": [{ "text": "Hi" }] }],
                "generationConfig": { "maxOutputTokens": MAX_TOKENS },
            })),
        ),
        ("bedrock", Some(model)) => (
            format!(
                "model/{}/converse",
                model.replace('/', "%2F").replace(':', "%3A")
            ),
            Some(json!({
                "messages": [{ "role": "user", "content": [{ "text": "Hi" }] }],
                "inferenceConfig": { "maxTokens": MAX_TOKENS },
            })),
        ),
        ("openai" | "openai_compatible" | "anthropic", None) => ("v1/models".to_owned(), None),
        ("google", None) => ("v1beta/models".to_owned(), None),
        _ => return None,
    };
    Some(ProbeRequest {
        path,
        body,
        token_header: if kind == "google" {
            ("x-goog-api-key", "")
        } else {
            BEARER
        },
        headers: if kind == "anthropic" {
            &[("anthropic-version", "2023-06-01")]
        } else {
            &[]
        },
    })
}

/// The type whose API serves the model. `bedrock_mantle` has two APIs.
fn api<'a>(kind: &'a str, model: Option<&str>) -> &'a str {
    match (kind, model) {
        ("bedrock_mantle", Some(model)) if model.starts_with("anthropic.") => "anthropic",
        ("bedrock_mantle", _) => "openai_compatible",
        _ => kind,
    }
}

/// OpenAI's newer models accept only the newer name, and other servers only the older.
fn max_tokens_field(kind: &str) -> &'static str {
    if kind == "openai" {
        "max_completion_tokens"
    } else {
        "max_tokens"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ai_gateway_core::provider_kind::ProviderKind;

    #[test]
    fn every_provider_type_has_one() {
        for kind in ProviderKind::ALL.map(|kind| kind.profile().type_name) {
            let request = probe_request(kind, Some("a/b:c")).unwrap();
            assert!(request.body.is_some(), "{kind}");
            let lists = probe_request(kind, None).is_some_and(|list| list.body.is_none());
            assert_eq!(lists, kind != "bedrock", "{kind}");
        }
        for (model, path) in [
            ("anthropic.claude-haiku-4-5", "v1/messages"),
            ("openai.gpt-oss-120b", "v1/chat/completions"),
        ] {
            let request = probe_request("bedrock_mantle", Some(model));
            assert_eq!(request.unwrap().path, path);
        }
        assert!(probe_request("other", Some("m")).is_none());
    }
}
