//! What is logged about requests and responses as they pass.

use super::*;
use crate::usage::End;

/// A request that was forwarded, or whose body is awaited.
fn sent(gateway: &TestGateway, path: &str, headers: &[(&str, &str)]) -> Transaction {
    let bearer = bearer(&good());
    let headers = [&[("authorization", bearer.as_str())], headers].concat();
    gateway.post(path, &headers).transaction
}

/// Delivers the request's body in two pieces while it is wanted.
fn with_body(gateway: &TestGateway, mut transaction: Transaction, body: &str) -> Transaction {
    let (start, end) = body.as_bytes().split_at(body.len() / 2);
    for chunk in [Chunk::More(start), Chunk::Last(end)] {
        if transaction.wants_body() {
            let input = Input::RequestBody(chunk);
            transaction = gateway.handle(transaction, input).transaction;
        }
    }
    transaction
}

/// The outcome at the end of a response with this status and body.
fn on_response(
    gateway: &TestGateway,
    transaction: Transaction,
    status: &str,
    body: &str,
) -> Outcome {
    let head = [(":status", status), ("content-type", "application/json")];
    let head = head.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let head = Input::ResponseHead(ResponseHead::new(head.to_vec()));
    let mut transaction = gateway.handle(transaction, head).transaction;
    if transaction.wants_response_body() {
        let input = Input::ResponseBody(body.as_bytes());
        transaction = gateway.handle(transaction, input).transaction;
    }
    gateway.handle(transaction, Input::Ended(End::Complete))
}

fn field<'a>(outcome: &'a Outcome, wanted: &str) -> Option<&'a str> {
    let mut fields = outcome.effects.iter().filter_map(|effect| match effect {
        Effect::Log(name, value) if *name == wanted => Some(value.as_str()),
        _ => None,
    });
    fields.next()
}

#[test]
fn a_body_that_has_ended_is_no_longer_wanted() {
    let gateway = TestGateway::warm();
    for chunk in [&b""[..], b"{", b"--form"] {
        let sent = sent(&gateway, "/my-openai/chat/completions", &[]);
        assert!(sent.wants_body());
        let outcome = gateway.handle(sent, Input::RequestBody(Chunk::Last(chunk)));
        assert!(!outcome.transaction.wants_body(), "{chunk:?}");
    }
}

#[test]
fn the_requested_model_is_read_from_the_body_or_the_path() {
    let gateway = TestGateway::warm();
    for (path, body) in [
        (
            "/my-openai/chat/completions",
            r#"{"messages":[],"model":"m"}"#,
        ),
        ("/my-claude/v1/messages", r#"{"model":"m","messages":[]}"#),
        ("/my-google/v1beta/openai/embeddings", r#"{"model":"m"}"#),
        (
            "/signed-bedrock/v1/chat/completions",
            r#"{"model":"m","messages":[]}"#,
        ),
        (
            "/signed-bedrock/model/m/converse",
            r#"{"model":"other","messages":[]}"#,
        ),
    ] {
        let transaction = sent(&gateway, path, &[]);
        let transaction = with_body(&gateway, transaction, body);
        assert!(!transaction.wants_body(), "{path}");
        let outcome = on_response(&gateway, transaction, "404", "");
        assert_eq!(field(&outcome, "gen_ai.request.model"), Some("m"), "{path}");
    }
}

#[test]
fn a_body_is_read_only_until_it_has_named_a_model() {
    let gateway = TestGateway::warm();
    for path in ["/my-openai/v1/files", "/my-openai/responses/r/cancel"] {
        assert!(!sent(&gateway, path, &[]).wants_body(), "{path}");
    }
    let transaction = sent(&gateway, "/my-openai/responses", &[]);
    assert!(transaction.wants_body());
    assert_eq!(transaction.flow(), Flow::Continue);
    let input = Input::RequestBody(Chunk::More(br#"{"model":"m","#));
    assert!(!gateway.handle(transaction, input).transaction.wants_body());
}

#[test]
fn a_conversation_is_logged_and_not_forwarded() {
    let gateway = TestGateway::warm();
    let bearer = bearer(&good());
    let side = "x-redpanda-genai-conversation";
    for (headers, logged) in [
        (vec![("x-gen-ai-conversation", "c-1")], Some("c-1")),
        (vec![(side, "c-2")], Some("c-2")),
        (
            vec![(side, "c-2"), ("x-gen-ai-conversation", "c-1")],
            Some("c-1"),
        ),
        (vec![("x-gen-ai-conversation", "")], None),
        (vec![], None),
    ] {
        let sent = [&[("authorization", bearer.as_str())], &headers[..]].concat();
        let outcome = gateway.post("/my-openai/responses", &sent);
        for (name, _) in headers {
            let removed = &outcome.forwarded().remove;
            assert!(removed.iter().any(|removed| removed == name), "{name}");
        }
        let outcome = on_response(&gateway, outcome.transaction, "200", "{}");
        assert_eq!(field(&outcome, "gen_ai.conversation.id"), logged);
    }
    let long = "x".repeat(1000);
    let headers = [("x-gen-ai-conversation", long.as_str())];
    let transaction = sent(&gateway, "/my-openai/responses", &headers);
    let outcome = on_response(&gateway, transaction, "200", "{}");
    assert_eq!(
        field(&outcome, "gen_ai.conversation.id").map(str::len),
        Some(256)
    );
}

#[test]
fn the_log_contains_the_caller_and_the_configured_claims() {
    let mut document = document();
    document["observability"] = json!({"log_claims": ["team", "/org/id", "absent", "long"]});
    let gateway = TestGateway::cold(&document);
    gateway.publish_keys(&["k"]);
    let token = token(json!({
        "team": ["a", "b"],
        "org": {"id": 7, "secret": "unasked"},
        "email": "unasked",
        "long": "x".repeat(2000),
    }));
    let outcome = gateway.post(
        "/my-openai/responses",
        &[("authorization", &bearer(&token))],
    );
    let outcome = on_response(&gateway, outcome.transaction, "200", "{}");
    assert_eq!(field(&outcome, "enduser.id"), Some("alice"));
    assert_eq!(field(&outcome, "ai_gateway.issuer"), Some(ISSUER));
    assert_eq!(
        field(&outcome, "ai_gateway.claims"),
        Some(r#"{"/org/id":7,"team":["a","b"]}"#)
    );
}

#[test]
fn the_log_contains_the_cost_of_a_priced_response() {
    let mut document = document();
    document["providers"][0]["prices"] = json!({"m*": {"input": 2, "output": 8}});
    let gateway = TestGateway::cold(&document);
    gateway.publish_keys(&["k"]);
    let body = r#"{"model":"m-1","usage":{"prompt_tokens":10,"completion_tokens":5}}"#;
    let transaction = sent(&gateway, "/my-openai/chat/completions", &[]);
    let outcome = on_response(&gateway, transaction, "200", body);
    assert_eq!(field(&outcome, "gen_ai.cost"), Some("0.00006"));
    let transaction = sent(&gateway, "/my-vllm/chat/completions", &[]);
    let outcome = on_response(&gateway, transaction, "200", body);
    assert_eq!(field(&outcome, "gen_ai.cost"), None);
}
