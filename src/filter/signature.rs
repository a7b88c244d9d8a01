//! Signature checks by the host, whose native code is many times faster than the same in Wasm.
//!
//! Envoy offers them as the foreign function `verify_signature`; whether this host does is tried
//! once. What it does not offer (PS*, EdDSA) is checked by the crates that are compiled in.

use std::rc::Rc;

use super::abi;
use ai_gateway_core::authn::jwk::{Algorithm, KeySet, VerificationKey};
use ai_gateway_core::authn::jwt::Token;
use ai_gateway_core::authn::signature::{
    Checker, HostSignature, SignatureVerifier, SoftwareVerifier, VerifierChoice,
};
use ai_gateway_core::config::ConfigError;

/// RFC 7515 appendix A.3: an ES256 signature and its key, to try the host with.
const PROBE_TOKEN: &[u8] = b"eyJhbGciOiJFUzI1NiJ9.\
    eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
    DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const PROBE_KEYS: &[u8] = br#"{"keys":[{"kty":"EC","crv":"P-256",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

/// The check that is wanted, if it can be had; which one, the log says.
pub(super) fn verifier(choice: VerifierChoice) -> Result<Rc<dyn SignatureVerifier>, ConfigError> {
    match choice.checker(host_verifies) {
        Some(Checker::Host) => {
            log::info!("signatures are checked by the host");
            Ok(Rc::new(HostVerifier))
        }
        Some(Checker::Wasm) if choice == VerifierChoice::Wasm => {
            log::info!("signatures are checked in Wasm, as configured");
            Ok(Rc::new(SoftwareVerifier))
        }
        Some(Checker::Wasm) => {
            log::info!("signatures are checked in Wasm: the host offers no verify_signature");
            Ok(Rc::new(SoftwareVerifier))
        }
        None => Err(ConfigError::new(
            "/authentication/signature_verifier",
            "this host offers no verify_signature; use \"auto\" or \"wasm\"",
        )),
    }
}

/// Whether the host finds a good signature good and a bad one bad.
fn host_verifies() -> bool {
    let (Ok(token), Ok(keys)) = (Token::parse(PROBE_TOKEN), KeySet::parse(PROBE_KEYS)) else {
        return false;
    };
    let verdict = |signed| {
        keys.keys()
            .iter()
            .any(|key| HostVerifier.verify(token.algorithm, key, signed, &token.signature))
    };
    verdict(token.signed) && !verdict(b"something else")
}

struct HostVerifier;

impl SignatureVerifier for HostVerifier {
    fn verify(
        &self,
        algorithm: Algorithm,
        key: &VerificationKey,
        signed: &[u8],
        signature: &[u8],
    ) -> bool {
        let (hash, signature) = match HostSignature::new(algorithm, signature) {
            HostSignature::Of { hash, signature } => (hash, signature),
            HostSignature::Malformed => return false,
            HostSignature::NotOffered => {
                return SoftwareVerifier.verify(algorithm, key, signed, signature);
            }
        };
        let arguments = arguments([hash.as_bytes(), key.spki(), &signature, signed]);
        abi::foreign("verify_signature", &arguments).is_some_and(|result| is_true(&result))
    }
}

/// The fields 1, 2, 3 and 4 of Envoy's `VerifySignatureArguments`, in protobuf's wire format.
fn arguments(fields: [&[u8]; 4]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for (number, field) in (1_u8..).zip(fields) {
        encoded.push(number << 3 | 2);
        let mut length = field.len();
        while length >= 0x80 {
            encoded.push((length & 0x7f) as u8 | 0x80);
            length >>= 7;
        }
        encoded.push(length as u8);
        encoded.extend_from_slice(field);
    }
    encoded
}

/// Whether field 1 of a `VerifySignatureResult` is true; it comes first.
fn is_true(result: &[u8]) -> bool {
    result.starts_with(&[1 << 3, 1])
}
