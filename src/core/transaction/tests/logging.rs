//! What is logged about requests that the gateway answers itself.

use super::*;

/// The fields that one input adds to the log.
fn fields(outcome: &Outcome) -> Vec<(&str, &str)> {
    let fields = outcome.effects.iter().filter_map(|effect| match effect {
        Effect::Log(name, value) => Some((*name, value.as_str())),
        _ => None,
    });
    fields.collect()
}

const CALLER: [(&str, &str); 2] = [("enduser.id", "alice"), ("ai_gateway.issuer", ISSUER)];

#[test]
fn a_refused_caller_is_logged_with_the_provider() {
    let gateway = TestGateway::warm();
    let (good, none) = (bearer(&good()), bearer(&powerless()));
    for (token, path, provider, system) in [
        (&none, "/my-openai/models", "my-openai", "openai"),
        (&good, "/switched-off/models", "switched-off", "openai"),
        (&good, "/for-finance/models", "for-finance", "openai"),
    ] {
        let outcome = gateway.post(path, &[("authorization", token)]);
        assert_eq!(outcome.reply().status, 403, "{path}");
        let provider = [
            ("ai_gateway.provider", provider),
            ("gen_ai.provider.name", system),
        ];
        assert_eq!(fields(&outcome), [provider, CALLER].concat(), "{path}");
    }
}

#[test]
fn a_known_caller_is_logged_at_every_path() {
    let gateway = TestGateway::warm();
    let good = good();
    let bearer = bearer(&good);
    for (path, header, status) in [
        ("", ("authorization", bearer.as_str()), 200),
        ("/my-openai", ("authorization", bearer.as_str()), 200),
        ("/nobody/x", ("authorization", bearer.as_str()), 404),
        ("/my-openai/models", ("x-goog-api-key", good.as_str()), 401),
    ] {
        let outcome = gateway.get(path, &[header]);
        assert_eq!(outcome.reply().status, status, "{path}");
        assert_eq!(fields(&outcome), CALLER, "{path}");
    }
}

#[test]
fn a_caller_whose_request_cannot_be_signed_is_logged() {
    let gateway = TestGateway::warm();
    let bearer = bearer(&good());
    let headers = [("authorization", bearer.as_str())];
    let outcome = gateway.post("/signed-bedrock/model/m/invoke", &headers);
    assert!(matches!(
        outcome.transaction,
        Transaction::AwaitingBodyHash(_)
    ));
    let outcome = gateway.handle(outcome.transaction, Input::BodyOverdue);
    assert_eq!(outcome.reply().status, 500);
    assert_eq!(
        fields(&outcome)[0],
        ("ai_gateway.provider", "signed-bedrock")
    );
    assert_eq!(fields(&outcome)[2..], CALLER);
}

#[test]
fn nothing_is_logged_about_an_unauthenticated_client() {
    let gateway = TestGateway::warm();
    for token in ["Bearer x".to_owned(), bearer(&token(json!({"exp": 1})))] {
        let outcome = gateway.post("/my-openai/models", &[("authorization", &token)]);
        assert_eq!(outcome.reply().status, 401);
        assert_eq!(fields(&outcome), []);
    }
}
