//! Signature checks by the host, whose native code is many times faster than the same in Wasm.
//!
//! Envoy offers them as the foreign function `verify_signature`. Whether this host does, and whether
//! its verdicts are right, is tried once for each configuration. Algorithms that the function does
//! not support (PS*, EdDSA) are checked by the crates that are compiled in.

use std::rc::Rc;

use super::host::Host;
use crate::authn::jwk::{Algorithm, KeySet, VerificationKey};
use crate::authn::jwt::UnverifiedToken;
use crate::authn::signature::{
    Checker, HostSignature, SignatureVerifier, SoftwareVerifier, VerifierChoice,
};
use crate::config::ConfigError;

/// RFC 7515 appendix A.3: an ES256 signature and its key, to try the host with.
const PROBE_TOKEN: &[u8] = b"eyJhbGciOiJFUzI1NiJ9.\
    eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ.\
    DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
const PROBE_KEYS: &[u8] = br#"{"keys":[{"kty":"EC","crv":"P-256",
    "x":"f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU",
    "y":"x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"}]}"#;

/// The verifier for a configuration. The log says which one it is.
pub(super) fn choose<H: Host>(
    choice: VerifierChoice,
    host: &H,
) -> Result<Rc<dyn SignatureVerifier>, ConfigError> {
    let by_host = HostVerifier(host.clone());
    match choice.checker(|| is_correct(&by_host)) {
        Some(Checker::Host) => {
            log::info!("signatures are checked by the host");
            Ok(Rc::new(by_host))
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

/// Whether a verifier accepts a valid signature and rejects an invalid one.
fn is_correct(verifier: &impl SignatureVerifier) -> bool {
    let (Ok(token), Ok(keys)) = (
        UnverifiedToken::parse(PROBE_TOKEN),
        KeySet::parse(PROBE_KEYS),
    ) else {
        return false;
    };
    let accepts = |signed| {
        keys.keys()
            .iter()
            .any(|key| verifier.verify(token.algorithm, key, signed, &token.signature))
    };
    accepts(token.signed) && !accepts(b"something else")
}

struct HostVerifier<H>(H);

impl<H: Host> SignatureVerifier for HostVerifier<H> {
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
        let arguments = encode_arguments([hash.as_bytes(), key.spki(), &signature, signed]);
        let result = self.0.verify_signature(&arguments);
        result.is_ok_and(|result| is_true(&result))
    }
}

/// Encodes the fields 1 to 4 of Envoy's `VerifySignatureArguments` in protobuf's wire format.
fn encode_arguments(fields: [&[u8]; 4]) -> Vec<u8> {
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

/// Whether field 1 of a `VerifySignatureResult` is true. It is encoded first.
fn is_true(result: &[u8]) -> bool {
    result.starts_with(&[1 << 3, 1])
}
