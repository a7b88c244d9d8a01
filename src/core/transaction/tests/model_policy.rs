//! Requests may use only the models that the provider and the caller are allowed.

use super::*;
use crate::telemetry::metric::Metric;

/// A gateway whose providers have model lists. The caller `few` may use only one model.
fn gateway(changes: &[(&str, Value)]) -> TestGateway {
    let mut document = document();
    for index in [0, 1, 2, 4] {
        document["providers"][index]["models"] = json!(["m-1", "m-2", "big-*"]);
    }
    document["authorization"]["bindings"] = json!([
        {"subject": "few", "permissions": ["invoke"], "models": ["m-1"]},
        {"subject": "few", "permissions": ["get"]},
    ]);
    for (name, value) in changes {
        document[*name] = value.clone();
    }
    let gateway = TestGateway::cold(&document);
    gateway.publish_keys(&["k"]);
    gateway
}

const JSON: (&str, &str) = ("content-type", "application/json");

/// A POST whose body arrives in these pieces.
fn post(gateway: &TestGateway, path: &str, headers: &[(&str, &str)], pieces: &[&str]) -> Outcome {
    let bearer = bearer(&good());
    let headers = [&[("authorization", bearer.as_str())], headers].concat();
    let mut outcome = gateway.post(path, &headers);
    let mut effects = Vec::new();
    effects.append(&mut outcome.effects);
    for (index, piece) in pieces.iter().enumerate() {
        let chunk = if index + 1 == pieces.len() {
            Chunk::Last(piece.as_bytes())
        } else {
            Chunk::More(piece.as_bytes())
        };
        outcome = gateway.handle(outcome.transaction, Input::RequestBody(chunk));
        effects.append(&mut outcome.effects);
    }
    outcome.effects = effects;
    outcome
}

fn chat(gateway: &TestGateway, body: &str) -> Outcome {
    post(gateway, "/my-openai/v1/chat/completions", &[JSON], &[body])
}

#[test]
fn a_request_is_held_until_its_body_has_named_an_allowed_model() {
    let gateway = gateway(&[]);
    let path = "/my-openai/v1/chat/completions";
    let waiting = post(&gateway, path, &[JSON], &[r#"{"messages":[],"#, ""]);
    assert!(matches!(waiting.transaction, Transaction::Replied));

    let bearer = bearer(&good());
    let held = gateway.post(path, &[("authorization", &bearer), JSON]);
    assert_eq!(
        (held.effects.len(), held.transaction.flow()),
        (0, Flow::Pause)
    );
    assert!(held.transaction.awaits_body());
    let chunk = Chunk::More(br#"{"messages":[],"model":"big-1","#);
    let named = gateway.handle(held.transaction, Input::RequestBody(chunk));
    assert_eq!(
        upstream(named.forwarded(), "authorization"),
        Some("Bearer secret-of-OPENAI_KEY")
    );
    assert!(named.transaction.wants_body() && !named.transaction.awaits_body());
}

#[test]
fn the_rejection_names_the_model_and_the_provider() {
    for (status, changes) in [
        (404, vec![]),
        (403, vec![("unlisted_model_status", json!(403))]),
    ] {
        let gateway = gateway(&changes);
        let outcome = chat(&gateway, r#"{"model":"gpt-9"}"#);
        assert_eq!(outcome.rejection(), rejection(status, "model_not_found"));
        let message = outcome.body()["message"].to_string();
        assert!(
            message.contains("gpt-9") && message.contains("my-openai"),
            "{message}"
        );
        let refused = Metric::Refusals("model_not_found");
        let mut measured = outcome.not_logged().filter_map(|effect| match effect {
            Effect::Measure(it) => Some(it.metric),
            _ => None,
        });
        assert_eq!(measured.next(), Some(refused));
    }
}

#[test]
fn the_model_may_be_in_the_path() {
    let gateway = gateway(&[]);
    let good = good();
    let generate = |model: &str| {
        let path = format!("/my-google/v1beta/models/{model}:generateContent");
        gateway.post(&path, &[("x-goog-api-key", &good)])
    };
    generate("m-1").forwarded();
    generate("m%2D1").forwarded();
    assert_eq!(
        generate("m-3").rejection(),
        rejection(404, "model_not_found")
    );

    let converse = |model: &str| {
        let path = format!("/signed-bedrock/model/{model}/converse");
        post(&gateway, &path, &[JSON], &["{}"])
    };
    converse("m-1").forwarded();
    let bearer = bearer(&good);
    let refused = gateway.post(
        "/signed-bedrock/model/x/converse",
        &[("authorization", &bearer)],
    );
    assert_eq!(refused.rejection(), rejection(404, "model_not_found"));
}

#[test]
fn the_body_of_a_signed_request_is_checked_too() {
    let gateway = gateway(&[]);
    let path = "/signed-bedrock/openai/v1/chat/completions";
    let send = |body: &str| post(&gateway, path, &[JSON], &[body]);
    send(r#"{"messages":[],"model":"m-1"}"#).forwarded();
    for (body, code) in [
        (r#"{"model":"m-3"}"#, "model_not_found"),
        (r#"{"model":"m-1","model":"m-3"}"#, "model_ambiguous"),
        (r#"{"messages":[]}"#, "model_missing"),
    ] {
        assert_eq!(send(body).rejection().1, code, "{body}");
    }
}

#[test]
fn a_second_model_stops_a_request_that_was_forwarded() {
    let gateway = gateway(&[]);
    let pieces = [r#"{"model":"m-1","messages":"#, r#"[],"model":"m-3"}"#];
    let outcome = post(&gateway, "/my-openai/v1/responses", &[JSON], &pieces);
    let effects: Vec<_> = outcome.not_logged().collect();
    let [Effect::Forward(_), Effect::Measure(_), Effect::Reply(reply)] = effects.as_slice() else {
        panic!("{:?}", outcome.effects);
    };
    assert_eq!(reply.status, 400);
    assert_eq!(outcome.transaction.flow(), Flow::Pause);
}

#[test]
fn a_body_that_servers_could_read_differently_is_refused_by_its_headers() {
    let gateway = gateway(&[]);
    let path = "/my-openai/v1/chat/completions";
    for (headers, expected) in [
        (
            vec![JSON, ("content-encoding", "gzip")],
            rejection(415, "body_encoded"),
        ),
        (
            vec![("content-type", "multipart/form-data; boundary=x")],
            rejection(400, "body_not_json"),
        ),
        (
            vec![("content-type", "application/x-www-form-urlencoded")],
            rejection(400, "body_not_json"),
        ),
        (
            vec![("content-type", "application/json; charset=utf-7")],
            rejection(400, "body_not_json"),
        ),
        (
            vec![("content-type", "application/json, text/plain")],
            rejection(400, "body_not_json"),
        ),
        (vec![JSON, JSON], rejection(400, "body_not_json")),
        (vec![], rejection(400, "body_not_json")),
    ] {
        assert_eq!(
            post(&gateway, path, &headers, &[]).rejection(),
            expected,
            "{headers:?}"
        );
    }
    for content_type in [
        "Application/JSON; charset=\"UTF-8\"",
        "application/vnd.x+json",
    ] {
        let headers = [
            ("content-type", content_type),
            ("content-encoding", "identity"),
        ];
        post(&gateway, path, &headers, &[r#"{"model":"m-1"}"#]).forwarded();
    }
}

#[test]
fn the_rejection_names_the_missing_host_option_if_the_body_is_withheld() {
    let gateway = gateway(&[]);
    let held = post(&gateway, "/my-claude/v1/messages", &[JSON], &[]);
    let overdue = gateway.handle(held.transaction, Input::BodyOverdue);
    assert_eq!(overdue.rejection(), rejection(500, "body_withheld"));
    assert!(
        overdue.body()["message"]
            .to_string()
            .contains("allow_on_headers_stop_iteration")
    );
}

#[test]
fn a_binding_restricts_the_models() {
    let gateway = gateway(&[]);
    let few = bearer(&token(json!({"sub": "few", "scope": ""})));
    let send = |bearer: &str, model: &str| {
        let held = gateway.post(
            "/my-openai/v1/embeddings",
            &[("authorization", bearer), JSON],
        );
        let body = format!(r#"{{"model":"{model}"}}"#);
        let chunk = Chunk::Last(body.as_bytes());
        gateway.handle(held.transaction, Input::RequestBody(chunk))
    };
    send(&few, "m-1").forwarded();
    assert_eq!(
        send(&few, "m-2").rejection(),
        rejection(404, "model_not_found")
    );
    send(&bearer(&good()), "m-2").forwarded();

    let list = |bearer: &str, path: &str| gateway.get(path, &[("authorization", bearer)]).body();
    let models = |body: Value| body["models"].as_array().unwrap().clone();
    assert_eq!(models(list(&few, "/my-openai")), ["m-1"]);
    assert_eq!(models(list(&few, "/my-vllm")), ["m-1"]);
    assert_eq!(
        models(list(&bearer(&good()), "/my-openai")),
        ["m-1", "m-2", "big-*"]
    );
    let ids = list(&few, "/my-openai/v1/models");
    assert_eq!(ids["data"].as_array().unwrap().len(), 1);
}

#[test]
fn the_gateway_answers_the_list_of_models() {
    let gateway = gateway(&[]);
    let good = good();
    let bearer = bearer(&good);
    let get = |path: &str| gateway.get(path, &[("authorization", &bearer)]);
    let list = get("/my-openai/v1/models").body();
    assert_eq!(list["object"], "list");
    assert_eq!(list["data"][1]["id"], "m-2");
    assert_eq!(list["data"].as_array().unwrap().len(), 2);
    assert_eq!(get("/my-openai/models/m-2").body()["owned_by"], "my-openai");
    get("/my-openai/models/big-1").forwarded();
    assert_eq!(
        get("/my-openai/models/x").rejection(),
        rejection(404, "model_not_found")
    );
    let list = get("/my-claude/v1/models").body();
    assert_eq!(
        (&list["first_id"], &list["last_id"]),
        (&json!("m-1"), &json!("m-2"))
    );
    let list = gateway
        .get("/my-google/v1beta/models", &[("x-goog-api-key", &good)])
        .body();
    assert_eq!(list["models"][0]["name"], "models/m-1");
    get("/my-openai/v1/files").forwarded();
    get("/for-finance/v1/models").rejection();
}

#[test]
fn a_restriction_by_prefixes_is_shown() {
    let mut document = document();
    document["providers"][0]["models"] = json!(["gpt-4o", "gpt-4o-mini*"]);
    document["authorization"]["bindings"] = json!([
        {"subject": "few", "permissions": ["invoke", "get"], "models": ["gpt-4o-mini*"]},
        {"subject": "none", "permissions": ["invoke", "get"], "models": ["o3"]},
    ]);
    let gateway = TestGateway::cold(&document);
    gateway.publish_keys(&["k"]);
    let get = |sub: &str, path: &str| {
        let bearer = bearer(&token(json!({"sub": sub, "scope": ""})));
        gateway.get(path, &[("authorization", &bearer)]).body()
    };
    for (sub, path, models, is_restricted) in [
        ("few", "/my-openai", json!(["gpt-4o-mini*"]), true),
        ("none", "/my-openai", json!([]), true),
        ("few", "/my-vllm", json!(["gpt-4o-mini*"]), true),
    ] {
        let shown = get(sub, path);
        assert_eq!(shown["models"], models, "{sub} {path}");
        assert_eq!(shown["models_restricted"], is_restricted, "{sub} {path}");
    }
    let bearer = bearer(&good());
    let unrestricted = gateway
        .get("/my-vllm", &[("authorization", &bearer)])
        .body();
    assert_eq!(unrestricted["models"], json!([]));
    assert_eq!(unrestricted["models_restricted"], false);
    let list = get("few", "/my-openai/v1/models");
    assert_eq!(list["data"], json!([]));
    assert_eq!(list["allowed_models"], json!(["gpt-4o-mini*"]));
}

#[test]
fn without_a_model_list_nothing_is_checked() {
    let mut document = document();
    document["providers"][0]["models"] = Value::Null;
    let gateway = TestGateway::cold(&document);
    gateway.publish_keys(&["k"]);
    let headers = [("content-encoding", "gzip")];
    post(&gateway, "/my-openai/v1/chat/completions", &headers, &[]).forwarded();
}

#[test]
fn a_client_with_its_own_credential_gets_the_providers_list() {
    let mut document = document();
    document["providers"][8]["models"] = json!(["m-1"]);
    let gateway = TestGateway::cold(&document);
    let headers = [("x-api-key", "own")];
    gateway.get("/own-claude/v1/models", &headers).forwarded();
    let refused = gateway.get("/own-claude/v1/models/m-2", &headers);
    assert_eq!(refused.rejection(), rejection(404, "model_not_found"));
}

/// The status and code with which the gateway refuses a request; 0 if it passes.
fn refusal(
    gateway: &TestGateway,
    token: &str,
    (method, path): (&str, &str),
    headers: &[(&str, &str)],
    body: &str,
) -> (u16, String) {
    let bearer = bearer(token);
    let credential = match path.contains("my-google") {
        true => ("x-goog-api-key", token),
        false => ("authorization", bearer.as_str()),
    };
    let outcome = gateway.request(method, path, &[&[credential], headers].concat());
    let mut effects = outcome.effects;
    if !matches!(outcome.transaction, Transaction::Replied) {
        let input = Input::RequestBody(Chunk::Last(body.as_bytes()));
        effects.extend(gateway.handle(outcome.transaction, input).effects);
    }
    let refusal = effects.iter().find_map(|effect| match effect {
        Effect::Reply(reply) => {
            let body: Value = serde_json::from_slice(&reply.body).unwrap();
            let code = body["error"]["code"].as_str().unwrap_or_default();
            Some((reply.status, code.to_owned()))
        }
        _ => None,
    });
    refusal.unwrap_or_default()
}

const PASSES: (u16, &str) = (0, "");
const NOT_FOUND: (u16, &str) = (404, "model_not_found");
const UNKNOWN: (u16, &str) = (403, "operation_not_allowed");

#[test]
fn a_request_passes_only_if_its_operation_names_an_allowed_model() {
    let gateway = gateway(&[]);
    for (path, body, expected) in [
        // The path names the model, however it is spelled.
        (
            "/my-openai/openai/deployments/m-1/chat/completions",
            "{}",
            PASSES,
        ),
        (
            "/my-openai/openai/deployments/m-1/chat/completions",
            r#"{"model":"m-2"}"#,
            PASSES,
        ),
        (
            "/my-openai/openai/deployments/m-1/chat/completions",
            r#"{"model":"m-3"}"#,
            NOT_FOUND,
        ),
        (
            "/my-openai/openai/%64eployments/m-3/chat/completions",
            r#"{"model":"m-1"}"#,
            NOT_FOUND,
        ),
        (
            "/my-openai/openai/Deployments/m-3/chat/completions",
            r#"{"model":"m-1"}"#,
            NOT_FOUND,
        ),
        (
            "/my-openai/x/openai/deployments/m-3/chat/completions",
            r#"{"model":"m-1"}"#,
            UNKNOWN,
        ),
        (
            "/my-openai/openai//deployments//m-3//chat/completions",
            r#"{"model":"m-1"}"#,
            NOT_FOUND,
        ),
        (
            "/my-openai/openai/deployments/m%252D1/chat/completions",
            r#"{"model":"m-1"}"#,
            UNKNOWN,
        ),
        ("/my-openai/openai/deployments/m-1/no-such", "{}", UNKNOWN),
        (
            "/my-google/v1beta/models/m-3%3AgenerateContent",
            r#"{"model":"m-1"}"#,
            NOT_FOUND,
        ),
        (
            "/my-google/v1beta/models/m-1%3AgenerateContent",
            "{}",
            PASSES,
        ),
        ("/my-google/v1beta/models/m-1:unknown", "{}", UNKNOWN),
        (
            "/my-google/v1beta/models/m-1:batchEmbedContents",
            r#"{"requests":[{"model":"models/m-1","content":{}}]}"#,
            PASSES,
        ),
        (
            "/my-google/v1beta/models/m-1:batchEmbedContents",
            r#"{"requests":[{"model":"models/m-3","content":{}}]}"#,
            NOT_FOUND,
        ),
        (
            "/signed-bedrock/%6dodel/m-3/converse",
            r#"{"model":"m-1"}"#,
            NOT_FOUND,
        ),
        ("/signed-bedrock/model/m-1/converse", "{}", PASSES),
        (
            "/signed-bedrock/model/m-1/invoke",
            r#"{"tools":[{"type":"advisor_20260301","model":"m-3"}]}"#,
            NOT_FOUND,
        ),
        ("/signed-bedrock/guardrail-checks/invoke", "{}", PASSES),
        // The body names the model.
        (
            "/my-openai/v1/chat/%63ompletions",
            r#"{"model":"m-1"}"#,
            PASSES,
        ),
        (
            "/my-openai/v1/chat/%63ompletions",
            r#"{"model":"m-3"}"#,
            NOT_FOUND,
        ),
        (
            "/my-openai/v1/chat%2Fcompletions",
            r#"{"model":"m-1"}"#,
            UNKNOWN,
        ),
        (
            "/my-openai/v1/chat/completions;x",
            r#"{"model":"m-1"}"#,
            UNKNOWN,
        ),
        (
            "/my-claude/v1/messages",
            r#"{"model":"m-1","tools":[{"type":"advisor_20260301","model":"m-3"}]}"#,
            NOT_FOUND,
        ),
        (
            "/my-openai/v1/responses",
            r#"{"model":"m-1","tools":[{"type":"image_generation","model":"m-3"}]}"#,
            NOT_FOUND,
        ),
        // Nested requests name models.
        (
            "/my-claude/v1/messages/batches",
            r#"{"requests":[{"params":{"model":"m-1"}},{"params":{"model":"m-2"}}]}"#,
            PASSES,
        ),
        (
            "/my-claude/v1/messages/batches",
            r#"{"model":"m-1","requests":[{"params":{"model":"m-1"}},{"params":{"model":"m-3"}}]}"#,
            NOT_FOUND,
        ),
        // Nobody knows where these name their models, or they are in a file.
        ("/my-openai/v1/batches", r#"{"model":"m-1"}"#, UNKNOWN),
        (
            "/my-openai/v1/realtime/client_secrets",
            r#"{"model":"m-1"}"#,
            UNKNOWN,
        ),
        (
            "/my-openai/v1/realtime/sessions",
            r#"{"model":"m-1"}"#,
            UNKNOWN,
        ),
        (
            "/my-openai/v1/realtime/calls",
            r#"{"model":"m-1"}"#,
            UNKNOWN,
        ),
        ("/my-openai/v1/evals/e/runs", r#"{"model":"m-1"}"#, UNKNOWN),
        (
            "/my-openai/v1/fine_tuning/jobs",
            r#"{"model":"m-1"}"#,
            UNKNOWN,
        ),
        (
            "/my-google/v1alpha/auth_tokens",
            r#"{"model":"m-1"}"#,
            UNKNOWN,
        ),
        ("/my-openai/v1/no/such/thing", r#"{"model":"m-1"}"#, UNKNOWN),
        // The operation needs no model, but some servers read one at the same path.
        (
            "/my-openai/v1/chat/completions/batch",
            r#"{"model":"m-3"}"#,
            NOT_FOUND,
        ),
        (
            "/my-openai/v1/chat/completions/batch",
            r#"{"model":"m-1"}"#,
            PASSES,
        ),
        (
            "/my-openai/v1/vector_stores/v/search",
            r#"{"query":"q","model":"m-3"}"#,
            NOT_FOUND,
        ),
        (
            "/my-openai/v1/vector_stores/v/search",
            r#"{"query":"q"}"#,
            PASSES,
        ),
        ("/my-openai/v1/responses/r/cancel", "", PASSES),
        // The query names another model.
        (
            "/my-openai/v1/chat/completions?model=m-3",
            r#"{"model":"m-1"}"#,
            NOT_FOUND,
        ),
        (
            "/my-openai/v1/chat/completions?deployment=m-1",
            r#"{"model":"m-1"}"#,
            PASSES,
        ),
    ] {
        let found = refusal(&gateway, &good(), ("POST", path), &[JSON], body);
        assert_eq!((found.0, found.1.as_str()), expected, "{path} {body}");
    }
}

#[test]
fn headers_that_choose_a_model_are_dropped_where_models_are_restricted() {
    let headers = [
        ("x-ms-oai-image-generation-deployment", "m-3"),
        ("x_model", "m-3"),
        ("azureml-model-deployment", "m-3"),
    ];
    let removed = |gateway: &TestGateway| {
        let bearer = bearer(&good());
        let headers = [&[("authorization", bearer.as_str())], &headers[..]].concat();
        let path = "/my-openai/v1/responses/r/cancel";
        let request = gateway.post(path, &headers).forwarded().clone();
        let is_removed = |name: &str| request.remove.iter().any(|removed| removed == name);
        headers.iter().filter(|(name, _)| is_removed(name)).count() - 1
    };
    assert_eq!(removed(&gateway(&[])), headers.len());
    assert_eq!(removed(&TestGateway::warm()), 0);
}

#[test]
fn a_session_may_name_only_allowed_models() {
    let gateway = gateway(&[]);
    let upgrade = [("upgrade", "websocket")];
    for (query, expected) in [
        ("model=m-1", PASSES),
        ("deployment=m-1", PASSES),
        ("model=m-2&deployment=m-1", PASSES),
        ("model=m-1&deployment=m-3", NOT_FOUND),
        ("model=m-3&deployment=m-1", NOT_FOUND),
        ("model=m-1;deployment=m-3", NOT_FOUND),
        ("model=m-1&model=m-3", (400, "model_missing")),
    ] {
        let path = format!("/my-openai/openai/realtime?api-version=1&{query}");
        let found = refusal(&gateway, &good(), ("GET", &path), &upgrade, "");
        assert_eq!((found.0, found.1.as_str()), expected, "{query}");
    }
}

#[test]
fn paths_can_be_denied_for_everybody_and_for_the_callers_of_a_binding() {
    const DENIED: (u16, &str) = (403, "path_not_allowed");
    let mut document = document();
    document["providers"][0]["paths_denied"] = json!(["realtime/client_secrets", "batches/**"]);
    document["providers"][1]["paths_allowed"] = json!(["messages", "models"]);
    document["authorization"]["bindings"] = json!([
        {"subject": "some", "permissions": ["invoke"], "paths_allowed": ["chat/completions"],
         "models": ["m-1"]},
        {"subject": "some", "permissions": ["invoke"], "paths_allowed": ["embeddings", "files/**"],
         "models": ["m-2"]},
        {"subject": "rest", "permissions": ["invoke"], "paths_denied": ["files", "files/**"]},
    ]);
    let gateway = TestGateway::cold(&document);
    gateway.publish_keys(&["k"]);
    let [some, rest] = ["some", "rest"].map(|sub| token(json!({"sub": sub, "scope": ""})));
    let anyone = good();
    let (model_1, model_2) = (r#"{"model":"m-1"}"#, r#"{"model":"m-2"}"#);
    for (token, method, path, body, expected) in [
        (
            &anyone,
            "POST",
            "/my-openai/v1/realtime/client_secrets",
            "{}",
            DENIED,
        ),
        (
            &anyone,
            "POST",
            "/my-openai/v1/realtime/%63lient_secrets",
            "{}",
            DENIED,
        ),
        (
            &anyone,
            "POST",
            "/my-openai/v1//Realtime/client_secrets/",
            "{}",
            DENIED,
        ),
        (
            &anyone,
            "POST",
            "/my-openai/v1/realtime%2Fclient_secrets",
            "{}",
            DENIED,
        ),
        (
            &anyone,
            "POST",
            "/my-openai/openai/v1/realtime/client_secrets",
            "{}",
            DENIED,
        ),
        (&anyone, "GET", "/my-openai/v1/batches/b", "", DENIED),
        (&anyone, "POST", "/my-openai/v1/batches", "{}", PASSES),
        (&anyone, "POST", "/my-openai/v1/files", "", PASSES),
        (&anyone, "POST", "/my-claude/v1/messages", "{}", PASSES),
        (&anyone, "GET", "/my-claude/v1/models", "", PASSES),
        (&anyone, "GET", "/my-claude/v1/models/m", "", DENIED),
        (&anyone, "POST", "/my-claude/v1/files", "", DENIED),
        (&anyone, "POST", "/my-google/v1beta/a%2Fb", "", PASSES),
        (
            &some,
            "POST",
            "/my-openai/v1/chat/completions",
            model_1,
            PASSES,
        ),
        (
            &some,
            "POST",
            "/my-openai/v1/chat/completions",
            model_2,
            NOT_FOUND,
        ),
        (&some, "POST", "/my-openai/v1/embeddings", model_2, PASSES),
        (
            &some,
            "POST",
            "/my-openai/v1/embeddings",
            model_1,
            NOT_FOUND,
        ),
        (&some, "GET", "/my-openai/v1/files/f", "", PASSES),
        (&some, "GET", "/my-openai/v1/responses/r", "", DENIED),
        (
            &rest,
            "POST",
            "/my-openai/v1/chat/completions",
            model_2,
            PASSES,
        ),
        (&rest, "GET", "/my-openai/v1/files/f/content", "", DENIED),
    ] {
        let found = refusal(&gateway, token, (method, path), &[JSON], body);
        assert_eq!(
            (found.0, found.1.as_str()),
            expected,
            "{method} {path} {body}"
        );
    }
}
