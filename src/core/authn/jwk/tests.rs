use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::testing::{SigningKey, base64url, base64url_decoded, independent_vectors, key_set};

fn parse(keys: &[Value]) -> Result<KeySet, KeySetError> {
    KeySet::parse(key_set(keys).as_bytes())
}

fn is_usable(key: &Value) -> bool {
    match parse(std::slice::from_ref(key)) {
        Ok(keys) => keys.keys().len() == 1,
        Err(error) => {
            assert_eq!(error, KeySetError::NoUsableKey);
            false
        }
    }
}

/// The public key of the vector for an algorithm, with changed members. `null` removes one.
fn key(algorithm: &str, changes: &Value) -> Value {
    let vectors = independent_vectors();
    let vector = vectors.iter().find(|v| v.algorithm == algorithm);
    let mut key = vector.unwrap().jwk.clone();
    for (name, value) in changes.as_object().unwrap() {
        if value.is_null() {
            key.as_object_mut().unwrap().remove(name);
        } else {
            key[name] = value.clone();
        }
    }
    key
}

/// The vector's key with one member's bytes changed.
fn edited(algorithm: &str, member: &str, edit: impl FnOnce(&mut Vec<u8>)) -> Value {
    let mut key = key(algorithm, &json!({}));
    let mut bytes = base64url_decoded(key[member].as_str().unwrap());
    edit(&mut bytes);
    key[member] = json!(base64url(bytes));
    key
}

/// An RSA key whose modulus has that many bits, which are all ones.
fn rsa(bits: usize, exponent: &[u8]) -> Value {
    let mut modulus = vec![0xff; bits.div_ceil(8)];
    modulus[0] >>= (8 - bits % 8) % 8;
    json!({"kty": "RSA", "n": base64url(modulus), "e": base64url(exponent)})
}

fn algorithms_of(key: &Value) -> Vec<&'static str> {
    let keys = parse(std::slice::from_ref(key)).unwrap();
    let matching = |algorithm| keys.matching(None, algorithm).count() == 1;
    let all = Algorithm::ALL.into_iter();
    all.filter(|algorithm| matching(*algorithm))
        .map(Algorithm::name)
        .collect()
}

#[test]
fn a_key_is_for_the_algorithms_of_its_type_or_the_one_it_names() {
    for (key, algorithms) in [
        (
            key("RS256", &json!({})),
            vec!["RS256", "RS384", "RS512", "PS256", "PS384", "PS512"],
        ),
        (key("RS256", &json!({"alg": "RS256"})), vec!["RS256"]),
        (key("RS256", &json!({"alg": "PS512"})), vec!["PS512"]),
        (key("ES256", &json!({})), vec!["ES256"]),
        (key("ES384", &json!({"alg": "ES384"})), vec!["ES384"]),
        (key("EdDSA", &json!({"alg": "EdDSA"})), vec!["EdDSA"]),
        (key("EdDSA", &json!({"alg": "Ed25519"})), vec!["EdDSA"]),
    ] {
        assert_eq!(algorithms_of(&key), algorithms, "{key}");
    }
}

#[test]
fn a_key_whose_alg_does_not_match_its_type_is_ignored() {
    for (own, named) in [
        ("RS256", "ES256"),
        ("RS256", "EdDSA"),
        ("RS256", "HS256"),
        ("RS256", "none"),
        ("RS256", "RSA-OAEP"),
        ("RS256", "rs256"),
        ("ES256", "ES384"),
        ("ES256", "RS256"),
        ("EdDSA", "ES256"),
        ("EdDSA", "Ed25519ph"),
        ("ES256", "Ed25519"),
    ] {
        assert!(!is_usable(&key(own, &json!({"alg": named}))), "{named}");
    }
}

#[test]
fn only_a_key_that_may_verify_signatures_is_used() {
    for (purpose, usable) in [
        (json!({"use": "sig"}), true),
        (json!({"key_ops": ["verify"]}), true),
        (json!({"use": "sig", "key_ops": ["sign", "verify"]}), true),
        (json!({"use": "enc"}), false),
        (json!({"use": "SIG"}), false),
        (json!({"use": ""}), false),
        (json!({"use": ["sig"]}), false),
        (json!({"key_ops": []}), false),
        (json!({"key_ops": ["encrypt"]}), false),
        (json!({"key_ops": ["sign"]}), false),
        (json!({"key_ops": "verify"}), false),
        (json!({"use": "enc", "key_ops": ["verify"]}), false),
        (json!({"use": "sig", "key_ops": ["encrypt"]}), false),
    ] {
        assert_eq!(is_usable(&key("ES256", &purpose)), usable, "{purpose}");
    }
}

#[test]
fn an_rsa_key_has_2048_to_8192_bits_and_an_odd_exponent_over_one() {
    let f4: &[u8] = &[1, 0, 1];
    for (bits, usable) in [
        (512, false),
        (1024, false),
        (2040, false),
        (2047, false),
        (2048, true),
        (2049, true),
        (3072, true),
        (4096, true),
        (8192, true),
        (8193, false),
        (16_384, false),
    ] {
        assert_eq!(is_usable(&rsa(bits, f4)), usable, "{bits} bits");
    }
    for (exponent, usable) in [
        (&[3][..], true),
        (f4, true),
        (&[0, 1, 0, 1], true),
        (&[], false),
        (&[0], false),
        (&[1], false),
        (&[0, 0, 1], false),
        (&[2], false),
        (&[1, 0, 0], false),
        (&[0xff; 256], false),
    ] {
        assert_eq!(is_usable(&rsa(2048, exponent)), usable, "{exponent:?}");
    }
}

#[test]
fn an_rsa_modulus_that_is_even_or_padded_with_zeros_is_ignored() {
    let even = edited("RS256", "n", |n| *n.last_mut().unwrap() ^= 1);
    assert!(!is_usable(&even));
    let padded_1024 = {
        let modulus = [vec![0; 128], vec![0xff; 128]].concat();
        json!({"kty": "RSA", "n": base64url(modulus), "e": "AQAB"})
    };
    assert!(!is_usable(&padded_1024));
    for empty in [json!({"n": ""}), json!({"n": null}), json!({"e": null})] {
        assert!(!is_usable(&key("RS256", &empty)), "{empty}");
    }
}

/// Some issuers write the sign byte of a DER integer in front of the modulus.
#[test]
fn an_rsa_modulus_with_a_leading_zero_is_the_same_key() {
    let padded = edited("RS256", "n", |n| n.insert(0, 0));
    let (plain, padded) = (
        parse(&[key("RS256", &json!({}))]).unwrap(),
        parse(&[padded]).unwrap(),
    );
    assert_eq!(plain.keys()[0].spki(), padded.keys()[0].spki());
}

#[test]
fn an_elliptic_curve_key_is_a_point_of_its_curve_in_full_length() {
    for (algorithm, length) in [("ES256", 32), ("ES384", 48)] {
        assert!(is_usable(&key(algorithm, &json!({}))));
        for member in ["x", "y"] {
            let off_curve = edited(algorithm, member, |bytes| bytes[length - 1] ^= 1);
            let short = edited(algorithm, member, |bytes| bytes.truncate(length - 1));
            let long = edited(algorithm, member, |bytes| bytes.insert(0, 0));
            let empty = edited(algorithm, member, Vec::clear);
            let beyond_field = edited(algorithm, member, |bytes| bytes.fill(0xff));
            let absent = key(algorithm, &json!({member: null}));
            for bad in [off_curve, short, long, empty, beyond_field, absent] {
                assert!(!is_usable(&bad), "{bad}");
            }
        }
        let zero = json!({"x": base64url(vec![0; length]), "y": base64url(vec![0; length])});
        assert!(!is_usable(&key(algorithm, &zero)), "the point (0, 0)");
    }
}

#[test]
fn a_key_of_another_type_or_curve_than_it_states_is_ignored() {
    for (algorithm, changes) in [
        ("ES256", json!({"crv": "P-384"})),
        ("ES384", json!({"crv": "P-256"})),
        ("ES256", json!({"crv": "P-521"})),
        ("ES256", json!({"crv": "secp256k1"})),
        ("ES256", json!({"crv": "p-256"})),
        ("ES256", json!({"crv": null})),
        ("ES256", json!({"kty": "RSA"})),
        ("ES256", json!({"kty": "OKP"})),
        ("ES256", json!({"kty": "ec"})),
        ("ES256", json!({"kty": null})),
        ("RS256", json!({"kty": "EC"})),
        ("RS256", json!({"kty": "oct"})),
        ("EdDSA", json!({"crv": "X25519"})),
        ("EdDSA", json!({"crv": "Ed448"})),
        ("EdDSA", json!({"kty": "EC"})),
        ("EdDSA", json!({"x": base64url([7; 31])})),
        ("EdDSA", json!({"x": base64url([7; 33])})),
        ("EdDSA", json!({"x": base64url([0xff; 32])})),
        ("EdDSA", json!({"x": null})),
    ] {
        assert!(!is_usable(&key(algorithm, &changes)), "{changes}");
    }
    let secret = json!({"kty": "oct", "k": base64url([7; 32]), "alg": "HS256"});
    assert!(!is_usable(&secret));
}

#[test]
fn numbers_in_keys_are_canonical_base64url() {
    for x in ["", "=", "AA=", "A", "A+/A", "A A", "é"] {
        assert!(!is_usable(&key("ES256", &json!({"x": x}))), "{x}");
    }
    for bad in [json!(1), json!([]), json!({"x": 1})] {
        assert!(!is_usable(&key("ES256", &json!({"x": bad}))), "{bad}");
    }
    for suffix in ["=", "\n", " "] {
        let mut padded = key("EdDSA", &json!({}));
        padded["x"] = json!(format!("{}{suffix}", padded["x"].as_str().unwrap()));
        assert!(!is_usable(&padded), "{suffix:?}");
    }
}

#[test]
fn malformed_keys_are_ignored_and_valid_ones_used() {
    let good = |id: &str| SigningKey::new(id).jwk();
    let keys = parse(&[
        good("first"),
        json!(null),
        json!(1),
        json!([]),
        json!("key"),
        json!({}),
        json!({"kty": "RSA", "n": "not base64!", "e": "AQAB"}),
        json!({"kty": "EC", "crv": "P-256", "x": 1, "y": 2}),
        json!({"kty": "future"}),
        good("last"),
    ])
    .unwrap();
    let ids: Vec<_> = keys.keys().iter().map(|key| key.id.as_deref()).collect();
    assert_eq!(ids, [Some("first"), Some("last")]);
}

#[test]
fn keys_are_selected_by_kid_and_all_tried_without_one() {
    let twin = |id: Option<&str>| {
        let mut jwk = SigningKey::new("any").jwk();
        jwk["kid"] = json!(id);
        jwk
    };
    let keys = parse(&[
        twin(Some("a")),
        twin(Some("b")),
        twin(Some("a")),
        twin(None),
    ])
    .unwrap();
    let count = |id: Option<&str>| keys.matching(id, Algorithm::EdDsa).count();
    assert_eq!(count(Some("a")), 2);
    assert_eq!(count(Some("b")), 1);
    assert_eq!(count(Some("")), 0);
    assert_eq!(count(Some("A")), 0);
    assert_eq!(count(None), 4);
}

#[test]
fn a_fingerprint_covers_everything_that_decides_what_a_key_may_sign() {
    let fingerprint = |jwk: Value| *parse(&[jwk]).unwrap().keys()[0].fingerprint();
    let base = key("RS256", &json!({"kid": "a"}));
    let prints = [
        fingerprint(base.clone()),
        fingerprint(key("RS256", &json!({"kid": "b"}))),
        fingerprint(key("RS256", &json!({"kid": "a", "alg": "RS256"}))),
        fingerprint(key("RS512", &json!({"kid": "a"}))),
        fingerprint(key("EdDSA", &json!({"kid": "a"}))),
        fingerprint(SigningKey::new("a").jwk()),
    ];
    for (index, print) in prints.iter().enumerate() {
        assert!(!prints[..index].contains(print), "{index}");
    }
    assert_eq!(fingerprint(base), prints[0]);
}

#[test]
fn at_most_64_usable_keys_are_used() {
    let useless = || json!({"kty": "oct", "k": "AA"});
    let keys: Vec<_> = (0..100)
        .flat_map(|id| [useless(), SigningKey::new(&id.to_string()).jwk()])
        .collect();
    let kept = parse(&keys).unwrap();
    assert_eq!(kept.keys().len(), MAX_KEYS);
    assert_eq!(kept.matching(Some("63"), Algorithm::EdDsa).count(), 1);
    assert_eq!(kept.matching(Some("64"), Algorithm::EdDsa).count(), 0);
}

#[test]
fn a_document_that_is_not_a_key_set_is_malformed() {
    for document in [
        "",
        "null",
        "[]",
        "{}",
        "<html></html>",
        r#"{"keys":null}"#,
        r#"{"keys":{}}"#,
        r#"{"keys":"x"}"#,
        r#"{"Keys":[]}"#,
        r#"{"keys":[]"#,
        r#"{"keys":[]}x"#,
        r#"{"keys":[],"keys":[]}"#,
    ] {
        let error = KeySet::parse(document.as_bytes()).unwrap_err();
        assert_eq!(error, KeySetError::Malformed, "{document}");
    }
    assert_eq!(parse(&[]).unwrap_err(), KeySetError::NoUsableKey);
    let nested = format!("{{\"keys\":{}{}}}", "[".repeat(9_999), "]".repeat(9_999));
    assert!(KeySet::parse(nested.as_bytes()).is_err());
}

/// Any small JSON value. Its member names may be those of keys.
fn any_key() -> impl Strategy<Value = Value> {
    let text = prop_oneof![
        "[A-Za-z0-9_=-]{0,50}".prop_map(Value::from),
        prop::sample::select(vec![
            "RSA", "EC", "OKP", "P-256", "P-384", "Ed25519", "sig", "ES256", "AQAB", "RS256",
        ])
        .prop_map(Value::from),
        prop::collection::vec(any::<u8>(), 0..300).prop_map(|bytes| base64url(bytes).into()),
        Just(Value::Null),
    ];
    let name = prop::sample::select(vec!["kty", "crv", "alg", "use", "n", "e", "x", "y", "kid"]);
    prop::collection::hash_map(name, text, 0..9).prop_map(|members| json!(members))
}

proptest! {
    #[test]
    fn no_bytes_make_the_parser_panic(bytes: Vec<u8>) {
        let _ = KeySet::parse(&bytes);
    }

    #[test]
    fn no_key_makes_the_parser_panic(keys in prop::collection::vec(any_key(), 0..5)) {
        let _ = parse(&keys);
    }
}
