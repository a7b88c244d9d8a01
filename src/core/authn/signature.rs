//! Verification of signatures, by the crates that are compiled in or by the host.
//!
//! Some hosts offer a faster implementation. Both are behind one trait and must return the same
//! result for every input.

use p256::ecdsa::signature::Verifier;
use sha2::{Sha256, Sha384, Sha512};

use super::jwk::{Algorithm, KeyMaterial, VerificationKey};

/// Verifies a signature as defined in RFC 7518 §3 and RFC 8037 §3.1. With a key of another type
/// than the algorithm's, every signature is invalid.
pub trait SignatureVerifier {
    /// Whether `signature` is a signature of `signed` by `key`.
    fn verify(
        &self,
        algorithm: Algorithm,
        key: &VerificationKey,
        signed: &[u8],
        signature: &[u8],
    ) -> bool;
}

/// The configured verifier: `authentication.signature_verifier`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum VerifierChoice {
    /// The host's if it offers one, otherwise the compiled-in one.
    Auto,
    /// The host's. If it offers none, the configuration is rejected.
    Host,
    /// The compiled-in one.
    Wasm,
}

/// The verifier that is used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Checker {
    /// The host.
    Host,
    /// [`SoftwareVerifier`].
    Wasm,
}

impl VerifierChoice {
    /// The verifier to use, or `None` if it must be the host's and there is none. `offered` finds
    /// out whether the host offers one.
    pub fn checker(self, offered: impl Fn() -> bool) -> Option<Checker> {
        match self {
            Self::Wasm => Some(Checker::Wasm),
            Self::Auto | Self::Host if offered() => Some(Checker::Host),
            Self::Auto => Some(Checker::Wasm),
            Self::Host => None,
        }
    }
}

/// A signature in the form that hosts take, which is that of X.509 and not of JOSE.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum HostSignature {
    /// Verify it with this hash and the key in [`VerificationKey::spki`].
    Of {
        /// The hash's name.
        hash: &'static str,
        /// The signature. Those of ECDSA are in DER (RFC 3279 §2.2.3).
        signature: Vec<u8>,
    },
    /// It cannot be a signature of this algorithm.
    Malformed,
    /// No host offers this algorithm.
    NotOffered,
}

impl HostSignature {
    /// Converts a JSON Web Signature.
    pub fn new(algorithm: Algorithm, signature: &[u8]) -> Self {
        let of = |hash, signature: &[u8]| Self::Of {
            hash,
            signature: signature.to_vec(),
        };
        match algorithm {
            Algorithm::Rs256 => of("sha256", signature),
            Algorithm::Rs384 => of("sha384", signature),
            Algorithm::Rs512 => of("sha512", signature),
            Algorithm::Es256 => p256::ecdsa::Signature::from_slice(signature)
                .map_or(Self::Malformed, |signature| {
                    of("sha256", signature.to_der().as_bytes())
                }),
            Algorithm::Es384 => p384::ecdsa::Signature::from_slice(signature)
                .map_or(Self::Malformed, |signature| {
                    of("sha384", signature.to_der().as_bytes())
                }),
            Algorithm::Ps256 | Algorithm::Ps384 | Algorithm::Ps512 | Algorithm::EdDsa => {
                Self::NotOffered
            }
        }
    }
}

/// Verifies with the crates that are compiled in.
#[derive(Clone, Copy, Debug)]
pub struct SoftwareVerifier;

impl SignatureVerifier for SoftwareVerifier {
    fn verify(
        &self,
        algorithm: Algorithm,
        key: &VerificationKey,
        signed: &[u8],
        signature: &[u8],
    ) -> bool {
        match (algorithm, key.material()) {
            (Algorithm::Rs256, KeyMaterial::Rsa(key)) => pkcs1::<Sha256>(key, signed, signature),
            (Algorithm::Rs384, KeyMaterial::Rsa(key)) => pkcs1::<Sha384>(key, signed, signature),
            (Algorithm::Rs512, KeyMaterial::Rsa(key)) => pkcs1::<Sha512>(key, signed, signature),
            (Algorithm::Ps256, KeyMaterial::Rsa(key)) => pss::<Sha256>(key, signed, signature),
            (Algorithm::Ps384, KeyMaterial::Rsa(key)) => pss::<Sha384>(key, signed, signature),
            (Algorithm::Ps512, KeyMaterial::Rsa(key)) => pss::<Sha512>(key, signed, signature),
            (Algorithm::Es256, KeyMaterial::P256(key)) => {
                p256::ecdsa::Signature::from_slice(signature)
                    .is_ok_and(|signature| key.verify(signed, &signature).is_ok())
            }
            (Algorithm::Es384, KeyMaterial::P384(key)) => {
                p384::ecdsa::Signature::from_slice(signature)
                    .is_ok_and(|signature| key.verify(signed, &signature).is_ok())
            }
            (Algorithm::EdDsa, KeyMaterial::Ed25519(key)) => {
                ed25519_compact::Signature::from_slice(signature)
                    .is_ok_and(|signature| key.verify(signed, &signature).is_ok())
            }
            _ => false,
        }
    }
}

fn pkcs1<D>(key: &rsa::PublicKey, signed: &[u8], signature: &[u8]) -> bool
where
    D: sha2::Digest + rsa::pkcs8::AssociatedOid,
{
    key.verify(rsa::Pkcs1v15Sign::new::<D>(), &D::digest(signed), signature)
        .is_ok()
}

/// RFC 7518 §3.5: the salt is as long as the digest.
fn pss<D>(key: &rsa::PublicKey, signed: &[u8], signature: &[u8]) -> bool
where
    D: sha2::Digest + rsa::signature::digest::FixedOutputReset + Send + Sync + 'static,
{
    let salt_length = <D as sha2::Digest>::output_size();
    key.verify(
        rsa::Pss::<D>::new_with_salt(salt_length),
        &D::digest(signed),
        signature,
    )
    .is_ok()
}

#[cfg(test)]
mod tests;
