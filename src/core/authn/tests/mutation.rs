//! No token passes that differs in one bit from a good one.

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
        audiences: vec!["a".into()],
        algorithms: Algorithm::ALL.to_vec(),
        clock_skew: Duration::ZERO,
        keys: JwksSource::Inline(keys),
    };
    let shared_data = MemoryBoard::default();
    let mut authenticator =
        Authenticator::new(&[issuer], 10, Rc::new(SoftwareVerifier), &shared_data);
    let verdict = authenticator.authenticate(vector.jws.as_bytes(), &KeyWaits::default(), NOW);
    assert!(matches!(verdict, Verdict::Accepted(_)), "{verdict:?}");
    authenticator
}

/// ES384 is slow without optimisation: of its tokens every so many bits are flipped, of all others
/// each.
fn stride(vector: &JwsVector) -> usize {
    if vector.algorithm == "ES384" { 7 } else { 1 }
}

/// Flips bits of `bytes`, one at a time.
fn flips(bytes: &[u8], stride: usize) -> impl Iterator<Item = Vec<u8>> {
    (0..bytes.len() * 8).step_by(stride).map(|bit| {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        flipped
    })
}

fn assert_all_refused(vector: &JwsVector, tokens: impl Iterator<Item = Vec<u8>>) {
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
fn a_token_with_one_bit_flipped_in_what_its_parts_encode_is_refused() {
    for vector in independent_vectors() {
        let parts: Vec<&str> = vector.jws.split('.').collect();
        for part in 0..parts.len() {
            let decoded = base64url_decoded(parts[part]);
            let tokens = flips(&decoded, stride(&vector)).map(|flipped| {
                let mut parts: Vec<String> = parts.iter().map(ToString::to_string).collect();
                parts[part] = base64url(flipped);
                parts.join(".").into_bytes()
            });
            assert_all_refused(&vector, tokens);
        }
    }
}

#[test]
fn a_token_with_one_bit_flipped_as_sent_is_refused() {
    for vector in independent_vectors() {
        assert_all_refused(&vector, flips(vector.jws.as_bytes(), stride(&vector)));
    }
}
