//! A gateway whose issuer, keys and clock are known.

use std::cell::RefCell;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

use ai_gateway_filter::authn::signature::SoftwareVerifier;
use ai_gateway_filter::callout::Answer;
use ai_gateway_filter::config::Config;
use ai_gateway_filter::refresh::Board;
use ai_gateway_filter::shared::{Resource, Shared};
use ai_gateway_filter::time::UnixTime;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ed25519_compact::{KeyPair, Seed};
use serde_json::{Value, json};

/// When everything begins.
pub const NOW_SECS: u64 = 1_800_000_000;

/// The issuer of good tokens.
pub const ISSUER: &str = "https://issuer.test";

/// The audience of good tokens.
pub const AUDIENCE: &str = "ai-gateway";

/// How the value of every environment variable begins.
pub const SECRET: &str = "secret-of-";

/// A key that signs tokens, the same for the same seed.
pub struct Signer(KeyPair, u8);

impl Signer {
    pub fn new(seed: u8) -> Self {
        Self(KeyPair::from_seed(Seed::new([seed; 32])), seed)
    }

    pub fn jwk(&self) -> Value {
        let x = base64url(self.0.pk.as_slice());
        json!({"kty": "OKP", "crv": "Ed25519", "kid": self.1.to_string(), "x": x})
    }

    pub fn sign(&self, header: &[u8], payload: &[u8]) -> Vec<u8> {
        let signed = format!("{}.{}", base64url(header), base64url(payload));
        let signature = base64url(self.0.sk.sign(&signed, None).as_slice());
        format!("{signed}.{signature}").into_bytes()
    }

    /// A token that lasts an hour, with these permissions.
    pub fn token(&self, subject: &str, scope: &str, expires_at: u64) -> String {
        let header = json!({"alg": "EdDSA", "kid": self.1.to_string()});
        let claims = json!({
            "iss": ISSUER, "aud": AUDIENCE, "sub": subject, "exp": expires_at, "scope": scope,
        });
        let token = self.sign(header.to_string().as_bytes(), claims.to_string().as_bytes());
        String::from_utf8(token).expect("a token is text")
    }
}

pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(bytes)
}

/// A board in memory, as the host's shared data behaves.
#[derive(Default)]
pub struct MemoryBoard(RefCell<HashMap<String, (Vec<u8>, u32)>>);

impl Board for MemoryBoard {
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

/// A gateway and the time that it is told.
pub struct Gateway {
    pub shared: Shared,
    pub board: MemoryBoard,
    pub now: UnixTime,
}

impl Gateway {
    /// One that has fetched nothing yet.
    pub fn cold() -> Self {
        Self::of(config())
    }

    /// One that has the key of the first signer.
    pub fn warm() -> Self {
        let gateway = Self::cold();
        let keys = json!({"keys": [Signer::new(1).jwk()]}).to_string();
        gateway.begin_fetches();
        let body = keys.as_bytes();
        gateway.answer(
            &Resource::Keys(0),
            Answer::Response {
                status: 200,
                body,
                lifetime: None,
            },
        );
        gateway
    }

    pub fn of(config: Config) -> Self {
        let board = MemoryBoard::default();
        Self {
            shared: Shared::new(config, Rc::new(SoftwareVerifier), &board),
            board,
            now: UnixTime::from_secs(NOW_SECS),
        }
    }

    /// What is fetched from now on.
    pub fn begin_fetches(&self) -> Vec<Resource> {
        let polls = self.shared.poll(self.now, &self.board).into_iter();
        let begun = polls.filter(|(_, poll)| poll.callout.is_some());
        begun.map(|(resource, _)| resource).collect()
    }

    /// An answer; whether a further callout follows.
    pub fn answer(&self, resource: &Resource, answer: Answer<'_>) -> bool {
        let shared = &self.shared;
        let next = shared.answered(resource, answer, self.now, &self.board);
        next.is_some()
    }

    pub fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }
}

/// The environment: each `NAME` holds `secret-of-NAME`.
pub fn env(name: &str) -> Option<String> {
    (!name.contains("UNSET")).then(|| format!("{SECRET}{name}"))
}

/// One provider of each kind and state; keys are fetched.
pub fn config() -> Config {
    let key = |name: &str| json!({"env": name});
    let document = json!({
        "authentication": {"issuers": [
            {"issuer": ISSUER, "audiences": [AUDIENCE], "jwks_uri": "https://issuer.test/keys"},
        ]},
        "providers": [
            {"name": "my-openai", "type": "openai", "api_key": key("OPENAI")},
            {"name": "my-claude", "type": "anthropic", "api_key": key("CLAUDE")},
            {"name": "my-google", "type": "google", "api_key": key("GOOGLE")},
            {"name": "my-vllm", "type": "openai_compatible", "base_url": "http://127.0.0.1:8000/v1"},
            {"name": "key-bedrock", "type": "bedrock", "region": "us-east-1",
             "credentials": {"bedrock_api_key": key("BEDROCK")}},
            {"name": "signed-bedrock", "type": "bedrock", "region": "us-east-1",
             "credentials": {"static": {"access_key_id": key("ID"), "secret_access_key": key("KEY")}}},
            {"name": "role-bedrock", "type": "bedrock", "region": "eu-west-1",
             "credentials": {"assume_role": {
                 "role_arn": "arn:aws:iam::123456789012:role/r", "source": {"imds": {}}}}},
            {"name": "switched-off", "type": "openai", "api_key": key("OFF"), "enabled": false},
            {"name": "for-finance", "type": "openai", "api_key": key("FINANCE"),
             "allow": [{"claim": "groups", "value": "finance"}]},
            {"name": "own-claude", "type": "anthropic", "authorization_passthrough": true},
            {"name": "guarded-claude", "type": "anthropic", "authorization_passthrough": true,
             "require_gateway_token": true},
        ],
    });
    Config::parse(document.to_string().as_bytes(), &env).expect("the configuration is good")
}
