//! No token is accepted that differs in one bit from a valid one.

use std::collections::HashSet;
use std::slice;

use super::*;
use crate::authn::signature::SoftwareVerifier;
use crate::testing::{JwsVector, base64url, base64url_decoded, independent_vectors, key_set};

const NOW: UnixTime = UnixTime::from_secs(1);

/// An authenticator that accepts the vector and nothing else.
fn authenticator(vector: &JwsVector) -> Authenticator {
    let keys = KeySet::parse(key_set(slice::from_ref(&vector.jwk)).as_bytes()).unwrap();
    let issuer = Issuer {
        issuer: "i".into(),
        audiences: Audiences {
            accepted: vec!["a".into()],
            claims: vec!["aud".into()],
        },
        algorithms: Algorithm::ALL.to_vec(),
        clock_skew: Duration::ZERO,
        keys: JwksSource::Inline(keys),
    };
    let shared_data = MemorySharedData::default();
    let mut authenticator =
        Authenticator::new(&[issuer], LIMITS, Rc::new(SoftwareVerifier), &shared_data);
    let verdict = authenticator.authenticate(vector.jws.as_bytes(), &KeyWaits::default(), NOW);
    assert!(matches!(verdict, Verdict::Accepted(_)), "{verdict:?}");
    authenticator
}

/// How many bits apart the flipped bits are: every bit is flipped, except with ES384, which is slow
/// without optimisation.
fn stride(vector: &JwsVector) -> usize {
    if vector.algorithm == "ES384" { 7 } else { 1 }
}

/// Flips bits of `bytes`, one at a time.
fn flips(bytes: &[u8], stride: usize) -> impl Iterator<Item = Vec<u8>> + use<> {
    let bytes = bytes.to_vec();
    (0..bytes.len() * 8).step_by(stride).map(move |bit| {
        let mut flipped = bytes.clone();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}

/// The tokens with one bit flipped in what a part encodes.
fn flips_in_encoded_bytes(vector: &JwsVector) -> impl Iterator<Item = Vec<u8>> {
    let parts: Vec<&str> = vector.jws.split('.').collect();
    (0..parts.len()).flat_map(move |part| {
        let parts = parts.clone();
        let decoded = base64url_decoded(parts[part]);
        flips(&decoded, stride(vector)).map(move |flipped| {
            let encoded = base64url(flipped);
            let mut parts = parts.clone();
            parts[part] = &encoded;
            parts.join(".").into_bytes()
        })
    })
}

fn assert_all_rejected(vector: &JwsVector, tokens: impl Iterator<Item = Vec<u8>>) {
    let mut authenticator = authenticator(vector);
    for token in tokens {
        let verdict = authenticator.authenticate(&token, &KeyWaits::default(), NOW);
        assert!(
            matches!(verdict, Verdict::Rejected(_)),
            "{}: {verdict:?}",
            String::from_utf8_lossy(&token)
        );
    }
}

#[test]
fn a_token_with_one_bit_flipped_in_what_its_parts_encode_is_rejected() {
    for vector in independent_vectors() {
        assert_all_rejected(&vector, flips_in_encoded_bytes(&vector));
    }
}

/// Many of these tokens are among those of the test above, which are not verified again.
#[test]
fn a_token_with_one_bit_flipped_as_sent_is_rejected() {
    for vector in independent_vectors() {
        let rejected: HashSet<_> = flips_in_encoded_bytes(&vector).collect();
        let tokens = flips(vector.jws.as_bytes(), stride(&vector));
        assert_all_rejected(&vector, tokens.filter(|token| !rejected.contains(token)));
    }
}
