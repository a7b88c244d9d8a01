//! The directory of providers.

use super::*;

fn names(outcome: &Outcome) -> Vec<String> {
    let body = outcome.body();
    let providers = body["providers"].as_array().unwrap().iter();
    providers
        .map(|provider| provider["name"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn the_directory_lists_the_providers_that_the_caller_may_see() {
    let gateway = TestGateway::warm();
    let everything = [
        "for-finance",
        "guarded-claude",
        "my-bedrock",
        "my-claude",
        "my-google",
        "my-openai",
        "my-vllm",
        "own-claude",
        "signed-bedrock",
        "switched-off",
    ];
    for (changes, visible) in [
        (json!({}), everything[1..].to_vec()),
        (json!({"groups": ["finance"]}), everything.to_vec()),
        (json!({"scope": "", "sub": "bound"}), vec!["my-openai"]),
    ] {
        for path in ["", "/", "?x=y"] {
            let bearer = bearer(&token(changes.clone()));
            let outcome = gateway.get(path, &[("authorization", &bearer)]);
            assert_eq!(outcome.reply().status, 200);
            assert_eq!(names(&outcome), visible, "{changes}");
        }
    }
    let without_guarded = everything
        .into_iter()
        .filter(|name| *name != "guarded-claude");
    assert!(without_guarded.eq(names(&TestGateway::without_authentication().get("", &[]))));
}

#[test]
fn a_provider_is_shown_without_its_secret() {
    let gateway = TestGateway::warm();
    let bearer = bearer(&good());
    let headers = [("authorization", bearer.as_str())];
    let shown = |path: &str| gateway.get(path, &headers).body();
    assert_eq!(
        shown("/my-vllm"),
        json!({
            "models_restricted": false,
            "name": "my-vllm",
            "display_name": "my-vllm",
            "type": "openai_compatible",
            "status": "enabled",
            "proxy_url": "https://gateway.test/llm/v1/providers/my-vllm",
            "base_url": "http://127.0.0.1:8000/v1",
            "models": [],
            "authorization_passthrough": false,
            "tokens": [{"issuer": ISSUER, "audience": AUDIENCE}],
        })
    );
    assert_eq!(shown("/switched-off")["status"], "disabled");
    assert_eq!(shown("/switched-off")["models"], json!(["m1"]));
    assert_eq!(shown("/own-claude")["authorization_passthrough"], true);
    for path in [
        "",
        "/my-openai",
        "/my-claude",
        "/my-bedrock",
        "/signed-bedrock",
    ] {
        let body = shown(path).to_string();
        assert!(!body.contains("secret-of"), "{body}");
    }
}

#[test]
fn the_endpoints_accept_only_get_and_head() {
    let gateway = TestGateway::warm();
    let bearer = bearer(&good());
    let headers = [("authorization", bearer.as_str())];
    for method in ["GET", "HEAD"] {
        assert_eq!(gateway.request(method, "", &headers).reply().status, 200);
    }
    for method in ["POST", "PUT", "DELETE", "PATCH", "OPTIONS"] {
        let outcome = gateway.request(method, "/my-openai", &headers);
        assert_eq!(outcome.rejection(), rejection(404, "upstream_path_missing"));
        let outcome = gateway.request(method, "", &headers);
        assert_eq!(outcome.rejection(), rejection(404, "path_not_found"));
    }
}

#[test]
fn methods_that_apis_do_not_use_are_refused_everywhere() {
    let gateway = TestGateway::warm();
    let bearer = bearer(&good());
    let headers = [("authorization", bearer.as_str())];
    for method in [
        "TRACE", "TRACK", "trace", "post", "get", "PROPFIND", "CONNECT", "POST ", "",
    ] {
        for path in ["", "/my-openai", "/my-openai/v1/chat/completions"] {
            let outcome = gateway.request(method, path, &headers);
            assert_eq!(
                outcome.rejection(),
                rejection(405, "method_not_allowed"),
                "{method}"
            );
        }
    }
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] {
        gateway
            .request(method, "/my-openai/v1/files/f", &headers)
            .forwarded();
    }
}

#[test]
fn an_authority_that_is_not_text_is_tolerated() {
    let gateway = TestGateway::without_authentication();
    let head = RequestHead::new(vec![
        (":method".into(), b"GET".to_vec()),
        (":path".into(), PREFIX.into()),
        (":authority".into(), b"\xff\"\x00</script>".to_vec()),
    ]);
    let outcome = gateway.handle(Transaction::Init, Input::RequestHead(head));
    assert_eq!(names(&outcome).len(), 9);
}
