mod claims;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::testing::{self, AUDIENCE, ISSUER, NOW, base64url};

const SKEW: Duration = Duration::from_secs(60);

/// A token with these parts. Its signature is three zero bytes.
fn token(header: &str, payload: &str) -> String {
    format!("{}.{}.AAAA", base64url(header), base64url(payload))
}

/// The error of parsing, if any.
fn parse_error(token: &str) -> Option<TokenError> {
    UnverifiedToken::parse(token.as_bytes()).err()
}

fn malformed(error: Option<TokenError>) -> Option<&'static str> {
    match error {
        Some(TokenError::Malformed(what)) => Some(what),
        _ => None,
    }
}

/// The claims of a payload, or why they are rejected.
fn checked(payload: &str) -> Result<Claims, TokenError> {
    let token = token(r#"{"alg":"EdDSA"}"#, payload);
    let audiences = Audiences {
        accepted: vec![AUDIENCE.to_owned()],
        claims: vec!["aud".to_owned()],
    };
    UnverifiedToken::parse(token.as_bytes())?.claims(0, &audiences, SKEW, NOW)
}

fn checked_with(changes: Value) -> Result<Claims, TokenError> {
    checked(&testing::claims(changes).to_string())
}

/// Like [`checked_with`], for a value that `serde_json` would write differently.
fn checked_with_raw(name: &str, raw: &str) -> Result<Claims, TokenError> {
    let mut payload = testing::claims(json!({name: null})).to_string();
    payload.pop();
    checked(&format!("{payload},\"{name}\":{raw}}}"))
}

#[test]
fn a_token_is_parsed_into_its_parts() {
    let header =
        r#"{"alg":"ES256","kid":"k","typ":"at+jwt","x5c":["a"],"jku":"https://evil.test"}"#;
    let text = token(header, r#"{"iss":"i","aud":1}"#);
    let parsed = UnverifiedToken::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(parsed.algorithm, Algorithm::Es256);
    assert_eq!(parsed.key_id.as_deref(), Some("k"));
    assert_eq!(parsed.issuer, "i");
    assert_eq!(parsed.signed, text.rsplit_once('.').unwrap().0.as_bytes());
    assert_eq!(parsed.signature, [0, 0, 0]);
}

#[test]
fn a_token_has_three_parts_of_canonical_base64url() {
    let good = token(r#"{"alg":"EdDSA"}"#, r#"{"iss":"i"}"#);
    assert_eq!(parse_error(&good), None);
    let parts: Vec<&str> = good.split('.').collect();
    let (header, payload) = (parts[0], parts[1]);
    for bad in [
        String::new(),
        ".".into(),
        "..".into(),
        "...".into(),
        "\u{0}".into(),
        format!("{header}.{payload}"),
        format!("{good}."),
        format!("{good}.AAAA"),
        format!(".{payload}.AAAA"),
        format!("{header}..AAAA"),
        format!("{good}="),
        format!("{header}=.{payload}.AAAA"),
        format!("{header}.{payload}.AAA="),
        format!("{header}.{payload}.AAB"),
        format!("{header}.{payload}.A"),
        format!("{header}.{payload}.AA+/"),
        format!("{good} "),
        format!(" {good}"),
        format!("{good}\n"),
        format!("{good}\r\n"),
        format!("{good}\u{0}"),
        format!("{header}\n.{payload}.AAAA"),
        format!("{header}.{payload}.AA A"),
        format!("{header}.{payload}.é"),
        good.replace('.', ","),
        format!("Bearer {good}"),
        format!("{good},{good}"),
    ] {
        assert!(malformed(parse_error(&bad)).is_some(), "{bad:?}");
    }
}

/// The last character of each of these has unused bits.
#[test]
fn trailing_bits_must_be_zero() {
    for (canonical, others) in [("AA", ["AB", "AP"]), ("AAA", ["AAB", "AAD"])] {
        let with = |signature: &str| {
            let good = token(r#"{"alg":"EdDSA"}"#, r#"{"iss":"i"}"#);
            parse_error(&good.replace(".AAAA", &format!(".{signature}")))
        };
        assert_eq!(with(canonical), None);
        for other in others {
            assert_eq!(malformed(with(other)), Some("a part is not base64url"));
        }
    }
}

#[test]
fn a_header_that_is_not_a_plain_object_is_malformed() {
    for header in [
        "",
        "null",
        "1",
        "\"EdDSA\"",
        "[]",
        r#"["EdDSA"]"#,
        r#"["EdDSA","k"]"#,
        r#"["EdDSA",null,null]"#,
        "{",
        r#"{"alg":"EdDSA"}x"#,
        r#"{"alg":"EdDSA"}{}"#,
        r#"{"alg":"EdDSA",}"#,
        r#"{'alg':'EdDSA'}"#,
        r#"{"alg":"EdDSA","alg":"EdDSA"}"#,
        r#"{"alg":"none","alg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","\u0061lg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","kid":"a","kid":"b"}"#,
        r#"{"alg":"EdDSA","typ":"a","typ":"b"}"#,
        "\u{feff}{\"alg\":\"EdDSA\"}",
    ] {
        let error = parse_error(&token(header, r#"{"iss":"i"}"#));
        assert_eq!(
            malformed(error),
            Some("its header is not a plain JSON object"),
            "{header}"
        );
    }
}

/// RFC 8725 §3.11: a token that was issued for one purpose must not be used for another.
#[test]
fn a_token_whose_typ_states_another_purpose_is_rejected() {
    for (kind, is_refused) in [
        ("JWT", false),
        ("jwt", false),
        ("JOSE", false),
        ("at+jwt", false),
        ("AT+JWT", false),
        ("application/at+jwt", false),
        ("application/okta-internal-at+jwt", false),
        ("Bearer", false),
        ("", false),
        ("logout+jwt", true),
        ("Logout+JWT", true),
        ("application/logout+jwt", true),
        ("dpop+jwt", true),
        ("secevent+jwt", true),
        ("token-introspection+jwt", true),
        ("entity-statement+jwt", true),
        ("cat+jwt", true),
        ("+jwt", true),
    ] {
        let header = format!(r#"{{"alg":"EdDSA","typ":"{kind}"}}"#);
        let error = parse_error(&token(&header, r#"{"iss":"i"}"#));
        let expected = is_refused.then_some("its type (typ) is not an access token's");
        assert_eq!(malformed(error), expected, "{kind}");
    }
}

#[test]
fn a_kid_must_be_a_string() {
    for kid in ["1", "null", "{}", r#"["k"]"#] {
        let header = format!(r#"{{"alg":"EdDSA","kid":{kid}}}"#);
        let error = parse_error(&token(&header, r#"{"iss":"i"}"#));
        let expected = "its key id (kid) is not a string";
        assert_eq!(malformed(error), Some(expected), "{kid}");
    }
}

#[test]
fn every_crit_is_rejected() {
    for critical in [
        r#"["exp"]"#,
        r#"["b64"]"#,
        "[]",
        "null",
        "1",
        "{}",
        "\"\"",
        "false",
    ] {
        let header = format!(r#"{{"alg":"EdDSA","b64":false,"crit":{critical}}}"#);
        let error = parse_error(&token(&header, r#"{"iss":"i"}"#));
        assert!(malformed(error).is_some(), "{critical}");
    }
}

#[test]
fn an_unencoded_payload_is_rejected_even_if_b64_is_not_critical() {
    for unencoded in ["false", "null", "0", "\"true\""] {
        let header = format!(r#"{{"alg":"EdDSA","b64":{unencoded}}}"#);
        let error = parse_error(&token(&header, r#"{"iss":"i"}"#));
        assert!(malformed(error).is_some(), "{unencoded}");
    }
    let header = r#"{"alg":"EdDSA","b64":true}"#;
    assert_eq!(parse_error(&token(header, r#"{"iss":"i"}"#)), None);
}

#[test]
fn unsigned_symmetric_and_unknown_algorithms_are_not_allowed() {
    for algorithm in [
        "none",
        "None",
        "NONE",
        "nOnE",
        "HS256",
        "HS384",
        "HS512",
        "ES512",
        "ES256K",
        "Ed448",
        "Ed25519ph",
        "ed25519",
        "RS1",
        "RSA-OAEP",
        "dir",
        "rs256",
        "RS256 ",
        " RS256",
        "",
        "eddsa",
        "RS256\u{0}",
    ] {
        let header = json!({"alg": algorithm}).to_string();
        let error = parse_error(&token(&header, r#"{"iss":"i"}"#));
        assert_eq!(error, Some(TokenError::AlgorithmNotAllowed), "{algorithm}");
    }
    for header in [
        "{}",
        r#"{"alg":null}"#,
        r#"{"alg":1}"#,
        r#"{"alg":["EdDSA"]}"#,
        r#"{"ALG":"EdDSA"}"#,
    ] {
        let error = parse_error(&token(header, r#"{"iss":"i"}"#));
        assert_eq!(error, Some(TokenError::AlgorithmNotAllowed), "{header}");
    }
}

#[test]
fn claims_that_are_not_an_object_with_an_issuer_are_malformed() {
    for payload in [
        "",
        "null",
        "1",
        "\"i\"",
        "[]",
        r#"[{"iss":"i"}]"#,
        "{}",
        r#"{"iss":null}"#,
        r#"{"iss":1}"#,
        r#"{"iss":["i"]}"#,
        r#"{"iss":"i","iss":"i"}"#,
        r#"{"iss":"j","\u0069ss":"i"}"#,
        r#"{"iss":"i"}}"#,
        r#"{"iss":"\ud800"}"#,
    ] {
        let error = parse_error(&token(r#"{"alg":"EdDSA"}"#, payload));
        assert!(malformed(error).is_some(), "{payload}");
    }
    let array = checked(&json!([ISSUER]).to_string());
    assert!(matches!(array, Err(TokenError::Malformed(_))));
}

#[test]
fn no_error_repeats_what_the_client_sent() {
    for token in [
        token(r#"{"alg":"sent-by-client"}"#, r#"{"iss":"sent-by-client"}"#),
        token(r#"{"alg":"EdDSA","sent-by-client":}"#, "{}"),
        "sent-by-client".into(),
    ] {
        let error = parse_error(&token).unwrap();
        assert!(!format!("{error} {error:?}").contains("sent-by-client"));
    }
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes: Vec<u8>) {
        let _ = UnverifiedToken::parse(&bytes);
    }

    #[test]
    fn no_bytes_in_well_formed_parts_make_the_parser_panic(
        header: Vec<u8>, payload: Vec<u8>, signature: Vec<u8>
    ) {
        let parts = [&header, &payload, &signature].map(base64url).join(".");
        prop_assert!(UnverifiedToken::parse(parts.as_bytes()).is_err());
    }

    #[test]
    fn no_claim_makes_the_checks_panic(
        name in "(exp|nbf|iat|aud|sub|x)",
        raw in "[-0-9eE.\"a\\[\\]{}]{0,12}",
    ) {
        let _ = checked_with_raw(&name, &raw);
    }
}
