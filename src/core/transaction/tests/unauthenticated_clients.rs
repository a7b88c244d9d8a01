//! What unauthenticated clients can learn: nothing about the configuration. Whatever they send, the
//! reply is the same whether a provider exists, is disabled, or does not exist.

use std::cell::RefCell;
use std::rc::Rc;

use super::*;
use crate::authn::jwk::{Algorithm, VerificationKey};
use crate::authn::signature::SignatureVerifier;

/// Notes the signatures that it is asked to verify, none of which is valid.
#[derive(Default)]
struct RecordingVerifier(RefCell<Vec<Vec<u8>>>);

impl SignatureVerifier for RecordingVerifier {
    fn verify(&self, _: Algorithm, _: &VerificationKey, signed: &[u8], _: &[u8]) -> bool {
        self.0.borrow_mut().push(signed.to_vec());
        false
    }
}

/// Tokens that must be refused.
fn invalid_tokens() -> Vec<String> {
    let attacker = SigningKey::new("attacker");
    vec![
        "garbage".into(),
        "a.b.c".into(),
        "..".into(),
        "A".repeat(20_000),
        token(json!({"exp": 1})),
        token(json!({"aud": "other"})),
        token(json!({"iss": "https://other.test"})),
        attacker.sign(
            r#"{"alg":"EdDSA","kid":"k"}"#,
            claims(json!({})).to_string(),
        ),
        attacker.sign(r#"{"alg":"none"}"#, claims(json!({})).to_string()),
    ]
}

/// Providers that ask for a gateway token, and names without a provider. A provider that forwards
/// the client's own credential without asking for a token is not among them, since it is no secret.
const PROVIDERS: [&str; 11] = [
    "my-bedrock",
    "signed-bedrock",
    "my-openai",
    "my-claude",
    "my-google",
    "my-vllm",
    "switched-off",
    "for-finance",
    "guarded-claude",
    "nobody",
    "%20",
];

fn assert_all_the_same(gateway: &TestGateway, headers: &[(&str, &str)], query: &str) -> Reply {
    let replies: Vec<_> = PROVIDERS
        .iter()
        .flat_map(|name| {
            ["/v1/models", "/v1beta/models/m:x", "/v1beta/openai/models"]
                .map(|path| format!("/{name}{path}{query}"))
        })
        .map(|path| (path.clone(), gateway.post(&path, headers)))
        .collect();
    for (path, outcome) in &replies {
        assert_eq!(outcome.reply(), replies[0].1.reply(), "{path} {headers:?}");
    }
    replies[0].1.reply().clone()
}

#[test]
fn an_invalid_token_in_any_place_gets_the_same_reply_for_all_providers() {
    let gateway = TestGateway::warm();
    for token in invalid_tokens() {
        let bearer = bearer(&token);
        for header in [
            ("authorization", bearer.as_str()),
            ("x-api-key", &token),
            ("x-goog-api-key", &token),
            ("x-ai-gateway-authorization", &bearer),
            ("x-redpanda-cloud-token", &token),
            ("x-amz-security-token", &token),
        ] {
            let reply = assert_all_the_same(&gateway, &[header], "");
            assert_eq!(reply.status, 401);
        }
        let reply = assert_all_the_same(&gateway, &[], &format!("?key={token}"));
        assert_eq!(reply.status, 401);
    }
}

#[test]
fn invalid_tokens_in_several_places_get_the_same_reply_for_all_providers() {
    let gateway = TestGateway::warm();
    let tokens = invalid_tokens();
    for (index, first) in tokens.iter().enumerate() {
        let second = &tokens[(index + 1) % tokens.len()];
        let third = &tokens[(index + 2) % tokens.len()];
        let bearer = bearer(first);
        for headers in [
            vec![("authorization", bearer.as_str()), ("x-api-key", second)],
            vec![("authorization", &bearer), ("x-goog-api-key", second)],
            vec![("x-api-key", second), ("x-goog-api-key", third)],
            vec![("authorization", "Basic x"), ("x-goog-api-key", third)],
            vec![
                ("authorization", "AWS4-HMAC-SHA256 x"),
                ("x-amz-security-token", third),
            ],
            vec![("x-api-key", second), ("x-amz-security-token", third)],
        ] {
            assert_all_the_same(&gateway, &headers, &format!("?key={third}"));
        }
    }
}

#[test]
fn a_missing_token_gets_the_same_reply_for_all_providers() {
    let gateway = TestGateway::warm();
    for (headers, code) in [
        (vec![], "token_missing"),
        (vec![("cookie", "a=b")], "token_missing"),
        (vec![("authorization", "Bearer")], "token_missing"),
        (vec![("authorization", "Bearer ")], "token_missing"),
        (vec![("x-api-key", "")], "token_missing"),
        (vec![("authorization", "Basic dTpw")], "token_malformed"),
        (
            vec![("authorization", "AWS4-HMAC-SHA256 x")],
            "token_malformed",
        ),
        (vec![("authorization", "")], "token_malformed"),
    ] {
        let reply = assert_all_the_same(&gateway, &headers, "");
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!((reply.status, &body["error"]["code"]), (401, &json!(code)));
    }
}

#[test]
fn all_providers_look_the_same_while_the_keys_are_unavailable() {
    let gateway = TestGateway::cold(&document());
    gateway.fetch_keys(CalloutResponse::NoResponse);
    let good = good();
    let reply = assert_all_the_same(&gateway, &[("authorization", &bearer(&good))], "");
    assert_eq!(reply.status, 503);
    let headers = [
        ("authorization", "Bearer garbage"),
        ("x-goog-api-key", &good),
    ];
    let reply = assert_all_the_same(&gateway, &headers, "");
    assert_eq!(reply.status, 401);
}

#[test]
fn the_endpoints_reveal_no_more() {
    let gateway = TestGateway::warm();
    for token in invalid_tokens() {
        let bearer = bearer(&token);
        let headers = [("authorization", bearer.as_str())];
        let expected = gateway.get("", &headers);
        for path in [
            "/my-openai",
            "/switched-off",
            "/nobody",
            "/",
            "-outside",
            "/own-claude",
        ] {
            let outcome = gateway.get(path, &headers);
            assert_eq!(outcome.reply(), expected.reply(), "{path}");
        }
    }
}

/// Otherwise the time that a reply takes would tell which providers exist.
#[test]
fn the_same_signatures_are_verified_in_the_same_order_for_all_providers() {
    let attacker = SigningKey::new("attacker");
    let forged = |index: usize| {
        let payload = claims(json!({"jti": index})).to_string();
        attacker.sign(r#"{"alg":"EdDSA","kid":"k"}"#, payload)
    };
    let [first, second, third, fourth] = [1, 2, 3, 4].map(forged);
    let bearer = bearer(&first);
    let headers = [
        ("authorization", bearer.as_str()),
        ("x-api-key", second.as_str()),
        ("x-goog-api-key", third.as_str()),
        ("x-amz-security-token", fourth.as_str()),
    ];
    let verified = |path: &str, headers: &[(&str, &str)]| {
        let verifier = Rc::<RecordingVerifier>::default();
        let recorder = Rc::<RecordingVerifier>::clone(&verifier);
        let gateway = TestGateway::with_verifier(config(&document()), recorder);
        gateway.publish_keys(&["k"]);
        assert_eq!(
            gateway.post(path, headers).rejection(),
            rejection(401, "signature_invalid")
        );
        verifier.0.take()
    };
    for end in 1..=headers.len() {
        for start in 0..end {
            let headers = &headers[start..end];
            let expected = verified("/nobody/v1/models", headers);
            assert_eq!(expected.len(), headers.len());
            for name in PROVIDERS {
                for path in ["/v1/models", "/v1beta/models/m:x", "/v1beta/openai/models"] {
                    let found = verified(&format!("/{name}{path}"), headers);
                    assert_eq!(found, expected, "{name}{path}");
                }
            }
        }
    }
}
