//! Every route for callers with and without permissions.

use super::*;

#[test]
fn every_route_checks_every_caller() {
    let gateway = TestGateway::warm();
    let good = good();
    let expired = token(json!({"exp": 1_700_000_000}));
    let early = token(json!({"nbf": 1_900_000_000}));
    let other_audience = token(json!({"aud": "other"}));
    let other_issuer = token(json!({"iss": "https://other.test"}));
    let forged = SigningKey::new("attacker").sign(
        r#"{"alg":"EdDSA","kid":"k"}"#,
        claims(json!({})).to_string(),
    );
    let get_only = token(json!({"scope": "dataplane_adp_llmprovider_get"}));
    let invoke_only = token(json!({"scope": "dataplane_adp_llmprovider_invoke"}));
    let bound = token(json!({"scope": "", "sub": "bound"}));
    let finance = token(json!({"groups": ["finance"]}));

    let routes = [
        ("POST", "/my-openai/chat/completions"),
        ("POST", "/switched-off/models"),
        ("POST", "/for-finance/models"),
        ("POST", "/nobody/models"),
        ("GET", "/my-openai"),
        ("GET", "/nobody"),
        ("GET", ""),
        ("GET", "-elsewhere"),
    ];
    let denied = || rejection(403, "permission_denied");
    let forwarded = || rejection(0, "forwarded");
    let shown = || rejection(200, "none");
    let off = || rejection(403, "provider_disabled");
    let unknown = || rejection(404, "provider_not_found");
    let outside = || rejection(404, "path_not_found");
    for (token, expected) in [
        (None, [(); 8].map(|()| rejection(401, "token_missing"))),
        (
            Some(&expired),
            [(); 8].map(|()| rejection(401, "token_expired")),
        ),
        (
            Some(&early),
            [(); 8].map(|()| rejection(401, "token_not_yet_valid")),
        ),
        (
            Some(&other_audience),
            [(); 8].map(|()| rejection(401, "audience_not_accepted")),
        ),
        (
            Some(&other_issuer),
            [(); 8].map(|()| rejection(401, "issuer_unknown")),
        ),
        (
            Some(&forged),
            [(); 8].map(|()| rejection(401, "signature_invalid")),
        ),
        (
            Some(&powerless()),
            [
                denied(),
                denied(),
                denied(),
                unknown(),
                denied(),
                unknown(),
                denied(),
                outside(),
            ],
        ),
        (
            Some(&get_only),
            [
                denied(),
                denied(),
                denied(),
                unknown(),
                shown(),
                unknown(),
                shown(),
                outside(),
            ],
        ),
        (
            Some(&invoke_only),
            [
                forwarded(),
                off(),
                denied(),
                unknown(),
                denied(),
                unknown(),
                denied(),
                outside(),
            ],
        ),
        (
            Some(&bound),
            [
                forwarded(),
                denied(),
                denied(),
                unknown(),
                shown(),
                unknown(),
                shown(),
                outside(),
            ],
        ),
        (
            Some(&good),
            [
                forwarded(),
                off(),
                denied(),
                unknown(),
                shown(),
                unknown(),
                shown(),
                outside(),
            ],
        ),
        (
            Some(&finance),
            [
                forwarded(),
                off(),
                forwarded(),
                unknown(),
                shown(),
                unknown(),
                shown(),
                outside(),
            ],
        ),
    ] {
        let bearer = token.map(|token| bearer(token));
        let headers: Vec<_> = bearer
            .iter()
            .map(|b| ("authorization", b.as_str()))
            .collect();
        for ((method, path), expected) in routes.iter().zip(expected) {
            let outcome = gateway.request(method, path, &headers);
            let found = match outcome.effects.as_slice() {
                [Effect::Forward(_)] => forwarded(),
                _ => outcome.rejection(),
            };
            assert_eq!(found, expected, "{method} {path} {headers:?}");
        }
    }
}

#[test]
fn the_rejection_names_the_permission_and_the_provider() {
    let gateway = TestGateway::warm();
    let bearer = bearer(&powerless());
    let outcome = gateway.post("/my-openai/models", &[("authorization", &bearer)]);
    let message = outcome.body()["message"].as_str().unwrap().to_owned();
    assert!(
        message.contains("dataplane_adp_llmprovider_invoke"),
        "{message}"
    );
    assert!(message.contains("my-openai"), "{message}");
}

#[test]
fn a_cached_token_is_refused_when_it_has_expired() {
    let mut gateway = TestGateway::warm();
    let bearer = bearer(&good());
    let ask =
        |gateway: &TestGateway| gateway.post("/my-openai/models", &[("authorization", &bearer)]);
    ask(&gateway).forwarded();
    gateway.advance(3599);
    ask(&gateway).forwarded();
    gateway.advance(1);
    assert_eq!(ask(&gateway).rejection(), rejection(401, "token_expired"));
}
