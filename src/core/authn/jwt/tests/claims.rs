//! Validation of claims.

use super::*;
use crate::testing::NOW_SECS;

#[test]
fn deep_nesting_is_rejected() {
    let nested = |depth: usize| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth));
        checked_with_raw("x", &format!("{open}{close}")).map(drop)
    };
    assert_eq!(nested(100), Ok(()));
    for depth in [150, 1_000, 5_000] {
        assert!(matches!(nested(depth), Err(TokenError::Malformed(_))));
    }
}

#[test]
fn a_repeated_claim_is_rejected() {
    for (name, raw) in [("exp", "9e9"), ("aud", "\"x\""), ("role", "1")] {
        let once = checked_with_raw(name, raw);
        assert!(!matches!(once, Err(TokenError::Malformed(_))), "{name}");
        let twice = checked_with_raw(name, &format!("{raw},\"{name}\":{raw}"));
        assert!(matches!(twice, Err(TokenError::Malformed(_))), "{name}");
    }
}

#[test]
fn a_token_is_valid_until_the_second_it_expires() {
    let expiry = |raw: &str| checked_with_raw("exp", raw).map(|claims| claims.expires_at);
    let at = UnixTime::from_secs;
    for (raw, outcome) in [
        ("1800000001", Ok(at(NOW_SECS + 1))),
        ("1800000000.5", Ok(NOW + Duration::from_millis(500))),
        ("1.8e9", Err(TokenError::Expired(NOW))),
        ("1800000000", Err(TokenError::Expired(NOW))),
        ("1799999999", Err(TokenError::Expired(at(NOW_SECS - 1)))),
        ("0", Err(TokenError::Expired(at(0)))),
        ("-0.0", Err(TokenError::Expired(at(0)))),
        ("1e300", Ok(UnixTime::new(Duration::MAX))),
        ("18446744073709551615", Ok(UnixTime::new(Duration::MAX))),
    ] {
        assert_eq!(expiry(raw), outcome, "{raw}");
    }
    for raw in [
        "-1",
        "-1e300",
        "\"1900000000\"",
        "null",
        "true",
        "[1900000000]",
        "{}",
        "1e999",
        "NaN",
        "Infinity",
        "0x7fffffff",
        "+1900000000",
        "01900000000",
    ] {
        assert!(
            matches!(expiry(raw), Err(TokenError::Malformed(_))),
            "{raw}"
        );
    }
    assert_eq!(
        checked_with(json!({"exp": null})),
        Err(TokenError::Malformed("it has no expiry (exp)"))
    );
}

#[test]
fn nbf_and_iat_have_a_tolerance_of_the_configured_skew() {
    for name in ["nbf", "iat"] {
        let outcome = |seconds: f64| checked_with(json!({name: seconds})).map(drop);
        for early in [0.0, 1.0, 1.8e9, 1.8e9 + 59.5, 1.8e9 + 60.0] {
            assert_eq!(outcome(early), Ok(()), "{name} {early}");
        }
        for late in [1.8e9 + 60.25, 1.8e9 + 61.0, 1e300] {
            let outcome = outcome(late);
            assert!(
                matches!(outcome, Err(TokenError::NotYetValid(_))),
                "{name} {late}"
            );
        }
        for bad in [json!("1"), json!(-1), json!(true), json!([1])] {
            let outcome = checked_with(json!({name: bad}));
            assert!(
                matches!(outcome, Err(TokenError::Malformed(_))),
                "{name} {bad}"
            );
        }
        let outcome = checked_with_raw(name, "null");
        assert!(matches!(outcome, Err(TokenError::Malformed(_))), "{name}");
    }
}

#[test]
fn the_audience_is_a_string_or_an_array_that_names_an_accepted_one() {
    for aud in [
        json!(AUDIENCE),
        json!([AUDIENCE]),
        json!(["other", AUDIENCE]),
        json!([1, null, AUDIENCE]),
    ] {
        assert!(checked_with(json!({"aud": aud})).is_ok(), "{aud}");
    }
    for aud in [
        json!(null),
        json!(""),
        json!("other"),
        json!("AI-GATEWAY"),
        json!("ai-gateway "),
        json!("ai-gateway other"),
        json!("ai-gateway/"),
        json!("ai-gatewa"),
        json!([]),
        json!(["other"]),
        json!([[AUDIENCE]]),
        json!(1),
        json!({AUDIENCE: AUDIENCE}),
    ] {
        assert_eq!(
            checked_with(json!({"aud": aud})).map(drop),
            Err(TokenError::AudienceNotAccepted(AUDIENCE.into())),
            "{aud}"
        );
    }
}

#[test]
fn the_subject_must_be_a_string() {
    let subject = |sub: Value| checked_with(json!({"sub": sub})).map(|claims| claims.subject);
    assert_eq!(subject(json!("bob")), Ok(Some("bob".into())));
    assert_eq!(subject(Value::Null), Ok(None));
    for bad in [json!(1), json!(["bob"]), json!({})] {
        assert!(matches!(subject(bad), Err(TokenError::Malformed(_))));
    }
}

#[test]
fn claims_are_found_by_name_or_by_pointer() {
    let claims = Claims::from_json(
        r#"{"a":"x","a/b":"y","realm":{"roles":["r"],"~":"t","a/b":"s"},"list":[{"n":"z"}],"":"e"}"#,
    );
    for (claim, value) in [
        ("a", Some(json!("x"))),
        ("a/b", Some(json!("y"))),
        ("/a", Some(json!("x"))),
        ("/a~1b", Some(json!("y"))),
        ("/realm/roles", Some(json!(["r"]))),
        ("/realm/~0", Some(json!("t"))),
        ("/realm/a~1b", Some(json!("s"))),
        ("/", Some(json!("e"))),
        ("", Some(json!("e"))),
        ("/list/0/n", Some(json!("z"))),
        ("/realm/roles/0", Some(json!("r"))),
        ("/list/00/n", None),
        ("/list/+0/n", None),
        ("/list/-0/n", None),
        ("/list/-", None),
        ("/list/1/n", None),
        ("/list/99999999999999999999/n", None),
        ("/realm/none", None),
        ("/a/b", None),
        ("realm.roles", None),
        ("A", None),
    ] {
        assert_eq!(claims.value(claim), value.as_ref(), "{claim}");
    }
}

/// RFC 6901 §5.
#[test]
fn the_pointers_of_the_standard_find_their_values() {
    let claims = Claims::from_json(
        r#"{"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"i\\j":5,"k\"l":6," ":7,"m~n":8,"~1":9}"#,
    );
    for (pointer, value) in [
        ("/foo", json!(["bar", "baz"])),
        ("/foo/0", json!("bar")),
        ("/foo/1", json!("baz")),
        ("/", json!(0)),
        ("/a~1b", json!(1)),
        ("/c%d", json!(2)),
        ("/e^f", json!(3)),
        ("/g|h", json!(4)),
        ("/i\\j", json!(5)),
        ("/k\"l", json!(6)),
        ("/ ", json!(7)),
        ("/m~0n", json!(8)),
        ("/~01", json!(9)),
    ] {
        assert_eq!(claims.value(pointer), Some(&value), "{pointer}");
        assert!(is_claim_reference(pointer), "{pointer}");
    }
    for pointer in ["", "/~", "/a~", "/a~2b", "/~~0"] {
        assert!(!is_claim_reference(pointer), "{pointer}");
    }
    assert!(is_claim_reference("a~b"), "a name is no pointer");
}

/// Roles, organizations and scopes as the identity providers write them.
#[test]
fn the_claims_of_real_identity_providers_match() {
    const ZITADEL: &str = r#"{
        "urn:zitadel:iam:org:project:roles": {
            "llm-user": {"308": "acme.zitadel.cloud"},
            "viewer": {"308": "acme.zitadel.cloud"}
        }
    }"#;
    const KEYCLOAK: &str = r#"{
        "realm_access": {"roles": ["offline_access", "llm-user"]},
        "resource_access": {"ai/gateway": {"roles": ["invoker"]}},
        "organization": {"acme": {"id": "42c3e46f"}, "umbrella": {}},
        "groups": ["/platform/ml"],
        "email_verified": true
    }"#;
    const OKTA: &str = r#"{"scp": ["openid", "llm:invoke"], "groups": ["Everyone", "ML team"]}"#;
    const ENTRA: &str = r#"{
        "scp": "Models.Read Models.Invoke", "tid": "8a5c", "roles": ["Llm.Invoke"], "acct": 0,
        "xms_cc": ["cp1"], "ver": "2.0"
    }"#;
    const COGNITO: &str = r#"{
        "cognito:groups": ["ml"], "scope": "aws.cognito.signin.user.admin llm/invoke",
        "token_use": "access", "client_id": "6ab", "version": 2
    }"#;
    for (token, claim, value, matches) in [
        (
            ZITADEL,
            "urn:zitadel:iam:org:project:roles",
            "llm-user",
            true,
        ),
        (ZITADEL, "urn:zitadel:iam:org:project:roles", "308", false),
        (
            ZITADEL,
            "/urn:zitadel:iam:org:project:roles/llm-user",
            "308",
            true,
        ),
        (KEYCLOAK, "/realm_access/roles", "llm-user", true),
        (KEYCLOAK, "/realm_access/roles/1", "llm-user", true),
        (
            KEYCLOAK,
            "/resource_access/ai~1gateway/roles",
            "invoker",
            true,
        ),
        (KEYCLOAK, "organization", "acme", true),
        (KEYCLOAK, "organization", "umbrella", true),
        (KEYCLOAK, "organization", "42c3e46f", false),
        (KEYCLOAK, "/organization/acme/id", "42c3e46f", true),
        (KEYCLOAK, "groups", "/platform/ml", true),
        (KEYCLOAK, "email_verified", "true", true),
        (KEYCLOAK, "email_verified", "false", false),
        (OKTA, "scp", "llm:invoke", true),
        (OKTA, "groups", "ML team", true),
        (OKTA, "groups", "team", false),
        (ENTRA, "scp", "Models.Invoke", true),
        (ENTRA, "scp", "Models.Read Models.Invoke", true),
        (ENTRA, "/scp", "Models.Invoke", true),
        (ENTRA, "scp", "Models", false),
        (ENTRA, "acct", "0", true),
        (ENTRA, "acct", "", false),
        (ENTRA, "ver", "2.0", true),
        (COGNITO, "scope", "llm/invoke", true),
        (COGNITO, "cognito:groups", "ml", true),
        (COGNITO, "version", "2", true),
        (COGNITO, "client_id", "6a", false),
    ] {
        let claims = Claims::from_json(token);
        assert_eq!(claims.has_value(claim, value), matches, "{claim} {value}");
    }
}

#[test]
fn the_audience_is_in_one_of_the_configured_claims() {
    let accepts = |claims: &[&str], token: Value| {
        let audiences = Audiences {
            accepted: vec!["6ab".to_owned(), "api".to_owned()],
            claims: claims.iter().map(|claim| (*claim).to_owned()).collect(),
        };
        let token = super::token(r#"{"alg":"RS256"}"#, &testing::claims(token).to_string());
        let parsed = UnverifiedToken::parse(token.as_bytes()).unwrap_or_else(|_| panic!());
        parsed.claims(0, &audiences, SKEW, NOW).is_ok()
    };
    // An access token of Amazon Cognito.
    let cognito = json!({"aud": null, "token_use": "access", "client_id": "6ab", "scope": "s"});
    assert!(!accepts(&["aud"], cognito.clone()));
    assert!(accepts(&["client_id"], cognito.clone()));
    assert!(accepts(&["aud", "client_id"], cognito.clone()));
    assert!(!accepts(&["aud", "azp"], cognito));
    // An access token of Keycloak without an audience mapper.
    let keycloak = json!({"aud": "account", "azp": "6ab"});
    assert!(!accepts(&["aud"], keycloak.clone()));
    assert!(accepts(&["aud", "azp"], keycloak));
    assert!(accepts(&["/nested/1"], json!({"nested": ["x", "api"]})));
    for other in [json!({"api": {}}), json!("api x"), json!(true), json!("")] {
        assert!(!accepts(&["scope"], json!({"scope": other})));
    }
}
