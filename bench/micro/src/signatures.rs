//! The time to verify a token's signature, by algorithm.

use std::hint::black_box;

use ai_gateway_core::authn::jwk::{Algorithm, KeySet};
use ai_gateway_core::authn::signature::{SignatureVerifier, SoftwareVerifier};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use criterion::Criterion;
use serde_json::{Value, json};

/// The test vectors: one key and one token for each algorithm. RSA keys have 2048 bits.
pub fn vectors() -> Vec<Value> {
    let text = include_str!("../../../tests/vectors/jws/independent.json");
    serde_json::from_str(text).expect("the vectors are JSON")
}

pub fn benchmarks(criterion: &mut Criterion) {
    for vector in vectors() {
        let name = vector["algorithm"].as_str().expect("a name");
        let algorithm = Algorithm::from_name(name).expect("a known algorithm");
        let jwks = json!({"keys": [vector["jwk"]]}).to_string();
        let keys = KeySet::parse(jwks.as_bytes()).expect("a key set");
        let key = &keys.keys()[0];
        let token = vector["jws"].as_str().expect("a token");
        let (signed, signature) = token.rsplit_once('.').expect("a signature");
        let signature = BASE64_URL_SAFE_NO_PAD.decode(signature).expect("base64");
        let verify = |signature: &[u8]| {
            SoftwareVerifier.verify(algorithm, key, black_box(signed.as_bytes()), signature)
        };
        assert!(verify(&signature) && !verify(&signature[1..]), "{name}");
        criterion.bench_function(&format!("signature/{name}"), |bencher| {
            bencher.iter(|| verify(black_box(&signature)));
        });
    }
}
