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

/// The paths of POST requests in the official SDKs (openai 3.54, anthropic 2.12, google-genai 3.4,
/// cohere 7.3, mistralai 3.7, botocore 1.44), and invented ones.
const POST_PATHS: [(&str, &str); 5] = [
    (
        "/my-openai/v1/",
        "agents agents/x agents/sessions assistants assistants/x audio/speech audio/transcriptions \
         audio/translations audio/voices batches batches/x/cancel chat/completions \
         chat/completions/x chatkit/sessions completions containers containers/x/files \
         conversations conversations/x conversations/x/items decisions embeddings evals evals/x \
         evals/x/runs evals/x/runs/x/cancel files fine_tuning/alpha/graders/run fine_tuning/jobs \
         fine_tuning/jobs/x/cancel images/edits images/generations images/variations \
         live/sessions moderations organization/projects realtime/calls realtime/client_secrets \
         realtime/sessions realtime/transcription_sessions responses responses/compact \
         responses/input_tokens responses/x/cancel skills skills/x/versions threads threads/runs \
         threads/x threads/x/messages threads/x/runs threads/x/runs/x/submit_tool_outputs uploads \
         uploads/x/cancel uploads/x/complete uploads/x/parts vaults vector_stores vector_stores/x \
         vector_stores/x/files videos videos/edits videos/x/remix webhook_endpoints \
         no/such/path chat/%63ompletions chat/completions/ Chat/Completions x",
    ),
    (
        "/my-claude/v1/",
        "messages messages/batches messages/batches/x/cancel messages/count_tokens complete agents \
         deployments/x/run dreams environments files memory_stores organizations/invites sessions \
         sessions/x/events skills skills/x/versions user_profiles vaults no/such/path",
    ),
    (
        "/my-google/v1beta/",
        "models/m:generateContent models/m:streamGenerateContent models/m:embedContent \
         models/m:batchEmbedContents models/m:asyncBatchEmbedContent models/m:batchGenerateContent \
         models/m:countTokens models/m:computeTokens models/m:predict models/m:predictLongRunning \
         models/m:generateAnswer tunedModels tunedModels/t:generateContent cachedContents \
         cachedContents/x fileSearchStores fileSearchStores/x:importFile files files:register \
         batches/x:cancel interactions interactions/x/cancel auth_tokens openai/chat/completions \
         openai/no/such/path models/m:generate%43ontent models/m:noSuchMethod",
    ),
    (
        "/my-bedrock/",
        "model/m/converse model/m/converse-stream model/m/invoke \
         model/m/invoke-with-response-stream model/m/count-tokens async-invoke \
         guardrail/g/version/1/apply guardrail-checks/invoke v1/responses model/m/no-such-operation \
         %6dodel/m/converse no/such/path",
    ),
    (
        "/my-vllm/",
        "v1/messages v1/messages/count_tokens v1/score score pooling v1/rerank v2/rerank rerank \
         classify tokenize detokenize v1/chat v2/chat v1/embed v2/embed v1/generate v1/summarize \
         v1/classify v1/embed-jobs v2/batches v2/parse v2/audio/transcriptions v1/ocr ocr \
         v1/agents/completions v1/fim/completions v1/conversations v1/conversations/x \
         v1/conversations/x/restart v1/chat/moderations v1/chat/classifications v1/batch/jobs \
         api/chat api/generate api/embed api/embeddings api/show completion infill \
         inference/v1/generate threads/x/messages a/b/messages",
    ),
];

/// Operations that are free.
const FREE: [&str; 6] = [
    "count_tokens",
    "count-tokens",
    "input_tokens",
    ":countTokens",
    ":computeTokens",
    "tokenize",
];

/// What generates nothing. If a server reports usage all the same, that counts.
const WITHOUT_MODEL: [&str; 20] = [
    "/v1/files",
    "/v1beta/files",
    "files:register",
    "uploads",
    "vector_stores",
    "containers",
    "conversations",
    "assistants",
    "chat/completions/x",
    "responses/x/cancel",
    "batches/x/cancel",
    "jobs/x/cancel",
    "/threads",
    "threads/x/messages",
    "skills",
    "cachedContents/x",
    "fileSearchStores",
    "batches/x:cancel",
    "interactions/x/cancel",
    "guardrail",
];

/// A request that was forwarded, with the token where every provider accepts it.
fn posted(gateway: &TestGateway, path: &str) -> Transaction {
    let bearer = bearer(&good());
    let outcome = gateway.post(path, &[("x-ai-gateway-authorization", &bearer)]);
    let _ = outcome.forwarded();
    outcome.transaction
}

#[test]
fn no_successful_post_is_silent() {
    let gateway = TestGateway::warm();
    let usage = r#"{"usage":{"prompt_tokens":3,"input_tokens":3,"inputTokens":3,"total_input_tokens":3},
        "usageMetadata":{"promptTokenCount":3},"prompt_eval_count":3}"#;
    for (provider, path) in POST_PATHS
        .iter()
        .flat_map(|(provider, paths)| paths.split_whitespace().map(move |path| (provider, path)))
    {
        let path = format!("{provider}{path}");
        let is = |list: &[&str]| list.iter().any(|part| path.contains(part));
        let has_usage = |body| {
            let outcome = on_response(&gateway, posted(&gateway, &path), "200", body);
            let input = field(&outcome, "gen_ai.usage.input_tokens");
            assert!(input.is_none_or(|input| input == "3"), "{path}");
            input.is_some() || field(&outcome, "ai_gateway.usage.incomplete").is_some()
        };
        assert_eq!(has_usage(usage), !is(&FREE), "{path}");
        let may_be_silent = is(&FREE) || is(&WITHOUT_MODEL) || path.ends_with("moderations");
        assert!(has_usage("{}") || may_be_silent, "{path} is silent");
    }
}

#[test]
fn work_that_is_done_later_is_counted_as_unknown() {
    let gateway = TestGateway::warm();
    for (path, body) in [
        (
            "/my-openai/responses",
            r#"{"status":"queued","background":true}"#,
        ),
        ("/my-openai/batches", r#"{"status":"validating"}"#),
        (
            "/my-claude/v1/messages/batches",
            r#"{"processing_status":"in_progress"}"#,
        ),
        ("/my-google/v1beta/models/m:batchGenerateContent", "{}"),
        (
            "/my-google/v1beta/models/m:predictLongRunning",
            r#"{"name":"models/m/operations/1"}"#,
        ),
        ("/my-bedrock/async-invoke", r#"{"invocationArn":"a"}"#),
    ] {
        let outcome = on_response(&gateway, posted(&gateway, path), "200", body);
        let reason = field(&outcome, "ai_gateway.usage.incomplete");
        assert_eq!(reason, Some("background"), "{path}");
    }
}

/// A gateway whose first provider, `my-openai`, has these prices.
fn priced(prices: Value) -> TestGateway {
    let mut document = document();
    document["providers"][0]["prices"] = prices;
    let gateway = TestGateway::cold(&document);
    gateway.publish_keys(&["k"]);
    gateway
}

#[test]
fn a_cost_without_a_price_for_everything_says_what_is_missing() {
    let gateway = priced(json!({
        "m": {"input": 2, "output": 8, "tiers": {"flex": {"multiplier": 0.5}}},
    }));
    for (answer, cost, missing) in [
        (
            r#"{"model":"m","usage":{"prompt_tokens":10}}"#,
            Some("0.00002"),
            None,
        ),
        (
            r#"{"model":"m","service_tier":"flex","usage":{"prompt_tokens":10}}"#,
            Some("0.00001"),
            None,
        ),
        (
            r#"{"model":"m","service_tier":"priority","usage":{"prompt_tokens":10}}"#,
            Some("0.00002"),
            Some("service_tier"),
        ),
        (
            r#"{"model":"n","usage":{"prompt_tokens":10}}"#,
            None,
            Some("model"),
        ),
        (r#"{"model":"n"}"#, None, None),
    ] {
        let transaction = sent(&gateway, "/my-openai/chat/completions", &[]);
        let outcome = on_response(&gateway, transaction, "200", answer);
        assert_eq!(field(&outcome, "gen_ai.cost"), cost, "{answer}");
        assert_eq!(
            field(&outcome, "ai_gateway.cost.incomplete"),
            missing,
            "{answer}"
        );
    }
    let transaction = sent(&gateway, "/my-vllm/chat/completions", &[]);
    let answer = r#"{"model":"m","service_tier":"priority","usage":{"prompt_tokens":10}}"#;
    let outcome = on_response(&gateway, transaction, "200", answer);
    assert_eq!(field(&outcome, "ai_gateway.cost.incomplete"), None);
}

#[test]
fn each_model_of_a_response_is_priced_by_its_own_price() {
    let answer = r#"{"type":"message","model":"m","usage":{"input_tokens":10,"output_tokens":0,
        "iterations":[{"type":"advisor_message","model":"advisor","input_tokens":10}]}}"#;
    let m = json!({"input": 2, "output": 8});
    for (advisor, cost, missing) in [
        (json!({"input": 10, "output": 50}), "0.00012", None),
        (json!(null), "0.00002", Some("other_model")),
    ] {
        let mut prices = json!({"m": m, "advisor": advisor});
        if prices["advisor"].is_null() {
            prices.as_object_mut().unwrap().remove("advisor");
        }
        let gateway = priced(prices);
        let transaction = sent(&gateway, "/my-openai/v1/messages", &[]);
        let outcome = on_response(&gateway, transaction, "200", answer);
        assert_eq!(field(&outcome, "gen_ai.cost"), Some(cost));
        assert_eq!(field(&outcome, "ai_gateway.cost.incomplete"), missing);
        assert_eq!(field(&outcome, "gen_ai.usage.input_tokens"), Some("10"));
    }
}
