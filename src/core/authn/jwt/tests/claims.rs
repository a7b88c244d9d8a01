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
        ("/realm/none", None),
        ("/a/b", None),
        ("realm.roles", None),
        ("A", None),
    ] {
        assert_eq!(claims.value(claim), value.as_ref(), "{claim}");
    }
}
