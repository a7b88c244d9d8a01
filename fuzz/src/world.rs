//! A gateway whose issuer, keys and clock are known.

use std::rc::Rc;
use std::time::Duration;

use ai_gateway_core::authn::signature::SoftwareVerifier;
use ai_gateway_core::base::time::UnixTime;
use ai_gateway_core::config::Config;
use ai_gateway_core::fetch::callout::CalloutResponse;
use ai_gateway_core::gateway::{Resource, Shared};
use ai_gateway_core::testing::{AUDIENCE, ISSUER, MemoryBoard, NOW, SigningKey, key_set, response};
use serde_json::json;

/// A gateway and the time that it is told.
pub struct Gateway {
    pub shared: Shared,
    pub shared_data: MemoryBoard,
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
        let keys = key_set(&[SigningKey::new("1").jwk()]);
        gateway.begin_fetches();
        gateway.answer(&Resource::Keys(0), response(200, keys.as_bytes()));
        gateway
    }

    pub fn of(config: Config) -> Self {
        let shared_data = MemoryBoard::default();
        Self {
            shared: Shared::new(config, Rc::new(SoftwareVerifier), &shared_data),
            shared_data,
            now: NOW,
        }
    }

    /// What is fetched from now on.
    pub fn begin_fetches(&self) -> Vec<Resource> {
        let polls = self.shared.poll(self.now, &self.shared_data).into_iter();
        let begun = polls.filter(|(_, poll)| poll.callout.is_some());
        begun.map(|(resource, _)| resource).collect()
    }

    /// An answer; whether a further callout follows.
    pub fn answer(&self, resource: &Resource, answer: CalloutResponse<'_>) -> bool {
        let shared = &self.shared;
        let next = shared.on_response(resource, answer, self.now, &self.shared_data);
        next.is_some()
    }

    pub fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }
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
    ai_gateway_core::testing::config(&document)
}
