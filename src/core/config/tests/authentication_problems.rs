//! Invalid values of `authentication`.

use super::problems::{problems, with};
use super::*;

fn issuer_problems(members: Value) -> Vec<String> {
    let mut document = minimal();
    for (name, value) in members.as_object().unwrap() {
        document["authentication"]["issuers"][0][name] = value.clone();
    }
    problems(&document)
}

#[test]
fn invalid_issuers_are_refused() {
    let issuer = "/authentication/issuers/0";
    let jwks = json!({"keys": [SigningKey::new("k").jwk()]});
    for (members, path, message) in [
        (
            json!({"audiences": [""]}),
            "/audiences",
            "at least one audience",
        ),
        (
            json!({"audience_claims": []}),
            "/audience_claims",
            "must not be empty",
        ),
        (
            json!({"audience_claims": ["aud", "/a~"]}),
            "/audience_claims/1",
            "is not a JSON pointer",
        ),
        (
            json!({"algorithms": []}),
            "/algorithms",
            "must not be empty",
        ),
        (json!({"jwks": {}}), "/jwks", "is not a JSON Web Key Set"),
        (
            json!({"jwks": {"keys": []}}),
            "/jwks",
            "has no usable signature key",
        ),
        (
            json!({"jwks": jwks, "jwks_uri": "https://x.test"}),
            "/jwks",
            "contradicts jwks_uri; remove one of the two",
        ),
        (
            json!({"jwks_uri": "x"}),
            "/jwks_uri",
            "must begin with https://",
        ),
        (
            json!({"issuer": "https://u:p@x.test"}),
            "/issuer",
            "must not contain credentials",
        ),
        (
            json!({"issuer": "https://x.test/?a"}),
            "/issuer",
            "must have a plain path",
        ),
        (
            json!({"fetch_timeout": "99ms"}),
            "/fetch_timeout",
            "must be at least 100ms",
        ),
        (
            json!({"refresh_interval": "0s"}),
            "/refresh_interval",
            "must be at least 100ms",
        ),
        (
            json!({"min_refresh_interval": "0s"}),
            "/min_refresh_interval",
            "must be at least 100ms",
        ),
        (
            json!({"max_refresh_interval": "59s"}),
            "/max_refresh_interval",
            "must not be less than min_refresh_interval",
        ),
        (
            json!({"max_stale": "-1s"}),
            "/max_stale",
            "must be a duration",
        ),
        (
            json!({"refetch_interval": "1"}),
            "/refetch_interval",
            "must be a duration",
        ),
    ] {
        let problems = issuer_problems(members);
        assert_eq!(problems.len(), 1, "{problems:?}");
        let expected = format!("{issuer}{path}: {message}");
        assert!(problems[0].starts_with(&expected), "{problems:?}");
    }
}

#[test]
fn authentication_has_issuers_or_is_disabled() {
    for (authentication, problem) in [
        (
            json!({}),
            "/authentication/issuers: at least one issuer is required",
        ),
        (
            json!({"issuers": []}),
            "/authentication/issuers: at least one issuer is required",
        ),
        (
            json!({"disabled": true, "issuers": minimal()["authentication"]["issuers"]}),
            "/authentication/disabled: contradicts issuers; remove one of the two",
        ),
    ] {
        let problems = problems(&with(&[("/authentication", authentication)]));
        assert_eq!(problems.len(), 1);
        assert!(problems[0].starts_with(problem), "{problems:?}");
    }
    let twice = minimal()["authentication"]["issuers"][0].clone();
    assert_eq!(
        problems(&with(&[("/authentication/issuers/1", twice)])),
        ["/authentication/issuers/1/issuer: is configured twice"]
    );
    assert!(Config::parse(br#"{"providers":[]}"#, &env).is_err());
}
