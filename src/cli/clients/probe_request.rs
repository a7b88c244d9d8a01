//! For each type of provider, the cheapest request that shows that it can be used.

use serde_json::{Value, json};

/// A request below a proxy URL.
pub(crate) struct CheapRequest {
    /// The path, without a leading slash.
    pub(crate) path: String,
    /// The body of a POST; a GET has none.
    pub(crate) body: Option<Value>,
    /// The header that brings the token, and what stands before it.
    pub(crate) token: (&'static str, &'static str),
    /// What the provider insists on.
    pub(crate) headers: &'static [(&'static str, &'static str)],
}

const BEARER: (&str, &str) = ("authorization", "Bearer ");
/// Enough for every model; some refuse less.
const TOKENS: u32 = 16;

/// One answer of a few tokens, or without a model the free list of models. `None` for a type that
/// is not known here, or that has no such list.
pub(crate) fn probe_request(kind: &str, model: Option<&str>) -> Option<CheapRequest> {
    let kind = api(kind, model);
    let said = json!([{ "role": "user", "content": "Hi" }]);
    let (path, body) = match (kind, model) {
        ("openai" | "openai_compatible", Some(model)) => (
            "v1/chat/completions".to_owned(),
            Some(json!({ "model": model, "messages": said, limit(kind): TOKENS })),
        ),
        ("anthropic", Some(model)) => (
            "v1/messages".to_owned(),
            Some(json!({ "model": model, "max_tokens": TOKENS, "messages": said })),
        ),
        ("google", Some(model)) => (
            format!("v1beta/models/{model}:generateContent"),
            Some(json!({
                "contents": [{ "role": "user", "parts": [{ "text": "Hi" }] }],
                "generationConfig": { "maxOutputTokens": TOKENS },
            })),
        ),
        ("bedrock", Some(model)) => (
            format!(
                "model/{}/converse",
                model.replace('/', "%2F").replace(':', "%3A")
            ),
            Some(json!({
                "messages": [{ "role": "user", "content": [{ "text": "Hi" }] }],
                "inferenceConfig": { "maxTokens": TOKENS },
            })),
        ),
        ("openai" | "openai_compatible" | "anthropic", None) => ("v1/models".to_owned(), None),
        ("google", None) => ("v1beta/models".to_owned(), None),
        _ => return None,
    };
    Some(CheapRequest {
        path,
        body,
        token: if kind == "google" {
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

/// The type whose API is asked: one type serves two, by the model.
fn api<'a>(kind: &'a str, model: Option<&str>) -> &'a str {
    match (kind, model) {
        ("bedrock_mantle", Some(model)) if model.starts_with("anthropic.") => "anthropic",
        ("bedrock_mantle", _) => "openai_compatible",
        _ => kind,
    }
}

/// Newer models of the one know only the newer name, and other servers only the older.
fn limit(kind: &str) -> &'static str {
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
    fn every_type_of_provider_has_one() {
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
