//! JSON Web Keys (RFC 7517) that can verify signatures, and sets of them.
//!
//! A key that cannot be used is ignored (RFC 7517 §5): its type or purpose is another one, it is
//! too small, or it is malformed. The other keys of the set can still be used.

use std::fmt;
use std::rc::Rc;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use rsa::BoxedUint;
use rsa::pkcs8::EncodePublicKey;
use rsa::traits::PublicKeyParts;
use serde::Deserialize;
use serde_json::Value;
use sha2::{Digest, Sha256};
use thiserror::Error;

/// The signature algorithms that a token may use (RFC 7518 §3.1, RFC 8037 §3.1). There is no
/// `none` and no HMAC, because a published key cannot be a shared secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// ECDSA with P-384 and SHA-384.
    Es384,
    /// EdDSA with Ed25519.
    EdDsa,
}

/// One key of an issuer.
pub struct VerificationKey {
    id: Option<String>,
    algorithm: Option<Algorithm>,
    material: KeyMaterial,
    spki: Vec<u8>,
    fingerprint: [u8; 32],
}

/// A public key, by its type.
pub enum KeyMaterial {
    /// RSA.
    Rsa(rsa::PublicKey),
    /// The elliptic curve P-256.
    P256(p256::ecdsa::VerifyingKey),
    /// The elliptic curve P-384.
    P384(p384::ecdsa::VerifyingKey),
    /// The Edwards curve Ed25519.
    Ed25519(ed25519_compact::PublicKey),
}

/// The usable keys of a set.
#[derive(Clone, Debug)]
pub struct KeySet {
    keys: Vec<Rc<VerificationKey>>,
    fingerprint: KeySetFingerprint,
}

/// Identifies a set of keys: a digest of the fingerprints of its keys.
pub type KeySetFingerprint = [u8; 32];

/// Why a key set cannot be used. The issuer or the configuration is at fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum KeySetError {
    /// The document is not a JSON object with an array `keys`.
    #[error("is not a JSON Web Key Set")]
    Malformed,
    /// None of the keys can be used.
    #[error("has no usable signature key")]
    NoUsableKey,
}

/// The shortest RSA modulus (RFC 7518 §3.3).
const MIN_RSA_BITS: usize = 2048;

/// The longest RSA modulus. Longer ones only cost time.
const MAX_RSA_BITS: usize = 8192;

/// The most keys of a set. That is more than issuers have.
const MAX_KEYS: usize = 64;

/// The byte order mark of UTF-8, which some servers write before a JSON text (RFC 8259 §8.1).
const BYTE_ORDER_MARK: &[u8] = b"\xef\xbb\xbf";

impl Algorithm {
    /// Every algorithm, which is the default of an issuer's `algorithms`.
    pub const ALL: [Self; 9] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::Es256,
        Self::Es384,
        Self::EdDsa,
    ];

    /// The name in a token's `alg`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::EdDsa => "EdDSA",
        }
    }

    /// The algorithm with this name. Of the two curves of EdDSA only Ed25519 is implemented, so its
    /// newer name (RFC 9864 §2.2) means the same.
    pub fn from_name(name: &str) -> Option<Self> {
        let name = if name == "Ed25519" { "EdDSA" } else { name };
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == name)
    }

    /// Whether a key of this type can verify it.
    const fn fits(self, material: &KeyMaterial) -> bool {
        matches!(
            (self, material),
            (
                Self::Rs256 | Self::Rs384 | Self::Rs512 | Self::Ps256 | Self::Ps384 | Self::Ps512,
                KeyMaterial::Rsa(_)
            ) | (Self::Es256, KeyMaterial::P256(_))
                | (Self::Es384, KeyMaterial::P384(_))
                | (Self::EdDsa, KeyMaterial::Ed25519(_))
        )
    }
}

impl KeySet {
    /// Parses a key set document.
    pub fn parse(document: &[u8]) -> Result<Self, KeySetError> {
        let document: KeySetDocument = serde_json::from_slice(without_byte_order_mark(document))
            .map_err(|_| KeySetError::Malformed)?;
        let keys: Vec<_> = document
            .keys
            .into_iter()
            .filter_map(VerificationKey::parse)
            .take(MAX_KEYS)
            .map(Rc::new)
            .collect();
        if keys.is_empty() {
            return Err(KeySetError::NoUsableKey);
        }
        let mut digest = Sha256::new();
        for key in &keys {
            digest.update(key.fingerprint());
        }
        Ok(Self {
            keys,
            fingerprint: digest.finalize().into(),
        })
    }

    /// Identifies the set.
    pub const fn fingerprint(&self) -> &KeySetFingerprint {
        &self.fingerprint
    }

    /// The keys that may have signed a token with this `alg` and this `kid`, or without a `kid`.
    pub fn matching(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &Rc<VerificationKey>> {
        self.keys
            .iter()
            .filter(move |key| key.is_for(algorithm) && (id.is_none() || key.id.as_deref() == id))
    }

    /// All keys.
    pub fn keys(&self) -> &[Rc<VerificationKey>] {
        &self.keys
    }
}

impl VerificationKey {
    /// The public key.
    pub const fn material(&self) -> &KeyMaterial {
        &self.material
    }

    /// The public key as a DER-encoded SubjectPublicKeyInfo (RFC 5280 §4.1); empty for Ed25519.
    pub fn spki(&self) -> &[u8] {
        &self.spki
    }

    /// Identifies the key: a digest of everything that decides what it may sign.
    pub const fn fingerprint(&self) -> &[u8; 32] {
        &self.fingerprint
    }

    fn is_for(&self, algorithm: Algorithm) -> bool {
        algorithm.fits(&self.material) && self.algorithm.is_none_or(|own| own == algorithm)
    }

    /// Parses one key. `None` if it cannot be used.
    fn parse(jwk: Value) -> Option<Self> {
        let jwk: KeyDocument = serde_json::from_value(jwk).ok()?;
        let may_verify = jwk.usage.as_deref().is_none_or(|usage| usage == "sig")
            && jwk
                .operations
                .as_ref()
                .is_none_or(|operations| operations.iter().any(|name| name == "verify"));
        if !may_verify {
            return None;
        }
        let algorithm = match jwk.algorithm.as_deref() {
            None => None,
            Some(name) => Some(Algorithm::from_name(name)?),
        };
        let (material, spki) = jwk.material()?;
        if algorithm.is_some_and(|algorithm| !algorithm.fits(&material)) {
            return None;
        }
        let fingerprint = Sha256::new()
            .chain_update(algorithm.map_or("any", Algorithm::name))
            .chain_update([0])
            .chain_update(jwk.id.as_deref().unwrap_or_default())
            .chain_update([0])
            .chain_update(&spki)
            .chain_update(jwk.x.as_deref().unwrap_or_default())
            .finalize()
            .into();
        Some(Self {
            id: jwk.id,
            algorithm,
            material,
            spki,
            fingerprint,
        })
    }
}

impl fmt::Debug for VerificationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VerificationKey")
            .field("id", &self.id)
            .field("algorithm", &self.algorithm)
            .finish_non_exhaustive()
    }
}

#[derive(Deserialize)]
struct KeySetDocument {
    keys: Vec<Value>,
}

/// The members of a JWK that are used (RFC 7517 §4, RFC 7518 §6, RFC 8037 §2).
#[derive(Deserialize)]
struct KeyDocument {
    #[serde(rename = "kty")]
    kind: String,
    #[serde(rename = "kid")]
    id: Option<String>,
    #[serde(rename = "use")]
    usage: Option<String>,
    #[serde(rename = "key_ops")]
    operations: Option<Vec<String>>,
    #[serde(rename = "alg")]
    algorithm: Option<String>,
    #[serde(rename = "crv")]
    curve: Option<String>,
    n: Option<String>,
    e: Option<String>,
    x: Option<String>,
    y: Option<String>,
}

impl KeyDocument {
    fn material(&self) -> Option<(KeyMaterial, Vec<u8>)> {
        match (self.kind.as_str(), self.curve.as_deref()) {
            ("RSA", _) => {
                let key = rsa_key(&decoded(self.n.as_ref())?, &decoded(self.e.as_ref())?)?;
                let spki = key.to_public_key_der().ok()?.into_vec();
                Some((KeyMaterial::Rsa(key), spki))
            }
            ("EC", Some("P-256")) => {
                let key = p256::ecdsa::VerifyingKey::from_sec1_bytes(&self.point(32)?).ok()?;
                let spki = key.to_public_key_der().ok()?.into_vec();
                Some((KeyMaterial::P256(key), spki))
            }
            ("EC", Some("P-384")) => {
                let key = p384::ecdsa::VerifyingKey::from_sec1_bytes(&self.point(48)?).ok()?;
                let spki = key.to_public_key_der().ok()?.into_vec();
                Some((KeyMaterial::P384(key), spki))
            }
            ("OKP", Some("Ed25519")) => {
                let key =
                    ed25519_compact::PublicKey::from_slice(&decoded(self.x.as_ref())?).ok()?;
                key.validate().ok()?;
                Some((KeyMaterial::Ed25519(key), Vec::new()))
            }
            _ => None,
        }
    }

    /// The curve point in SEC 1's uncompressed form. Its coordinates must have their full length
    /// (RFC 7518 §6.2.1.2).
    fn point(&self, coordinate_length: usize) -> Option<Vec<u8>> {
        let (x, y) = (decoded(self.x.as_ref())?, decoded(self.y.as_ref())?);
        if x.len() != coordinate_length || y.len() != coordinate_length {
            return None;
        }
        let mut point = vec![4];
        point.extend_from_slice(&x);
        point.extend_from_slice(&y);
        Some(point)
    }
}

/// An RSA key. Its modulus must have an accepted length, and its exponent be odd and greater than
/// one.
fn rsa_key(modulus: &[u8], exponent: &[u8]) -> Option<rsa::PublicKey> {
    let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte & 1 == 1);
    if !is_odd(modulus) || !is_odd(exponent) || modulus.len() > MAX_RSA_BITS / 8 + 1 {
        return None;
    }
    let key = rsa::PublicKey::new_with_size_limits(
        BoxedUint::from_be_slice_vartime(modulus),
        BoxedUint::from_be_slice_vartime(exponent),
        MIN_RSA_BITS..=MAX_RSA_BITS,
    )
    .ok()?;
    (key.e() > &BoxedUint::one()).then_some(key)
}

/// A JSON text without the byte order mark that may precede it.
pub fn without_byte_order_mark(text: &[u8]) -> &[u8] {
    text.strip_prefix(BYTE_ORDER_MARK).unwrap_or(text)
}

/// Decodes canonical base64url without padding.
fn decoded(text: Option<&String>) -> Option<Vec<u8>> {
    BASE64_URL_SAFE_NO_PAD.decode(text?).ok()
}

#[cfg(test)]
mod tests;
