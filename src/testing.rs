//! What the tests of several rooms share: a moment, keys that mint tokens, heads, configurations.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ed25519_compact::{KeyPair, Seed};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::config::Config;
use crate::head::RequestHead;
use crate::time::UnixTime;

/// The moment at which a virtual clock begins.
pub(crate) const NOW_SECS: u64 = 1_800_000_000;
pub(crate) const NOW: UnixTime = UnixTime::from_secs(NOW_SECS);

/// The issuer and the audience of every good token.
pub(crate) const ISSUER: &str = "https://issuer.test";
pub(crate) const AUDIENCE: &str = "ai-gateway";

/// A private key of some issuer; the same for the same `id`.
pub(crate) struct SigningKey {
    id: String,
    pair: KeyPair,
}

impl SigningKey {
    pub(crate) fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            pair: KeyPair::from_seed(Seed::new(Sha256::digest(id).into())),
        }
    }

    /// Its public half.
    pub(crate) fn jwk(&self) -> Value {
        let x = base64url(self.pair.pk.as_slice());
        json!({"kty": "OKP", "crv": "Ed25519", "kid": self.id, "x": x})
    }

    /// A token with these claims and a header that names this key.
    pub(crate) fn token(&self, claims: &Value) -> String {
        let header = json!({"alg": "EdDSA", "kid": self.id});
        self.sign(&header.to_string(), &claims.to_string())
    }

    /// A token with whatever stands in its parts, rightly signed.
    pub(crate) fn sign(&self, header: &str, payload: &str) -> String {
        let signed = format!("{}.{}", base64url(header), base64url(payload));
        let signature = self.pair.sk.sign(&signed, None);
        format!("{signed}.{}", base64url(signature.as_slice()))
    }
}

/// A key set document.
pub(crate) fn key_set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// The claims of a good token that may invoke and get, with `changes` on top; a null removes.
pub(crate) fn claims(changes: Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "alice",
        "exp": NOW_SECS + 3600,
        "scope": "LLMProviderInvoker",
    });
    for (name, value) in changes.as_object().cloned().unwrap_or_default() {
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(&name);
        } else {
            claims[name] = value;
        }
    }
    claims
}

/// A published or independently made signature: `tests/vectors/jws/README.md`.
#[derive(Deserialize)]
pub(crate) struct JwsVector {
    pub(crate) source: String,
    pub(crate) algorithm: String,
    pub(crate) jwk: Value,
    pub(crate) jws: String,
}

/// The examples of the standards.
pub(crate) fn rfc_vectors() -> Vec<JwsVector> {
    serde_json::from_str(include_str!("../tests/vectors/jws/rfc.json")).unwrap()
}

/// One token for each algorithm, by another implementation.
pub(crate) fn independent_vectors() -> Vec<JwsVector> {
    serde_json::from_str(include_str!("../tests/vectors/jws/independent.json")).unwrap()
}

pub(crate) fn base64url(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

pub(crate) fn base64url_decoded(text: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// A request's head with these headers and no other.
pub(crate) fn head(headers: &[(&str, &str)]) -> RequestHead {
    RequestHead::new(
        headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
            .collect(),
    )
}

/// A configuration that must be good; each environment variable `NAME` holds `secret-of-NAME`.
pub(crate) fn config(document: &Value) -> Config {
    Config::parse(document.to_string().as_bytes(), &env).unwrap()
}

/// The environment of every test: `NAME` holds `secret-of-NAME`, but for names with `UNSET`.
pub(crate) fn env(name: &str) -> Option<String> {
    (!name.contains("UNSET")).then(|| format!("secret-of-{name}"))
}
