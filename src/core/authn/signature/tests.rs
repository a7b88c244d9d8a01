use super::*;
use crate::authn::jwk::KeySet;
use crate::testing::{
    JwsVector, base64url, base64url_decoded, independent_vectors, key_set, rfc_vectors,
};
use serde_json::{Value, json};
use std::rc::Rc;
use std::slice;

/// The parts of a compact JWS. Nothing of them is validated.
struct Parts {
    key: Rc<VerificationKey>,
    algorithm: Algorithm,
    signed: Vec<u8>,
    signature: Vec<u8>,
}

impl Parts {
    fn of(vector: &JwsVector) -> Self {
        let (signed, signature) = vector.jws.rsplit_once('.').unwrap();
        let keys = KeySet::parse(key_set(slice::from_ref(&vector.jwk)).as_bytes());
        Self {
            key: Rc::clone(&keys.unwrap().keys()[0]),
            algorithm: Algorithm::from_name(&vector.algorithm).unwrap(),
            signed: signed.into(),
            signature: base64url_decoded(signature),
        }
    }

    fn accepts(&self, signature: &[u8]) -> bool {
        SoftwareVerifier.verify(self.algorithm, &self.key, &self.signed, signature)
    }
}

fn independent(algorithm: &str) -> Parts {
    let vectors = independent_vectors();
    Parts::of(vectors.iter().find(|v| v.algorithm == algorithm).unwrap())
}

#[test]
fn published_and_independent_signatures_are_valid() {
    let vectors = || rfc_vectors().into_iter().chain(independent_vectors());
    for vector in vectors() {
        let parts = Parts::of(&vector);
        let name = format!("{} {}", vector.source, vector.algorithm);
        assert!(parts.accepts(&parts.signature), "{name}");

        let mut other = parts.signed.clone();
        other[0] ^= 1;
        let verdict =
            SoftwareVerifier.verify(parts.algorithm, &parts.key, &other, &parts.signature);
        assert!(!verdict, "{name}");
    }
    for algorithm in Algorithm::ALL {
        assert!(
            vectors().any(|vector| vector.algorithm == algorithm.name()),
            "no vector for {algorithm:?}"
        );
    }
}

#[test]
fn a_signature_is_valid_for_its_own_algorithm_only() {
    for vector in independent_vectors() {
        let parts = Parts::of(&vector);
        for algorithm in Algorithm::ALL {
            let verdict =
                SoftwareVerifier.verify(algorithm, &parts.key, &parts.signed, &parts.signature);
            assert_eq!(verdict, algorithm == parts.algorithm, "{algorithm:?}");
        }
    }
}

#[test]
fn a_signature_of_another_length_is_invalid() {
    for vector in independent_vectors() {
        let parts = Parts::of(&vector);
        let good = &parts.signature;
        for bad in [
            Vec::new(),
            good[1..].to_vec(),
            good[..good.len() - 1].to_vec(),
            [good, &[0][..]].concat(),
            [&[0], good.as_slice()].concat(),
            [good.as_slice(), good].concat(),
            vec![0; good.len()],
            vec![0xff; good.len()],
        ] {
            assert!(!parts.accepts(&bad), "{} {bad:?}", vector.algorithm);
        }
    }
}

#[test]
fn an_ecdsa_signature_in_der_is_invalid() {
    let parts = independent("ES256");
    let der = p256::ecdsa::Signature::from_slice(&parts.signature).unwrap();
    assert!(!parts.accepts(der.to_der().as_bytes()));
    let parts = independent("ES384");
    let der = p384::ecdsa::Signature::from_slice(&parts.signature).unwrap();
    assert!(!parts.accepts(der.to_der().as_bytes()));
}

/// CVE-2022-21449 ("psychic signatures"): zero, or the group's order, which is zero modulo itself.
#[test]
fn an_ecdsa_signature_with_r_or_s_out_of_range_is_invalid() {
    let order_of_p256 = "_____wAAAAD__________7zm-q2nF56E87nKwvxjJVE";
    let order_of_p384 = "________________________________x2NNgfQ3Ld9YGg2ySLCneuzsGWrMxSlz";
    for (algorithm, order) in [("ES256", order_of_p256), ("ES384", order_of_p384)] {
        let parts = independent(algorithm);
        let (r, s) = parts.signature.split_at(parts.signature.len() / 2);
        let zero = vec![0; r.len()];
        let order = base64url_decoded(order);
        assert_eq!(order.len(), r.len());
        for bad in [&zero, &order] {
            for (r, s) in [(r, bad.as_slice()), (bad, s), (bad, bad)] {
                assert!(!parts.accepts(&[r, s].concat()), "{algorithm}");
            }
        }
    }
}

/// `s + L` is the same number modulo the group's order; RFC 8032 §5.1.7 wants it below the order.
#[test]
fn an_ed25519_signature_with_s_not_reduced_is_invalid() {
    const ORDER: [u8; 32] = [
        0xed, 0xd3, 0xf5, 0x5c, 0x1a, 0x63, 0x12, 0x58, 0xd6, 0x9c, 0xf7, 0xa2, 0xde, 0xf9, 0xde,
        0x14, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x10,
    ];
    let parts = independent("EdDSA");
    let mut malleated = parts.signature.clone();
    let mut carry = 0;
    for (digit, order) in malleated[32..].iter_mut().zip(ORDER) {
        let sum = u16::from(*digit) + u16::from(order) + carry;
        *digit = sum as u8;
        carry = sum >> 8;
    }
    assert_eq!(carry, 0);
    assert!(!parts.accepts(&malleated));
}

/// With the identity as key, `R = identity, s = 0` would sign everything.
#[test]
fn an_ed25519_key_of_small_order_is_ignored() {
    let identity = {
        let mut encoded = [0; 32];
        encoded[0] = 1;
        encoded
    };
    for point in [identity, [0; 32]] {
        let jwk = json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(point)});
        assert!(KeySet::parse(key_set(&[jwk]).as_bytes()).is_err());
    }
}

#[test]
fn an_rsa_signature_that_is_not_below_the_modulus_is_invalid() {
    for algorithm in ["RS256", "PS256"] {
        let parts = independent(algorithm);
        assert!(!parts.accepts(&[0xff; 256]));
        let vectors = independent_vectors();
        let vector = vectors.iter().find(|v| v.algorithm == algorithm).unwrap();
        let modulus = base64url_decoded(vector.jwk["n"].as_str().unwrap());
        assert!(!parts.accepts(&modulus), "zero modulo n");
    }
}

#[test]
fn the_hosts_verifier_is_used_if_offered_and_never_replaced_if_required() {
    use VerifierChoice::{Auto, Host, Wasm};
    for (choice, offered, checker) in [
        (Auto, true, Some(Checker::Host)),
        (Auto, false, Some(Checker::Wasm)),
        (Host, true, Some(Checker::Host)),
        (Host, false, None),
        (Wasm, true, Some(Checker::Wasm)),
        (Wasm, false, Some(Checker::Wasm)),
    ] {
        assert_eq!(choice.checker(|| offered), checker, "{choice:?} {offered}");
    }
    Wasm.checker(|| panic!("the host is not even tried"));
}

mod wycheproof;
