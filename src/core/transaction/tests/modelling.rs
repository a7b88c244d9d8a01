//! Models are held to the catalogs of providers and of callers.

use super::*;
use crate::telemetry::metric::Metric;

/// A gateway whose providers have catalogs; `few` may use one model only.
fn gateway(changes: &[(&str, Value)]) -> Gateway {
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
    let gateway = Gateway::cold(&document);
    gateway.keys_arrive(&["k"]);
    gateway
}

const JSON: (&str, &str) = ("content-type", "application/json");

/// A POST with this body, as it comes in these pieces.
fn post(gateway: &Gateway, path: &str, headers: &[(&str, &str)], pieces: &[&str]) -> Outcome {
    let bearer = bearer(&good());
    let headers = [&[("authorization", bearer.as_str())], headers].concat();
    let mut outcome = gateway.post(path, &headers);
    let mut effects = Vec::new();
    effects.append(&mut outcome.effects);
    for (index, piece) in pieces.iter().enumerate() {
        let (chunk, is_last) = (piece.as_bytes(), index + 1 == pieces.len());
        let input = Input::RequestBody { chunk, is_last };
        outcome = gateway.handle(outcome.transaction, input);
        effects.append(&mut outcome.effects);
    }
    outcome.effects = effects;
    outcome
}

fn chat(gateway: &Gateway, body: &str) -> Outcome {
    post(gateway, "/my-openai/v1/chat/completions", &[JSON], &[body])
}

#[test]
fn a_request_waits_until_its_body_has_named_a_model_of_the_catalog() {
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
    let chunk = br#"{"messages":[],"model":"big-1","#;
    let is_last = false;
    let named = gateway.handle(held.transaction, Input::RequestBody { chunk, is_last });
    assert_eq!(
        upstream(named.forwarded(), "authorization"),
        Some("Bearer secret-of-OPENAI_KEY")
    );
    assert!(named.transaction.wants_body() && !named.transaction.awaits_body());
}

#[test]
fn a_model_that_is_in_no_catalog_is_told_with_its_provider() {
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
fn the_model_may_stand_in_the_path() {
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
fn a_signed_request_is_held_to_the_catalog_by_its_body_too() {
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
fn a_second_model_stops_a_request_that_goes_on_already() {
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
fn a_body_that_servers_could_read_otherwise_is_refused_by_its_headers() {
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
fn a_host_that_withholds_the_body_is_told_of() {
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
fn a_binding_narrows_the_catalog() {
    let gateway = gateway(&[]);
    let few = bearer(&token(json!({"sub": "few", "scope": ""})));
    let send = |bearer: &str, model: &str| {
        let held = gateway.post(
            "/my-openai/v1/embeddings",
            &[("authorization", bearer), JSON],
        );
        let body = format!(r#"{{"model":"{model}"}}"#);
        let (chunk, is_last) = (body.as_bytes(), true);
        gateway.handle(held.transaction, Input::RequestBody { chunk, is_last })
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
fn the_list_of_models_is_the_catalogs() {
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
fn where_there_is_no_catalog_nothing_is_asked() {
    let mut document = document();
    document["providers"][0]["models"] = Value::Null;
    let gateway = Gateway::cold(&document);
    gateway.keys_arrive(&["k"]);
    let headers = [("content-encoding", "gzip")];
    post(&gateway, "/my-openai/v1/chat/completions", &headers, &[]).forwarded();
}

#[test]
fn who_asks_with_its_own_credential_gets_the_providers_list() {
    let mut document = document();
    document["providers"][8]["models"] = json!(["m-1"]);
    let gateway = Gateway::cold(&document);
    let headers = [("x-api-key", "own")];
    gateway.get("/own-claude/v1/models", &headers).forwarded();
    let refused = gateway.get("/own-claude/v1/models/m-2", &headers);
    assert_eq!(refused.rejection(), rejection(404, "model_not_found"));
}
