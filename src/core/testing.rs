//! What the tests of several modules and the fuzz targets share: a fixed time, keys that sign
//! tokens, heads, configurations, shared data in memory, and a [`TestGateway`].

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ed25519_compact::{KeyPair, Seed};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::authn::signature::{SignatureVerifier, SoftwareVerifier};
use crate::authn::{KeyWaits, Verdict};
use crate::base::shared_data::SharedData;
use crate::base::time::UnixTime;
use crate::config::Config;
use crate::fetch::callout::{Callout, CalloutResponse};
use crate::gateway::{Gateway, Resource};
use crate::http::head::RequestHead;
use crate::telemetry::{Measurement, Metric};
use crate::transaction::{Context, Effect, Input, Transaction};

/// The time at which a test starts.
pub const NOW_SECS: u64 = 1_800_000_000;
pub const NOW: UnixTime = UnixTime::from_secs(NOW_SECS);

/// The issuer and the audience of every valid token.
pub const ISSUER: &str = "https://issuer.test";
pub const AUDIENCE: &str = "ai-gateway";

/// An issuer's private key; the same for the same `id`.
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

    /// The public key.
    pub fn jwk(&self) -> Value {
        let x = base64url(self.pair.pk.as_slice());
        json!({"kty": "OKP", "crv": "Ed25519", "kid": self.id, "x": x})
    }

    /// A token with these claims and a header that names this key.
    pub fn token(&self, claims: &Value) -> String {
        let header = json!({"alg": "EdDSA", "kid": self.id});
        self.sign(header.to_string(), claims.to_string())
    }

    /// A token with these parts and a valid signature.
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

/// A server's response without a lifetime.
pub const fn response(status: u16, body: &[u8]) -> CalloutResponse<'_> {
    CalloutResponse::Response {
        status,
        body,
        lifetime: None,
        location: None,
    }
}

/// The claims of a valid token that may invoke and get, with `changes` applied; a null removes.
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

/// A signature from a standard or from another implementation: `tests/vectors/jws/README.md`.
#[derive(Deserialize)]
pub struct JwsVector {
    pub source: String,
    pub algorithm: String,
    pub jwk: Value,
    pub jws: String,
}

/// The examples in the standards.
pub fn rfc_vectors() -> Vec<JwsVector> {
    serde_json::from_str(include_str!("../../tests/vectors/jws/rfc.json")).unwrap()
}

/// One token for each algorithm, from another implementation.
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

/// A valid configuration; each environment variable `NAME` holds `secret-of-NAME`.
pub fn config(document: &Value) -> Config {
    Config::parse(document.to_string().as_bytes(), &env).unwrap()
}

/// The prefix of every environment variable's value.
pub const SECRET: &str = "secret-of-";

/// The environment of every test: `NAME` holds `secret-of-NAME`. Names with `UNSET` are not set.
pub fn env(name: &str) -> Option<String> {
    (!name.contains("UNSET")).then(|| format!("{SECRET}{name}"))
}

/// Shared data in memory that behaves like the host's.
#[derive(Default)]
pub struct MemorySharedData(RefCell<HashMap<String, (Vec<u8>, u32)>>);

impl SharedData for MemorySharedData {
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

/// The path prefix in [`document`].
pub const PREFIX: &str = "/llm/v1/providers";

/// The configuration of most tests: one provider of each kind and state, and one issuer whose keys
/// are fetched.
pub fn document() -> Value {
    json!({
        "authentication": {"issuers": [{
            "issuer": ISSUER,
            "audiences": [AUDIENCE],
            "jwks_uri": "https://issuer.test/keys",
        }]},
        "authorization": {"bindings": [
            {"subject": "bound", "permissions": ["invoke", "get"], "providers": ["my-openai"]},
        ]},
        "providers": [
            {"name": "my-openai", "type": "openai", "api_key": {"env": "OPENAI_KEY"}},
            {"name": "my-claude", "type": "anthropic", "api_key": {"env": "CLAUDE_KEY"}},
            {"name": "my-google", "type": "google", "api_key": {"env": "GOOGLE_KEY"}},
            {
                "name": "my-bedrock",
                "type": "bedrock",
                "region": "us-east-1",
                "credentials": {"bedrock_api_key": {"env": "BEDROCK_KEY"}},
            },
            {
                "name": "signed-bedrock",
                "type": "bedrock",
                "region": "us-east-1",
                "credentials": {"static": {
                    "access_key_id": {"env": "AWS_ID"},
                    "secret_access_key": {"env": "AWS_SECRET"},
                }},
            },
            {
                "name": "my-vllm",
                "type": "openai_compatible",
                "base_url": "http://127.0.0.1:8000/v1",
            },
            {
                "name": "switched-off",
                "type": "openai",
                "api_key": {"env": "OFF_KEY"},
                "enabled": false,
                "models": ["m1"],
            },
            {
                "name": "for-finance",
                "type": "openai",
                "api_key": {"env": "FINANCE_KEY"},
                "allow": [{"claim": "groups", "value": "finance"}],
            },
            {"name": "own-claude", "type": "anthropic", "authorization_passthrough": true},
            {
                "name": "guarded-claude",
                "type": "anthropic",
                "authorization_passthrough": true,
                "require_gateway_token": true,
            },
        ],
    })
}

/// A gateway with a virtual clock, for which the test plays every server that it fetches from.
pub struct TestGateway {
    gateway: RefCell<Gateway>,
    pub shared_data: MemorySharedData,
    pub now: UnixTime,
}

/// The result of one event.
pub struct Outcome {
    pub transaction: Transaction,
    pub effects: Vec<Effect>,
}

impl TestGateway {
    /// A gateway that has fetched nothing yet.
    pub fn new(config: Config) -> Self {
        Self::with_verifier(config, Rc::new(SoftwareVerifier))
    }

    /// The same, with signatures verified by `verifier`.
    pub fn with_verifier(config: Config, verifier: Rc<dyn SignatureVerifier>) -> Self {
        let shared_data = MemorySharedData::default();
        Self {
            gateway: Gateway::new(config, verifier, &shared_data).into(),
            shared_data,
            now: NOW,
        }
    }

    /// Starts the fetches that are due.
    pub fn start_fetches(&self) -> Vec<Resource> {
        let mut gateway = self.gateway.borrow_mut();
        let polls = gateway.poll(self.now, &self.shared_data).into_iter();
        let started = polls.filter(|(_, poll)| poll.callout.is_some());
        started.map(|(resource, _)| resource).collect()
    }

    /// Responds to a callout. Returns the next one if the fetch has not ended.
    pub fn respond(&self, resource: &Resource, response: CalloutResponse<'_>) -> Option<Callout> {
        let mut gateway = self.gateway.borrow_mut();
        gateway.on_response(resource, response, self.now, &self.shared_data)
    }

    /// Fetches an issuer's keys, which must be the only fetch that is due.
    pub fn publish_keys(&self, ids: &[&str]) {
        let keys: Vec<_> = ids.iter().map(|id| SigningKey::new(id).jwk()).collect();
        let body = key_set(&keys);
        self.fetch_keys(response(200, body.as_bytes()));
    }

    /// The same with any response.
    pub fn fetch_keys(&self, response: CalloutResponse<'_>) {
        assert_eq!(self.start_fetches(), [Resource::Keys(0)]);
        self.finish_fetch(&Resource::Keys(0), response);
    }

    /// Responds to a fetch's only callout.
    pub fn finish_fetch(&self, resource: &Resource, response: CalloutResponse<'_>) {
        assert_eq!(self.respond(resource, response), None);
    }

    /// Authenticates a token of a request that has waited for nothing.
    pub fn authenticate(&self, token: &[u8]) -> Verdict {
        let mut gateway = self.gateway.borrow_mut();
        let prior_waits = KeyWaits::default();
        let authenticator = &mut gateway.authenticator;
        authenticator.authenticate(token, &prior_waits, self.now)
    }

    /// Advances the clock.
    pub fn advance(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }

    /// Passes an event to a transaction.
    pub fn handle(&self, transaction: Transaction, input: Input<'_>) -> Outcome {
        let mut effects = Vec::new();
        let transaction = transaction.handle(
            input,
            &mut Context {
                gateway: &mut self.gateway.borrow_mut(),
                shared_data: &self.shared_data,
                clock: &self.now,
                effects: &mut effects,
            },
        );
        Outcome {
            transaction,
            effects,
        }
    }

    /// What the gateway reports at a tick.
    pub fn report(&self) -> Vec<Measurement> {
        let mut gateway = self.gateway.borrow_mut();
        gateway.report(self.now, &self.shared_data)
    }

    /// What the gateway reports when the worker shuts down.
    pub fn shutdown(&self) -> Vec<Measurement> {
        let mut gateway = self.gateway.borrow_mut();
        gateway.shutdown(self.now, &self.shared_data)
    }

    /// A metric's name with its labels.
    pub fn metric_name(&self, metric: Metric) -> String {
        metric.name(&self.gateway.borrow().labels)
    }
}
