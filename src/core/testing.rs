//! What the tests of several rooms and the fuzz targets share: a moment, keys that mint tokens, heads,
//! configurations, a shared_data.

use std::cell::RefCell;
use std::collections::HashMap;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ed25519_compact::{KeyPair, Seed};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::base::shared_data::SharedData;
use crate::base::time::UnixTime;
use crate::config::Config;
use crate::fetch::callout::CalloutResponse;
use crate::http::head::RequestHead;

/// The moment at which a virtual clock begins.
pub const NOW_SECS: u64 = 1_800_000_000;
pub const NOW: UnixTime = UnixTime::from_secs(NOW_SECS);

/// The issuer and the audience of every good token.
pub const ISSUER: &str = "https://issuer.test";
pub const AUDIENCE: &str = "ai-gateway";

/// A private key of some issuer; the same for the same `id`.
pub struct SigningKey {
    id: String,
    pair: KeyPair,
}

impl SigningKey {
    pub fn new(id: &str) -> Self {
        Self {
            id: id.to_owned(),
            pair: KeyPair::from_seed(Seed::new(Sha256::digest(id).into())),
        }
    }

    /// Its public half.
    pub fn jwk(&self) -> Value {
        let x = base64url(self.pair.pk.as_slice());
        json!({"kty": "OKP", "crv": "Ed25519", "kid": self.id, "x": x})
    }

    /// A token with these claims and a header that names this key.
    pub fn token(&self, claims: &Value) -> String {
        let header = json!({"alg": "EdDSA", "kid": self.id});
        self.sign(header.to_string(), claims.to_string())
    }

    /// A token with whatever stands in its parts, rightly signed.
    pub fn sign(&self, header: impl AsRef<[u8]>, payload: impl AsRef<[u8]>) -> String {
        let signed = format!("{}.{}", base64url(header), base64url(payload));
        let signature = self.pair.sk.sign(&signed, None);
        format!("{signed}.{}", base64url(signature.as_slice()))
    }
}

/// A key set document.
pub fn key_set(keys: &[Value]) -> String {
    json!({ "keys": keys }).to_string()
}

/// What a server answers that does not say how long its answer is good.
pub const fn response(status: u16, body: &[u8]) -> CalloutResponse<'_> {
    CalloutResponse::Response {
        status,
        body,
        lifetime: None,
    }
}

/// The claims of a good token that may invoke and get, with `changes` on top; a null removes.
pub fn claims(changes: Value) -> Value {
    let mut claims = json!({
        "iss": ISSUER,
        "aud": AUDIENCE,
        "sub": "alice",
        "exp": NOW_SECS + 3600,
        "scope": "LLMProviderInvoker",
    });
    let members = claims.as_object_mut().unwrap();
    for (name, value) in changes.as_object().cloned().unwrap_or_default() {
        if value.is_null() {
            members.remove(&name);
        } else {
            members.insert(name, value);
        }
    }
    claims
}

/// A published or independently made signature: `tests/vectors/jws/README.md`.
#[derive(Deserialize)]
pub struct JwsVector {
    pub source: String,
    pub algorithm: String,
    pub jwk: Value,
    pub jws: String,
}

/// The examples of the standards.
pub fn rfc_vectors() -> Vec<JwsVector> {
    serde_json::from_str(include_str!("../../tests/vectors/jws/rfc.json")).unwrap()
}

/// One token for each algorithm, by another implementation.
pub fn independent_vectors() -> Vec<JwsVector> {
    serde_json::from_str(include_str!("../../tests/vectors/jws/independent.json")).unwrap()
}

pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

pub fn base64url_decoded(text: &str) -> Vec<u8> {
    BASE64_URL_SAFE_NO_PAD.decode(text).unwrap()
}

/// A request's head with these headers and no other.
pub fn head(headers: &[(&str, &str)]) -> RequestHead {
    RequestHead::new(
        headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()))
            .collect(),
    )
}

/// A configuration that must be good; each environment variable `NAME` holds `secret-of-NAME`.
pub fn config(document: &Value) -> Config {
    Config::parse(document.to_string().as_bytes(), &env).unwrap()
}

/// How the value of every environment variable begins.
pub const SECRET: &str = "secret-of-";

/// The environment of every test: `NAME` holds `secret-of-NAME`, but for names with `UNSET`.
pub fn env(name: &str) -> Option<String> {
    (!name.contains("UNSET")).then(|| format!("{SECRET}{name}"))
}

/// A shared_data in memory, as the host's shared data behaves.
#[derive(Default)]
pub struct MemoryBoard(RefCell<HashMap<String, (Vec<u8>, u32)>>);

impl SharedData for MemoryBoard {
    fn read(&self, key: &str) -> Option<(Vec<u8>, u32)> {
        self.0.borrow().get(key).cloned()
    }

    fn write(&self, key: &str, text: &[u8], expected: Option<u32>) -> bool {
        let mut texts = self.0.borrow_mut();
        let version = texts.get(key).map_or(0, |(_, version)| *version);
        let may_write = expected.is_none_or(|expected| expected == version);
        if may_write {
            texts.insert(key.to_owned(), (text.to_vec(), version + 1));
        }
        may_write
    }
}
