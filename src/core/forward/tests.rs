use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};

use super::*;
use crate::config::Config;
use crate::provider_kind::ProviderKind;
use crate::testing::{SigningKey, claims, config, head};

/// Whatever credential some client may send, in headers.
const CREDENTIALS: [(&str, &str); 17] = [
    ("authorization", "Bearer client-secret"),
    ("proxy-authorization", "Basic client-secret"),
    ("x-api-key", "client-secret"),
    ("api-key", "client-secret"),
    ("x-goog-api-key", "client-secret"),
    ("cookie", "session=client-secret"),
    ("x-amz-date", "20260101T000000Z"),
    ("x-amz-security-token", "client-secret"),
    ("x-amz-content-sha256", "client-secret"),
    ("amz-sdk-invocation-id", "client-secret"),
    ("x-redpanda-cloud-token", "client-secret"),
    ("x-ai-gateway-authorization", "Bearer client-secret"),
    ("x-ai-gateway-cluster", "client-secret"),
    ("x-ai-gateway-provider", "client-secret"),
    ("x-ai-gateway-anything", "client-secret"),
    ("x-forwarded-client-cert", "client-secret"),
    ("x_api_key", "client-secret"),
];

/// What every client sends and every provider is to see.
const INNOCENT: [(&str, &str); 12] = [
    (":method", "POST"),
    (":scheme", "https"),
    (":authority", "gateway.test"),
    (":path", "/llm/v1/providers/p/v1/x"),
    ("content-type", "application/json"),
    ("accept-encoding", "gzip"),
    ("anthropic-version", "2023-06-01"),
    ("anthropic-beta", "a,b"),
    ("x-stainless-lang", "python"),
    ("x-goog-api-client", "genai"),
    ("openai-beta", "assistants=v2"),
    ("user-agent", "test"),
];

/// By what proxies tell each other of the client and of its network.
const NETWORK: [&str; 8] = [
    "forwarded",
    "via",
    "x-real-ip",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-forwarded-port",
    "x-envoy-external-address",
    "x-envoy-original-path",
];

fn bedrock() -> Value {
    json!({
        "type": "bedrock",
        "region": "us-east-1",
        "credentials": {"bedrock_api_key": {"env": "KEY"}},
    })
}

/// A configuration with that provider alone; its name is `p`.
fn with_provider(mut provider: Value) -> Config {
    provider["name"] = json!("p");
    config(&json!({"authentication": {"disabled": true}, "providers": [provider]}))
}

fn request(config: &Config, headers: &[(&str, &str)], path: &str) -> UpstreamRequest {
    request_with(config, headers, path, None, None)
}

fn request_with(
    config: &Config,
    headers: &[(&str, &str)],
    path: &str,
    query: Option<&str>,
    passed_through: Option<&str>,
) -> UpstreamRequest {
    UpstreamRequest::new(
        config.provider(b"p").unwrap(),
        &head(headers),
        path.as_bytes(),
        query.map(str::as_bytes),
        &config.token_headers,
        passed_through,
    )
}

fn set(request: &UpstreamRequest) -> Vec<(&str, &str)> {
    let text = |value| std::str::from_utf8(value).unwrap();
    let pairs = request.set.iter();
    pairs.map(|(name, value)| (name, text(value))).collect()
}

fn value<'a>(request: &'a UpstreamRequest, name: &str) -> Option<&'a str> {
    let mut found = set(request).into_iter().filter(|(set, _)| *set == name);
    let value = found.next().map(|(_, value)| value);
    assert_eq!(found.next(), None, "{name} is set twice");
    value
}

/// For each kind: exactly these headers are removed and exactly these are set, though the client
/// sent every credential there is.
#[test]
fn the_provider_sees_its_own_credential_and_no_other() {
    let everything = [&INNOCENT[..], &CREDENTIALS].concat();
    let credential_names: Vec<_> = CREDENTIALS.iter().map(|(name, _)| *name).collect();
    for (provider, path, authority, target, credential) in [
        (
            json!({"type": "openai", "api_key": {"env": "KEY"}}),
            "chat/completions",
            "api.openai.com",
            "/v1/chat/completions",
            Some(("authorization", "Bearer secret-of-KEY")),
        ),
        (
            json!({"type": "openai", "api_key": {"env": "KEY"}, "api_key_header": "Api-Key"}),
            "chat/completions",
            "api.openai.com",
            "/v1/chat/completions",
            Some(("api-key", "secret-of-KEY")),
        ),
        (
            json!({"type": "anthropic", "api_key": {"env": "KEY"}}),
            "v1/messages",
            "api.anthropic.com",
            "/v1/messages",
            Some(("x-api-key", "secret-of-KEY")),
        ),
        (
            json!({"type": "google", "api_key": {"env": "KEY"}}),
            "v1beta/models/m:generateContent",
            "generativelanguage.googleapis.com",
            "/v1beta/models/m:generateContent",
            Some(("x-goog-api-key", "secret-of-KEY")),
        ),
        (
            json!({"type": "google", "api_key": {"env": "KEY"}}),
            "v1beta/openai/chat/completions",
            "generativelanguage.googleapis.com",
            "/v1beta/openai/chat/completions",
            Some(("authorization", "Bearer secret-of-KEY")),
        ),
        (
            bedrock(),
            "model/m-v1%3A0/converse",
            "bedrock-runtime.us-east-1.amazonaws.com",
            "/model/m-v1%3A0/converse",
            Some(("authorization", "Bearer secret-of-KEY")),
        ),
        (
            json!({"type": "openai_compatible", "base_url": "https://x.test:8443/v1"}),
            "models",
            "x.test:8443",
            "/v1/models",
            None,
        ),
        (
            json!({"type": "openai_compatible", "base_url": "https://x.test/v1",
                   "api_key": {"value": "written-out"}}),
            "models",
            "x.test",
            "/v1/models",
            Some(("authorization", "Bearer written-out")),
        ),
    ] {
        let config = with_provider(provider.clone());
        let request = request(&config, &everything, path);
        assert_eq!(request.remove, credential_names, "{provider}");
        let mut expected = vec![
            (":authority", authority),
            (":path", target),
            (CLUSTER_HEADER, "upstream_https"),
            (PROVIDER_HEADER, "p"),
        ];
        expected.extend(credential);
        assert_eq!(set(&request), expected, "{provider}");
    }
}

#[test]
fn only_the_clients_own_credential_for_the_provider_is_passed_through() {
    let everything = [&INNOCENT[..], &CREDENTIALS].concat();
    let anthropic = json!({"type": "anthropic", "authorization_passthrough": true});
    let config = with_provider(anthropic);
    for own in ["authorization", "x-api-key"] {
        let request = request_with(&config, &everything, "v1/messages", None, Some(own));
        let others: Vec<_> = CREDENTIALS
            .iter()
            .map(|(name, _)| *name)
            .filter(|name| *name != own)
            .collect();
        assert_eq!(request.remove, others);
        assert_eq!(value(&request, own), None, "it stays as it came");
    }
}

#[test]
fn a_header_that_is_repeated_is_removed_once_for_all() {
    let config = with_provider(json!({"type": "openai", "api_key": {"env": "KEY"}}));
    let headers = [("cookie", "a"), ("x-amz-date", "b"), ("cookie", "c")];
    let request = request(&config, &headers, "models");
    assert_eq!(request.remove, ["cookie", "x-amz-date"]);
}

#[test]
fn headers_without_credentials_are_left_alone() {
    for kind in ProviderKind::ALL {
        let mut provider = match kind.profile().credentials.signing_service {
            Some(_) => bedrock(),
            None => json!({"api_key": {"env": "KEY"}, "base_url": "https://x.test"}),
        };
        provider["type"] = kind.to_string().into();
        let config = with_provider(provider);
        let request = request(&config, &INNOCENT, "v1/x");
        assert_eq!(request.remove, [""; 0], "{kind}");
        for (name, _) in INNOCENT {
            let pseudo = name.starts_with(':');
            assert!(pseudo || value(&request, name).is_none(), "{kind} {name}");
        }
    }
}

#[test]
fn a_provider_learns_nothing_of_the_clients_network() {
    let config = with_provider(json!({"type": "openai", "api_key": {"env": "KEY"}}));
    let headers = NETWORK.map(|name| (name, "10.0.0.1"));
    assert_eq!(request(&config, &headers, "models").remove, NETWORK);
    let needed_by_the_host = [("x-forwarded-proto", "https"), ("viable", "x")];
    let request = request(&config, &needed_by_the_host, "models");
    assert_eq!(request.remove, [""; 0]);
}

#[test]
fn options_of_an_api_reach_the_provider_that_has_it() {
    let headers = [
        ("x-amzn-bedrock-guardrailidentifier", "g"),
        ("x-amzn-bedrock-service-tier", "flex"),
        ("x-amzn-trace-id", "t"),
    ];
    for (kind, config) in each_kind() {
        let has_options = kind.profile().credentials.signing_service.is_some();
        let removed = headers.map(|(name, _)| name);
        let removed = &removed[if has_options { 2 } else { 0 }..];
        assert_eq!(request(&config, &headers, "v1/x").remove, removed, "{kind}");
    }
}

/// A token of the company that runs the gateway.
fn jwt() -> String {
    SigningKey::new("k").token(&claims(json!({})))
}

/// A provider of each kind that has a key or, if there is such a kind, signs.
fn each_kind() -> impl Iterator<Item = (ProviderKind, Config)> {
    ProviderKind::ALL.into_iter().map(|kind| {
        let mut provider = match kind.profile().credentials.signing_service {
            Some(_) => bedrock(),
            None => json!({"api_key": {"env": "KEY"}, "base_url": "https://x.test"}),
        };
        provider["type"] = kind.to_string().into();
        (kind, with_provider(provider))
    })
}

#[test]
fn a_token_reaches_no_provider_whatever_the_header_is_called() {
    let jwt = jwt();
    for (kind, config) in each_kind() {
        for name in [
            "x-app",
            "user-agent",
            "x-stainless-lang",
            "anthropic-beta",
            "x-session-id",
        ] {
            for value in [
                jwt.clone(),
                format!("Bearer {jwt}"),
                format!("lang=en; session={jwt}"),
                format!("Basic {}", BASE64_STANDARD.encode(format!("user:{jwt}"))),
            ] {
                let request = request(&config, &[(name, &value), ("x-title", "x")], "v1/x");
                assert_eq!(request.remove, [name], "{kind} {value}");
            }
        }
    }
}

#[test]
fn a_token_reaches_no_provider_in_the_query() {
    let jwt = jwt();
    let encoded = jwt.replace('.', "%2E");
    let basic = BASE64_STANDARD
        .encode(format!("user:{jwt}"))
        .replace('=', "%3D");
    let config = with_provider(json!({"type": "google", "api_key": {"env": "KEY"}}));
    for parameter in [
        format!("session={jwt}"),
        format!("session={encoded}"),
        format!("session=Bearer%20{jwt}"),
        format!("session=Basic+{basic}"),
        format!("{jwt}=1"),
        jwt,
        "token=opaque".to_owned(),
        "id_token=opaque".to_owned(),
        "Authorization=opaque".to_owned(),
        "client_secret=opaque".to_owned(),
    ] {
        let query = format!("alt=sse&{parameter}&pageToken=p&page_token=q");
        let request = request_with(&config, &[], "x", Some(&query), None);
        let expected = "/v1beta/x?alt=sse&pageToken=p&page_token=q";
        assert_eq!(value(&request, ":path"), Some(expected), "{parameter}");
    }
}

#[test]
fn a_token_reaches_no_provider_among_the_subprotocols() {
    let config = with_provider(json!({"type": "openai", "api_key": {"env": "KEY"}}));
    let offered = format!("realtime, bearer.{}, v1", jwt());
    let request = request(&config, &[("sec-websocket-protocol", &offered)], "realtime");
    assert_eq!(
        value(&request, "sec-websocket-protocol"),
        Some("realtime, v1")
    );
}

#[test]
fn headers_of_accounts_and_browsers_reach_no_provider() {
    let headers = [
        ("openai-organization", "org-of-a-developer"),
        ("openai-project", "proj-of-a-developer"),
        ("anthropic-workspace-id", "w"),
        ("chatgpt-account-id", "a"),
        ("x-goog-user-project", "p"),
        ("origin", "https://wiki.corp.test"),
        ("referer", "https://wiki.corp.test/secret-project"),
        ("sec-fetch-site", "cross-site"),
        ("sec-ch-ua", "x"),
        ("x-requested-with", "XMLHttpRequest"),
    ];
    let names = headers.map(|(name, _)| name);
    for (kind, config) in each_kind() {
        assert_eq!(request(&config, &headers, "v1/x").remove, names, "{kind}");
    }
}

#[test]
fn with_passthrough_the_clients_own_account_goes_with_its_credential() {
    let config = with_provider(json!({"type": "openai", "authorization_passthrough": true}));
    let jwt = jwt();
    let bearer = format!("Bearer {jwt}");
    let headers = [
        ("authorization", bearer.as_str()),
        ("openai-organization", "own"),
        ("openai-project", "own"),
        ("chatgpt-account-id", "own"),
        ("origin", "https://wiki.corp.test"),
        ("x-user-email", "a@corp.test"),
        ("x-title", jwt.as_str()),
    ];
    let request = request_with(&config, &headers, "v1/x", None, Some("authorization"));
    assert_eq!(request.remove, ["origin", "x-user-email", "x-title"]);
}

#[test]
fn what_a_server_could_read_as_a_header_of_the_gateway_is_removed() {
    let config = with_provider(json!({
        "type": "openai",
        "api_key": {"env": "KEY"},
        "api_key_header": "X-Upstream-Pass",
        "headers": {"X-Shard": "1", "x_pool": "2"},
    }));
    let headers = [
        ("x_shard", "evil"),
        ("x-pool", "evil"),
        ("x_upstream-pass", "evil"),
        ("x_upstream_pass", "evil"),
        ("content_type", "evil"),
        ("accept_encoding", "evil"),
        ("sec_websocket_protocol", "evil"),
        ("session_id", "s"),
        ("x-shard", "replaced"),
    ];
    let request = request(&config, &headers, "v1/x");
    let removed = headers.map(|(name, _)| name);
    assert_eq!(request.remove, removed[..7]);
    assert_eq!(value(&request, "x-shard"), Some("1"));
}

#[test]
fn an_operator_names_more_headers_that_are_not_forwarded() {
    let config = with_provider(json!({
        "type": "openai",
        "api_key": {"env": "KEY"},
        "request_headers_to_remove": ["X-Title", "x-stainless-*", "c*", "user-agent"],
    }));
    let headers = [
        ("x-title", "t"),
        ("x-titles", "t"),
        ("x-stainless-lang", "python"),
        ("content-type", "application/json"),
        ("cache-control", "no-store"),
        ("user-agent", "u"),
    ];
    let removed = ["x-title", "x-stainless-lang", "cache-control", "user-agent"];
    assert_eq!(request(&config, &headers, "v1/x").remove, removed);
}

#[test]
fn in_strict_mode_only_the_listed_headers_are_forwarded() {
    let config = with_provider(json!({
        "type": "openai",
        "authorization_passthrough": true,
        "request_headers_allowed": ["openai-*", "X-User-Id", "x-trace*"],
        "request_headers_to_remove": ["openai-beta"],
    }));
    let jwt = jwt();
    let headers = [
        (":method", "POST"),
        ("authorization", "Bearer own"),
        ("content-type", "application/json"),
        ("accept-encoding", "gzip"),
        ("user-agent", "u"),
        ("x-request-id", "r"),
        ("sec-websocket-key", "k"),
        ("x-forwarded-proto", "https"),
        ("openai-version", "1"),
        ("x-user-id", "listed by its name"),
        ("x-trace-id", "1"),
        ("openai-beta", "removed"),
        ("openai-user-id", "describes the caller"),
        ("x-trace-state", &jwt),
        ("x-title", "not listed"),
        ("x-api-key", "credential"),
        ("cookie", "c"),
    ];
    let request = request_with(&config, &headers, "v1/x", None, Some("authorization"));
    let removed = headers.map(|(name, _)| name);
    assert_eq!(request.remove, removed[11..]);
}

#[test]
fn an_operator_can_forward_a_header_that_describes_the_caller_without_strict_mode() {
    let config = with_provider(json!({
        "type": "openai",
        "api_key": {"env": "KEY"},
        "request_headers_allowed": ["*", "x-openwebui-user-id"],
    }));
    let jwt = jwt();
    let headers = [
        ("x-openwebui-user-id", "7"),
        ("x-title", "t"),
        ("x-openwebui-user-email", "e"),
    ];
    assert_eq!(
        request(&config, &headers, "v1/x").remove,
        ["x-openwebui-user-email"]
    );
    let token = [("x-openwebui-user-id", jwt.as_str())];
    assert_eq!(
        request(&config, &token, "v1/x").remove,
        ["x-openwebui-user-id"]
    );
}

#[test]
fn the_configured_token_headers_are_removed_whatever_they_are() {
    let provider = json!({"type": "openai", "name": "p", "api_key": {"env": "KEY"}});
    let config = config(&json!({
        "authentication": {"disabled": true, "token_headers": ["X-Company-Token", "x_other_token"]},
        "providers": [provider],
    }));
    let names = [
        "x-company-token",
        "x_company_token",
        "x-other-token",
        "x_other_token",
    ];
    let headers = names.map(|name| (name, "t"));
    let request = request(&config, &headers, "models");
    assert_eq!(request.remove, names);
}

#[test]
fn scheme_authority_and_cluster_follow_the_base_url() {
    for (base_url, client_scheme, authority, scheme, cluster) in [
        (
            "http://127.0.0.1:8000/v1",
            "http",
            "127.0.0.1:8000",
            None,
            "upstream_http",
        ),
        (
            "http://127.0.0.1:8000/v1",
            "https",
            "127.0.0.1:8000",
            Some("http"),
            "upstream_http",
        ),
        (
            "https://X.test/v1",
            "http",
            "x.test",
            Some("https"),
            "upstream_https",
        ),
        (
            "https://[::1]:8443",
            "https",
            "[::1]:8443",
            None,
            "upstream_https",
        ),
    ] {
        let config = with_provider(json!({"type": "openai_compatible", "base_url": base_url}));
        let request = request(&config, &[(":scheme", client_scheme)], "models");
        assert_eq!(value(&request, ":authority"), Some(authority));
        assert_eq!(value(&request, ":scheme"), scheme, "{base_url}");
        assert_eq!(value(&request, CLUSTER_HEADER), Some(cluster));
    }
    let own_cluster = with_provider(json!({
        "type": "openai_compatible", "base_url": "http://x.test", "cluster": "vllm",
    }));
    let request = request(&own_cluster, &[], "models");
    assert_eq!(value(&request, CLUSTER_HEADER), Some("vllm"));
}

#[test]
fn the_query_goes_on_byte_for_byte_but_for_credentials() {
    let config = with_provider(json!({"type": "google", "api_key": {"env": "KEY"}}));
    for (query, target) in [
        (None, "/v1beta/x"),
        (Some(""), "/v1beta/x?"),
        (Some("alt=sse"), "/v1beta/x?alt=sse"),
        (Some("a=x+b%26c&&d"), "/v1beta/x?a=x+b%26c&&d"),
        (Some("key=client-secret"), "/v1beta/x"),
        (Some("KEY=client-secret"), "/v1beta/x"),
        (Some("alt=sse&key=client-secret"), "/v1beta/x?alt=sse"),
        (Some("%6Bey=client-secret&alt=sse"), "/v1beta/x?alt=sse"),
        (Some("access_token=client-secret&a"), "/v1beta/x?a"),
        (
            Some("X-Amz-Signature=client-secret&a=/../"),
            "/v1beta/x?a=/../",
        ),
    ] {
        let request = request_with(&config, &[], "x", query, None);
        assert_eq!(value(&request, ":path"), Some(target), "{query:?}");
    }
}

#[test]
fn configured_headers_are_set_and_cannot_replace_the_credential() {
    let config = with_provider(json!({
        "type": "openai",
        "api_key": {"env": "KEY"},
        "headers": {"OpenAI-Organization": "org-1", "x-custom": "v"},
    }));
    let request = request(&config, &[("openai-organization", "org-evil")], "models");
    assert_eq!(value(&request, "openai-organization"), Some("org-1"));
    assert_eq!(value(&request, "x-custom"), Some("v"));
    let last = set(&request).pop().unwrap();
    assert_eq!(last, ("authorization", "Bearer secret-of-KEY"));
}

#[test]
fn paths_that_are_no_text_go_on_as_they_came() {
    let config = with_provider(json!({"type": "openai", "api_key": {"env": "KEY"}}));
    let request = UpstreamRequest::new(
        config.provider(b"p").unwrap(),
        &head(&[]),
        b"x\xff/\x00",
        Some(b"\xfe"),
        &config.token_headers,
        None,
    );
    assert!(
        request
            .set
            .iter()
            .any(|header| header == (":path", b"/v1/x\xff/\x00?\xfe"))
    );
}
