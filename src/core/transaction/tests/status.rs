//! The status endpoint.

use super::*;

fn status(gateway: &TestGateway, token: &str) -> Outcome {
    let bearer = bearer(token);
    let head = head(&[
        (":method", "GET"),
        (":path", "/llm/v1/status"),
        ("authorization", &bearer),
    ]);
    gateway.handle(Transaction::Init, Input::RequestHead(head))
}

#[test]
fn the_report_contains_configuration_keys_and_credentials_and_no_secret() {
    let mut gateway = TestGateway::warm();
    gateway.advance(10);
    let outcome = status(&gateway, &good());
    let body = outcome.body();
    assert_eq!(body["configuration"]["sha256"].as_str().unwrap().len(), 64);
    assert_eq!(body["configuration"]["age_seconds"], 10);
    let issuer = &body["issuers"][0];
    assert_eq!(
        (&issuer["keys"], &issuer["count"]),
        (&json!("fresh"), &json!(1))
    );
    assert_eq!(
        (&issuer["failures"], &issuer["last_error"]),
        (&json!(0), &Value::Null)
    );
    let credentials = body["credentials"].as_array().unwrap();
    let state = |name: &str| {
        let line = credentials.iter().find(|line| line["provider"] == name);
        line.unwrap()["state"].as_str().unwrap()
    };
    assert_eq!(state("my-openai"), "configured");
    assert_eq!(state("signed-bedrock"), "configured");
    assert_eq!(state("own-claude"), "passthrough");
    assert_eq!(state("my-vllm"), "not_needed");
    assert!(
        !credentials
            .iter()
            .any(|line| line["provider"] == "for-finance")
    );
    assert_eq!(body["host"]["hands_over_held_bodies"], Value::Null);
    assert!(!body.to_string().contains("secret-of"));
}

#[test]
fn the_report_explains_missing_keys_and_clock_differences() {
    let mut gateway = TestGateway::warm();
    let ahead = token(json!({"iat": crate::testing::NOW_SECS + 20}));
    assert_eq!(
        status(&gateway, &ahead).body()["clock"]["issuers_ahead_seconds"],
        20.0
    );
    gateway.advance(700);
    gateway.fetch_keys(CalloutResponse::NoResponse);
    let body = status(&gateway, &good()).body();
    let issuer = &body["issuers"][0];
    assert_eq!(
        (&issuer["keys"], &issuer["failures"]),
        (&json!("stale"), &json!(1))
    );
    assert!(issuer["last_error"].is_string() && issuer["next_fetch"].is_string());
}

#[test]
fn callers_without_permission_get_no_report() {
    let gateway = TestGateway::warm();
    assert_eq!(
        status(&gateway, &powerless()).rejection(),
        rejection(403, "permission_denied")
    );
    assert_eq!(status(&gateway, "x").rejection().0, 401);
}
