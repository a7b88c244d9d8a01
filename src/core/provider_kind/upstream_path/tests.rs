use proptest::prelude::*;

use super::*;
use crate::http::url::BaseUrl;
use crate::provider_kind::DefaultEndpoint;
use crate::provider_kind::ProviderKind::{
    self, Anthropic, Bedrock, BedrockMantle, Google, OpenAi, OpenAiCompatible,
};

/// The path at the provider; `None` as base URL is the kind's public service.
fn joined(kind: ProviderKind, base_url: Option<&str>, path: &str) -> String {
    let profile = kind.profile();
    let default_endpoint = match profile.default_endpoint {
        DefaultEndpoint::None => String::new(),
        DefaultEndpoint::Global(url) => url.to_owned(),
        DefaultEndpoint::Regional(url) => url("us-east-1").unwrap().into_owned(),
    };
    let base_url = BaseUrl::parse(base_url.unwrap_or(&default_endpoint)).unwrap();
    let joined = profile
        .paths
        .upstream_path(base_url.path(), path.as_bytes());
    String::from_utf8(joined).unwrap()
}

#[test]
fn every_client_reaches_the_native_path_of_the_public_service() {
    for (kind, sent, path) in [
        // OpenAI's SDKs, LiteLLM, LangChain, Vercel's AI SDK, Codex: no version
        (OpenAi, "chat/completions", "/v1/chat/completions"),
        (OpenAi, "responses", "/v1/responses"),
        (OpenAi, "embeddings", "/v1/embeddings"),
        (OpenAi, "models", "/v1/models"),
        (OpenAi, "files", "/v1/files"),
        (OpenAi, "realtime", "/v1/realtime"),
        (OpenAi, "files/file-1/content", "/v1/files/file-1/content"),
        // the same with `/v1` in their base URL; curl
        (OpenAi, "v1/chat/completions", "/v1/chat/completions"),
        (OpenAi, "v1/responses", "/v1/responses"),
        (OpenAi, "v1/models", "/v1/models"),
        // Anthropic's SDKs, Claude Code, LiteLLM
        (Anthropic, "v1/messages", "/v1/messages"),
        (
            Anthropic,
            "v1/messages/count_tokens",
            "/v1/messages/count_tokens",
        ),
        (Anthropic, "v1/models", "/v1/models"),
        // Vercel's AI SDK with a base URL without version
        (Anthropic, "messages", "/v1/messages"),
        // boto3, the AWS SDKs, httpx
        (
            Bedrock,
            "model/us.m-v1%3A0/converse-stream",
            "/model/us.m-v1%3A0/converse-stream",
        ),
        (Bedrock, "model/m-v1:0/invoke", "/model/m-v1:0/invoke"),
        // OpenAI's SDKs, with and without their Bedrock provider
        (Bedrock, "openai/v1/responses", "/openai/v1/responses"),
        (Bedrock, "responses", "/openai/v1/responses"),
        (Bedrock, "v1/responses", "/openai/v1/responses"),
        (BedrockMantle, "openai/v1/responses", "/openai/v1/responses"),
        (BedrockMantle, "responses", "/v1/responses"),
        (BedrockMantle, "v1/chat/completions", "/v1/chat/completions"),
        (BedrockMantle, "v1/models", "/v1/models"),
        // AnthropicBedrockMantle, and Anthropic's own client
        (
            BedrockMantle,
            "anthropic/v1/messages",
            "/anthropic/v1/messages",
        ),
        (BedrockMantle, "v1/messages", "/anthropic/v1/messages"),
        // google-genai for Python 3.x
        (
            Google,
            "v1/models/gemini-2.5-pro:generateContent",
            "/v1/models/gemini-2.5-pro:generateContent",
        ),
        (
            Google,
            "v1/models/m:streamGenerateContent",
            "/v1/models/m:streamGenerateContent",
        ),
        (
            Google,
            "v1/models/m:countTokens",
            "/v1/models/m:countTokens",
        ),
        (
            Google,
            "v1/models/m:batchEmbedContents",
            "/v1/models/m:batchEmbedContents",
        ),
        // google-genai for Python 1.x and JavaScript
        (
            Google,
            "v1beta/models/m:generateContent",
            "/v1beta/models/m:generateContent",
        ),
        (Google, "v1alpha/models/m", "/v1alpha/models/m"),
        // LiteLLM, Vercel's AI SDK: no version
        (
            Google,
            "models/m:generateContent",
            "/v1beta/models/m:generateContent",
        ),
        // the Live API
        (
            Google,
            "ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
            "/ws/google.ai.generativelanguage.v1beta.GenerativeService.BidiGenerateContent",
        ),
        // uploads, and the OpenAI-compatible paths
        (Google, "upload/v1beta/files", "/upload/v1beta/files"),
        (Google, "upload/files", "/upload/v1beta/files"),
        (
            Google,
            "download/v1beta/files/f:download",
            "/download/v1beta/files/f:download",
        ),
        (
            Google,
            "v1beta/openai/chat/completions",
            "/v1beta/openai/chat/completions",
        ),
        (
            Google,
            "openai/chat/completions",
            "/v1beta/openai/chat/completions",
        ),
    ] {
        assert_eq!(joined(kind, None, sent), path, "{kind} {sent}");
    }
}

#[test]
fn the_version_may_be_in_the_base_url_or_the_path() {
    for (base_url, native) in [
        ("https://api.openai.com/v1", "/v1/chat/completions"),
        ("https://api.openai.com/v1/", "/v1/chat/completions"),
        ("https://api.openai.com", "/v1/chat/completions"),
        (
            "https://api.groq.com/openai/v1",
            "/openai/v1/chat/completions",
        ),
        ("https://openrouter.ai/api/v1", "/api/v1/chat/completions"),
        ("http://127.0.0.1:8000/v1", "/v1/chat/completions"),
        ("http://127.0.0.1:8000", "/v1/chat/completions"),
        ("http://localhost:11434/v1", "/v1/chat/completions"),
        ("http://localhost:11434", "/v1/chat/completions"),
    ] {
        for sent in ["chat/completions", "v1/chat/completions"] {
            assert_eq!(
                joined(OpenAiCompatible, Some(base_url), sent),
                native,
                "{base_url} {sent}"
            );
        }
    }
}

#[test]
fn ollamas_own_paths_and_no_others_get_no_version() {
    for base_url in ["http://localhost:11434/v1", "http://localhost:11434"] {
        for (sent, native) in [
            ("api/chat", "/api/chat"),
            ("/api/generate", "/api/generate"),
            ("api/embed", "/api/embed"),
            ("api/tags", "/api/tags"),
            ("v1/api/chat", "/v1/api/chat"),
            // these change what the server has
            ("api/pull", "/v1/api/pull"),
            ("api/delete", "/v1/api/delete"),
            ("api/chatter", "/v1/api/chatter"),
            ("api", "/v1/api"),
        ] {
            let path = joined(OpenAiCompatible, Some(base_url), sent);
            assert_eq!(path, native, "{base_url} {sent}");
        }
    }
    assert_eq!(joined(OpenAi, None, "api/chat"), "/v1/api/chat");
}

#[test]
fn a_version_is_one_segment_of_v_and_digits_with_its_stage() {
    for version in [
        "v1",
        "v2",
        "v10",
        "v1beta",
        "v1alpha",
        "v1beta2",
        "v1alpha12",
    ] {
        assert!(is_version(version.as_bytes()), "{version}");
        let path = format!("{version}/x");
        assert_eq!(joined(Google, None, &path), format!("/{path}"));
    }
    for other in [
        "", "v", "V1", "1", "vx", "v1x", "v1.0", "v1gamma", "v1betax", "v-1", "version1", "v1%30",
    ] {
        assert!(!is_version(other.as_bytes()), "{other}");
    }
}

#[test]
fn a_version_in_the_path_replaces_that_of_the_base_url() {
    let base_url = Some("https://x.test/v1");
    assert_eq!(joined(OpenAi, base_url, "v2/batches"), "/v2/batches");
    assert_eq!(joined(OpenAi, base_url, "v10/x"), "/v10/x");
    assert_eq!(joined(OpenAi, base_url, "v1x/y"), "/v1/v1x/y");
}

#[test]
fn everything_around_the_version_is_kept_as_sent() {
    for (sent, path) in [
        ("v1", "/v1"),
        ("v1/", "/v1/"),
        ("v1//x", "/v1//x"),
        ("/v1/x", "/v1/x"),
        ("//v1/x", "/v1/x"),
        ("/x", "/v1/x"),
        ("/", "/v1"),
        ("x/", "/v1/x/"),
        ("x//y", "/v1/x//y"),
        ("x%2Fy%3A0/é", "/v1/x%2Fy%3A0/é"),
        ("a/v1/x", "/v1/a/v1/x"),
    ] {
        assert_eq!(joined(OpenAi, None, sent), path, "{sent}");
    }
}

#[test]
fn a_repeated_version_is_one() {
    for (kind, sent, path) in [
        (Anthropic, "v1/v1/messages", "/v1/messages"),
        (OpenAi, "v1/v1/chat/completions", "/v1/chat/completions"),
        (OpenAi, "/v1/v1/v1/models", "/v1/models"),
        (OpenAi, "openai/v1/v1/responses", "/openai/v1/responses"),
        (OpenAi, "v1/v2/rerank", "/v2/rerank"),
        (Google, "v1beta/v1beta/models", "/v1beta/models"),
        (Google, "v1beta/v1alpha/models", "/v1alpha/models"),
        (Google, "upload/v1beta/v1beta/files", "/upload/v1beta/files"),
        (Bedrock, "v1/v1/responses", "/openai/v1/responses"),
        (BedrockMantle, "v1/v1/messages", "/anthropic/v1/messages"),
    ] {
        assert_eq!(joined(kind, None, sent), path, "{kind} {sent}");
        let native = kind.profile().paths.native_path(sent.as_bytes());
        assert!(!native.starts_with(b"v"), "{kind} {sent}");
    }
    let joined = joined(OpenAiCompatible, Some("https://x.test/v1"), "v1/v1/models");
    assert_eq!(joined, "/v1/models");
    let versionless = versionless_path("/inference", b"v1/v1/chat/completions");
    assert_eq!(versionless, b"/inference/chat/completions");
}

/// A path from its last leading version on, below a prefix if it has one.
fn without_repeated_versions(path: &[u8]) -> &[u8] {
    let (first, below) = split_first(path);
    let (second, rest) = split_first(below);
    if is_version(first) {
        last_version(path, below).0
    } else if is_version(second) && is_version(split_first(rest).0) {
        last_version(below, rest).0
    } else {
        path
    }
}

fn repeats_a_version(path: &[u8]) -> bool {
    let segments: Vec<_> = path.split(|byte| *byte == b'/').collect();
    let mut pairs = segments.windows(2);
    pairs.any(|pair| pair[0] == pair[1] && is_version(pair[0]))
}

proptest! {
    #[test]
    fn joined_paths_keep_the_clients_bytes_and_repeat_no_version(
        kind in prop::sample::select(&ProviderKind::ALL),
        base in prop::sample::select(vec!["", "/v1", "/openai/v1", "/api/v1", "/v1beta", "/a/b"]),
        path in prop_oneof![
            "(v1/|v1beta/|openai/|models/){0,3}[a-z0-9:%/.-]{0,20}".prop_map(String::into_bytes),
            prop::collection::vec(any::<u8>(), 0..20),
        ],
    ) {
        let joined = kind.profile().paths.upstream_path(base, &path);
        let above = ["/v1beta", "/v1"].iter().find_map(|version| base.strip_suffix(version)).unwrap_or(base);
        prop_assert!(joined.starts_with(above.as_bytes()));
        prop_assert!(joined.starts_with(b"/") && !joined.starts_with(b"//"));
        prop_assert!(joined.ends_with(without_repeated_versions(without_leading_slashes(&path))));
        prop_assert!(repeats_a_version(&path) || !repeats_a_version(&joined));
    }
}

#[test]
fn no_version_is_inserted_if_the_base_url_has_one() {
    for (base_url, native) in [
        (
            "https://generativelanguage.googleapis.com/v1beta/openai",
            "/v1beta/openai/chat/completions",
        ),
        (
            "https://api.deepinfra.com/v1/openai",
            "/v1/openai/chat/completions",
        ),
        (
            "https://gateway.test/v1/account/name/openai",
            "/v1/account/name/openai/chat/completions",
        ),
    ] {
        for sent in [
            "chat/completions",
            "v1/chat/completions",
            "openai/chat/completions",
        ] {
            assert_eq!(
                joined(OpenAiCompatible, Some(base_url), sent),
                native,
                "{sent}"
            );
        }
    }
    // without any, the kind's is added; so it is for the other kinds, whose clients know versions
    for (kind, sent, native) in [
        (
            OpenAiCompatible,
            "chat/completions",
            "/base/v1/chat/completions",
        ),
        (Anthropic, "messages", "/base/v1/messages"),
        (Anthropic, "v1/messages", "/base/v1/messages"),
        (
            Google,
            "models/m:generateContent",
            "/base/v1beta/models/m:generateContent",
        ),
    ] {
        assert_eq!(joined(kind, Some("https://host.test/base"), sent), native);
    }
}

#[test]
fn a_provider_without_versions_gets_paths_without() {
    for (base, sent, path) in [
        (
            "/inference",
            "chat/completions",
            "/inference/chat/completions",
        ),
        (
            "/inference",
            "v1/chat/completions",
            "/inference/chat/completions",
        ),
        (
            "/inference",
            "/v1/chat/completions",
            "/inference/chat/completions",
        ),
        ("", "chat/completions", "/chat/completions"),
        ("", "models/v1", "/models/v1"),
        ("/a", "v1", "/a/"),
    ] {
        assert_eq!(
            versionless_path(base, sent.as_bytes()),
            path.as_bytes(),
            "{base} {sent}"
        );
    }
}

#[test]
fn a_path_with_a_prefix_is_complete() {
    let azure = [
        // Azure's client of OpenAI's SDKs: with an endpoint, with a base URL; files
        "openai/deployments/d/chat/completions",
        "openai/files",
        // the same SDKs' own client
        "openai/v1/responses",
    ];
    for base_url in [
        "https://r.openai.azure.com",
        "https://r.openai.azure.com/openai/v1",
    ] {
        for kind in [OpenAi, OpenAiCompatible] {
            for sent in azure {
                assert_eq!(joined(kind, Some(base_url), sent), format!("/{sent}"));
            }
        }
    }
    for base_url in [
        "https://r.openai.azure.com/openai",
        "https://r.openai.azure.com/openai/v1",
    ] {
        let path = joined(OpenAi, Some(base_url), "deployments/d/embeddings");
        assert_eq!(path, "/openai/deployments/d/embeddings");
    }
    // Groq's own SDK
    let groq = Some("https://api.groq.com/openai/v1");
    let path = joined(OpenAiCompatible, groq, "openai/v1/chat/completions");
    assert_eq!(path, "/openai/v1/chat/completions");
}
