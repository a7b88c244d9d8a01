//! Providers that receive the client's own credential.

use super::*;

#[test]
fn the_clients_own_credential_is_forwarded_unchanged() {
    let gateway = TestGateway::warm();
    for own in [
        ("authorization", "Bearer sk-ant-oat01-own"),
        ("authorization", "Basic b3duOm93bg=="),
        ("x-api-key", "sk-ant-api03-own"),
    ] {
        let headers = [own, ("cookie", "c"), ("x-goog-api-key", "g")];
        let outcome = gateway.post("/own-claude/v1/messages", &headers);
        let request = outcome.forwarded();
        assert_eq!(request.remove, ["cookie", "x-goog-api-key"]);
        assert_eq!(upstream(request, own.0), None, "it is left unchanged");
    }
}

#[test]
fn only_one_of_two_credentials_is_forwarded() {
    let gateway = TestGateway::warm();
    let headers = [("x-api-key", "own"), ("authorization", "Bearer own")];
    let outcome = gateway.post("/own-claude/v1/messages", &headers);
    assert_eq!(outcome.forwarded().remove, ["x-api-key"]);
}

#[test]
fn a_request_without_a_credential_is_refused() {
    let gateway = TestGateway::warm();
    let bearer = bearer(&good());
    for headers in [
        vec![],
        vec![("authorization", "")],
        vec![("x-goog-api-key", "own")],
        vec![("x-ai-gateway-authorization", bearer.as_str())],
    ] {
        let outcome = gateway.post("/own-claude/v1/messages", &headers);
        assert_eq!(outcome.rejection(), rejection(401, "credential_missing"));
    }
}

#[test]
fn a_gateway_token_is_never_forwarded_as_the_clients_credential() {
    let gateway = TestGateway::warm();
    let (good, expired) = (good(), token(json!({"exp": 1})));
    for token in [&good, &expired] {
        let bearer = bearer(token);
        for header in [
            ("authorization", bearer.clone()),
            ("authorization", format!("bearer  {token}")),
            ("authorization", format!("Bearer\t{token}")),
            ("authorization", format!("Bearer {token} ")),
            ("authorization", format!("Bearer {token}\t")),
            ("x-api-key", format!(" {token}\t")),
            ("x-api-key", bearer.clone()),
            ("authorization", format!("Token a=b,token=\"{token}\"")),
            ("authorization", format!("Token {token}")),
            ("authorization", token.clone()),
            ("x-api-key", token.clone()),
        ] {
            let headers = [(header.0, header.1.as_str())];
            let outcome = gateway.post("/own-claude/v1/messages", &headers);
            assert_eq!(outcome.rejection(), rejection(401, "token_misplaced"));

            let both = [headers[0], ("x-ai-gateway-authorization", bearer.as_str())];
            let outcome = gateway.post("/own-claude/v1/messages", &both);
            assert_eq!(outcome.rejection().0, 401, "{header:?}");
        }
    }
}

#[test]
fn a_gateway_token_in_its_own_header_is_checked_and_removed() {
    let gateway = TestGateway::warm();
    let own = ("authorization", "Bearer own");
    for provider in ["own-claude", "guarded-claude"] {
        let ask = |token: &str| {
            let gateway_token = ("x-redpanda-cloud-token", token);
            gateway.post(&format!("/{provider}/v1/messages"), &[own, gateway_token])
        };
        assert_eq!(ask(&good()).forwarded().remove, ["x-redpanda-cloud-token"]);
        assert_eq!(
            ask(&powerless()).rejection(),
            rejection(403, "permission_denied")
        );
        assert_eq!(
            ask("garbage").rejection(),
            rejection(401, "token_malformed")
        );
        let expired = token(json!({"exp": 1}));
        assert_eq!(ask(&expired).rejection(), rejection(401, "token_expired"));
    }
}

#[test]
fn the_rejection_names_the_header_for_a_required_gateway_token() {
    let gateway = TestGateway::warm();
    let ask = |headers: &[(&str, &str)]| gateway.post("/guarded-claude/v1/messages", headers);
    assert_eq!(ask(&[]).rejection(), rejection(401, "token_missing"));
    let own = [("authorization", "Bearer sk-ant-own")];
    assert_eq!(ask(&own).rejection(), rejection(401, "token_malformed"));

    let outcome = ask(&[("authorization", &bearer(&good()))]);
    assert_eq!(outcome.rejection(), rejection(401, "token_missing"));
    let message = outcome.body()["message"].to_string();
    assert!(message.contains("x-ai-gateway-authorization"), "{message}");

    let both = [
        ("x-api-key", "sk-ant-own"),
        ("x-ai-gateway-authorization", &bearer(&good())),
    ];
    ask(&both).forwarded();
}

#[test]
fn a_gateway_without_authentication_forwards_the_clients_credential() {
    let gateway = TestGateway::without_authentication();
    let own = [("x-api-key", "own")];
    assert_eq!(
        gateway
            .post("/own-claude/v1/messages", &own)
            .forwarded()
            .remove,
        [""; 0]
    );
    assert_eq!(
        gateway.post("/own-claude/v1/messages", &[]).rejection(),
        rejection(401, "credential_missing")
    );
}
