//! The usage endpoint.

use super::*;
use crate::usage::End;

fn usage(gateway: &TestGateway, method: &str, headers: &[(&str, &str)]) -> Outcome {
    let pseudo = [
        (":method", method),
        (":scheme", "https"),
        (":authority", "gateway.test"),
        (":path", "/llm/v1/usage"),
    ];
    let head = head(&[&pseudo, headers].concat());
    gateway.handle(Transaction::Init, Input::RequestHead(head))
}

#[test]
fn the_report_contains_the_providers_that_the_caller_may_see() {
    let gateway = TestGateway::warm();
    let bearer = bearer(&good());
    let everyone = [("authorization", bearer.as_str())];
    let path = "/my-bedrock/model/m/converse";
    let transaction = gateway.post(path, &everyone).transaction;
    gateway.handle(transaction, Input::Ended(End::ClientDisconnect));

    let of = |headers: &[(&str, &str)]| {
        let body = usage(&gateway, "GET", headers).body();
        let providers = body["providers"].as_array().unwrap().clone();
        providers
            .into_iter()
            .map(|provider| (provider["name"].clone(), provider["requests"].clone()))
            .collect::<Vec<_>>()
    };
    let all = of(&everyone);
    assert_eq!(all.len(), 9);
    assert!(all.contains(&(json!("my-bedrock"), json!(1))), "{all:?}");
    let bound = super::bearer(&token(json!({"scope": "", "sub": "bound"})));
    let seen = of(&[("authorization", &bound)]);
    assert_eq!(seen, [(json!("my-openai"), json!(0))]);
}

#[test]
fn callers_without_permission_get_no_report() {
    let gateway = TestGateway::warm();
    let (good, powerless) = (bearer(&good()), bearer(&powerless()));
    for (method, headers, expected) in [
        ("GET", vec![], rejection(401, "token_missing")),
        (
            "GET",
            vec![("authorization", powerless.as_str())],
            rejection(403, "permission_denied"),
        ),
        (
            "POST",
            vec![("authorization", good.as_str())],
            rejection(404, "path_not_found"),
        ),
    ] {
        assert_eq!(usage(&gateway, method, &headers).rejection(), expected);
    }
}
