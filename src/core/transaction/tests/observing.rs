//! What is learnt of requests and responses as they pass.

use super::*;
use crate::usage::End;

/// A request whose head has been forwarded, or whose body is awaited.
fn asked(gateway: &Gateway, path: &str, headers: &[(&str, &str)]) -> Transaction {
    let bearer = bearer(&good());
    let headers = [&[("authorization", bearer.as_str())], headers].concat();
    gateway.post(path, &headers).transaction
}

/// The request's body, handed in in two pieces while it is wanted.
fn with_body(gateway: &Gateway, mut transaction: Transaction, body: &str) -> Transaction {
    let (start, end) = body.as_bytes().split_at(body.len() / 2);
    for (chunk, is_last) in [(start, false), (end, true)] {
        if transaction.wants_body() {
            let input = Input::RequestBody { chunk, is_last };
            transaction = gateway.handle(transaction, input).transaction;
        }
    }
    transaction
}

/// All that there is at the end of a response with this status and body.
fn on_response(gateway: &Gateway, transaction: Transaction, status: &str, body: &str) -> Outcome {
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
fn a_body_that_has_ended_is_wanted_no_more() {
    let gateway = Gateway::warm();
    for chunk in [&b""[..], b"{", b"--form"] {
        let asked = asked(&gateway, "/my-openai/chat/completions", &[]);
        assert!(asked.wants_body());
        let is_last = true;
        let outcome = gateway.handle(asked, Input::RequestBody { chunk, is_last });
        assert!(!outcome.transaction.wants_body(), "{chunk:?}");
    }
}

#[test]
fn the_requested_model_is_read_out_of_the_body_or_the_path() {
    let gateway = Gateway::warm();
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
        let transaction = asked(&gateway, path, &[]);
        let transaction = with_body(&gateway, transaction, body);
        assert!(!transaction.wants_body(), "{path}");
        let outcome = on_response(&gateway, transaction, "404", "");
        assert_eq!(field(&outcome, "gen_ai.request.model"), Some("m"), "{path}");
    }
}

#[test]
fn a_body_is_read_only_where_it_names_a_model_and_only_so_far() {
    let gateway = Gateway::warm();
    for path in ["/my-openai/v1/files", "/my-openai/responses/r/cancel"] {
        assert!(!asked(&gateway, path, &[]).wants_body(), "{path}");
    }
    let transaction = asked(&gateway, "/my-openai/responses", &[]);
    assert!(transaction.wants_body());
    assert_eq!(transaction.flow(), Flow::Continue);
    let input = Input::RequestBody {
        chunk: br#"{"model":"m","#,
        is_last: false,
    };
    assert!(!gateway.handle(transaction, input).transaction.wants_body());
}

#[test]
fn a_conversation_is_logged_and_not_forwarded() {
    let gateway = Gateway::warm();
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
    let transaction = asked(&gateway, "/my-openai/responses", &headers);
    let outcome = on_response(&gateway, transaction, "200", "{}");
    assert_eq!(
        field(&outcome, "gen_ai.conversation.id").map(str::len),
        Some(256)
    );
}

#[test]
fn the_log_says_who_asked_and_of_further_claims_those_that_it_is_to() {
    let mut document = document();
    document["observability"] = json!({"log_claims": ["team", "/org/id", "absent", "long"]});
    let gateway = Gateway::cold(&document);
    gateway.keys_arrive(&["k"]);
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
fn a_priced_response_says_what_it_cost() {
    let mut document = document();
    document["providers"][0]["prices"] = json!({"m*": {"input": 2, "output": 8}});
    let gateway = Gateway::cold(&document);
    gateway.keys_arrive(&["k"]);
    let body = r#"{"model":"m-1","usage":{"prompt_tokens":10,"completion_tokens":5}}"#;
    let transaction = asked(&gateway, "/my-openai/chat/completions", &[]);
    let outcome = on_response(&gateway, transaction, "200", body);
    assert_eq!(field(&outcome, "gen_ai.cost"), Some("0.00006"));
    let transaction = asked(&gateway, "/my-vllm/chat/completions", &[]);
    let outcome = on_response(&gateway, transaction, "200", body);
    assert_eq!(field(&outcome, "gen_ai.cost"), None);
}
