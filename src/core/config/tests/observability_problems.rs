//! Invalid values of `observability` and of the endpoints' paths.

use super::problems::{problems, with};
use super::*;

#[test]
fn a_conversation_header_must_have_no_other_meaning() {
    let path = "/observability/conversation_headers";
    let own = "has another meaning; choose another header";
    for (name, message) in [
        ("x y", "is not a header name"),
        ("Authorization", own),
        ("content-length", own),
        ("x-ai-gateway-cluster", own),
        ("X-AI-Gateway-Authorization", own),
    ] {
        let document = with(&[(
            "/observability",
            json!({"conversation_headers": ["x-a", name]}),
        )]);
        assert_eq!(problems(&document), [format!("{path}/1: {message}")]);
    }
    let none = with(&[("/observability", json!({"conversation_headers": []}))]);
    assert_eq!(problems(&none), [""; 0]);
}

#[test]
fn logged_claims_have_names() {
    let document = with(&[("/observability", json!({"log_claims": ["a", ""]}))]);
    let problem = "/observability/log_claims/1: must not be empty";
    assert_eq!(problems(&document), [problem]);
}

#[test]
fn unknown_log_fields_are_refused() {
    let document = with(&[(
        "/observability",
        json!({"log_fields": ["enduser.id", "gen_ai.cost", "cost"]}),
    )]);
    let problem = "/observability/log_fields/2: is not an access log field of the filter; \
                   docs/observability.md lists the fields";
    assert_eq!(problems(&document), [problem]);
}

#[test]
fn endpoint_paths_are_outside_the_providers() {
    let plain = "must be a plain path with a leading slash and no trailing one";
    let among = "must not be path_prefix or below it, because the providers are there";
    for (prefix, usage, message) in [
        ("/ai", json!("usage"), Some(plain)),
        ("/ai", json!("/usage/"), Some(plain)),
        ("/ai", json!("/ai"), Some(among)),
        ("/ai", json!("/ai/usage"), Some(among)),
        ("/usage", json!(null), Some(among)),
        ("/ai", json!("/aims"), None),
        ("/ai", json!(null), None),
    ] {
        let document = with(&[("/path_prefix", json!(prefix)), ("/usage_path", usage)]);
        let expected: Vec<_> = message
            .map(|message| format!("/usage_path: {message}"))
            .into_iter()
            .collect();
        assert_eq!(problems(&document), expected, "{prefix}");
    }
}
