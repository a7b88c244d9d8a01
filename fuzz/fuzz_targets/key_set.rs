//! Any key set. Every accepted key can be used, and rejects trivial signatures.
#![no_main]

use ai_gateway_core::authn::jwk::{Algorithm, KeySet};
use ai_gateway_core::authn::signature::{SignatureVerifier, SoftwareVerifier};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let Ok(set) = KeySet::parse(data) else {
        return;
    };
    assert!((1..=64).contains(&set.keys().len()));
    for algorithm in Algorithm::ALL {
        for key in set.matching(None, algorithm).take(4) {
            for length in [0, 64, 96, 256] {
                for byte in [0, 1, 0xff] {
                    let signature = vec![byte; length];
                    assert!(!SoftwareVerifier.verify(algorithm, key, b"signed", &signature));
                }
            }
        }
    }
});
