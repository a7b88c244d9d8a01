//! Whole requests under a virtual clock, with an identity provider whose answers are scripted.
//! Asserted is what the host is told to do, not in which order the rooms were asked.

mod authorization;
mod awaiting_keys;
mod credentials;
mod directory;
mod invariants;
mod logging;
mod measuring;
mod modelling;
mod observing;
mod passthrough;
mod realtime;
mod status;
mod strangers;
mod uploading;
mod usage;

use std::rc::Rc;

use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::authn::signature::SoftwareVerifier;
use crate::fetch::callout::CalloutResponse;
use crate::forward::UpstreamRequest;
use crate::http::head::ResponseHead;
use crate::reply::Reply;
use crate::testing::{
    AUDIENCE, ISSUER, MemoryBoard, NOW, SigningKey, claims, config, head, key_set, response,
};

const PREFIX: &str = "/llm/v1/providers";

/// The configuration of most tests: one provider of each kind and state; keys are fetched.
fn document() -> Value {
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

/// A gateway and the time that it is told.
struct Gateway {
    shared: Shared,
    shared_data: MemoryBoard,
    now: UnixTime,
}

/// What became of one input.
struct Outcome {
    transaction: Transaction,
    effects: Vec<Effect>,
}

impl Gateway {
    /// One that has fetched nothing yet.
    fn cold(document: &Value) -> Self {
        let shared_data = MemoryBoard::default();
        Self {
            shared: Shared::new(config(document), Rc::new(SoftwareVerifier), &shared_data),
            shared_data,
            now: NOW,
        }
    }

    /// One that has the key `k`.
    fn warm() -> Self {
        let gateway = Self::cold(&document());
        gateway.keys_arrive(&["k"]);
        gateway
    }

    /// One that asks nobody for a token.
    fn open() -> Self {
        let mut document = document();
        document["authentication"] = json!({"disabled": true});
        let providers = document["providers"].as_array_mut().unwrap();
        providers.retain(|provider| provider.get("require_gateway_token").is_none());
        Self::cold(&document)
    }

    fn keys_arrive(&self, ids: &[&str]) {
        let keys: Vec<_> = ids.iter().map(|id| SigningKey::new(id).jwk()).collect();
        let body = key_set(&keys);
        self.fetch(response(200, body.as_bytes()));
    }

    fn fetch(&self, answer: CalloutResponse<'_>) {
        assert_eq!(self.begun(), [Resource::Keys(0)]);
        self.answer(&Resource::Keys(0), answer);
    }

    /// What is fetched from now on.
    fn begun(&self) -> Vec<Resource> {
        let polls = self.shared.poll(self.now, &self.shared_data).into_iter();
        let begun = polls.filter(|(_, poll)| poll.callout.is_some());
        begun.map(|(resource, _)| resource).collect()
    }

    fn answer(&self, resource: &Resource, answer: CalloutResponse<'_>) {
        let next = self
            .shared
            .on_response(resource, answer, self.now, &self.shared_data);
        assert_eq!(next, None);
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now + Duration::from_secs(seconds);
    }

    fn handle(&self, transaction: Transaction, input: Input<'_>) -> Outcome {
        let mut effects = Vec::new();
        let transaction = transaction.handle(
            input,
            &self.shared,
            &self.shared_data,
            &self.now,
            &mut effects,
        );
        Outcome {
            transaction,
            effects,
        }
    }

    /// A request for `path` below the prefix, with these headers beside the pseudo-headers.
    fn request(&self, method: &str, path: &str, headers: &[(&str, &str)]) -> Outcome {
        let path = format!("{PREFIX}{path}");
        let pseudo = [
            (":method", method),
            (":scheme", "https"),
            (":authority", "gateway.test"),
            (":path", path.as_str()),
        ];
        let head = head(&[&pseudo, headers].concat());
        self.handle(Transaction::Init, Input::RequestHead(head))
    }

    fn post(&self, path: &str, headers: &[(&str, &str)]) -> Outcome {
        self.request("POST", path, headers)
    }

    fn get(&self, path: &str, headers: &[(&str, &str)]) -> Outcome {
        self.request("GET", path, headers)
    }
}

impl Outcome {
    /// The request that the provider gets, as the one effect.
    fn forwarded(&self) -> &UpstreamRequest {
        match self.effects.as_slice() {
            [Effect::Forward(request)] => {
                assert_eq!(self.transaction.flow(), Flow::Continue);
                request
            }
            other => panic!("not forwarded: {other:?}"),
        }
    }

    /// The effects but for what the access log is told.
    fn not_logged(&self) -> impl Iterator<Item = &Effect> {
        let is_other = |effect: &&Effect| !matches!(effect, Effect::Log(..));
        self.effects.iter().filter(is_other)
    }

    /// The reply, beside what the access log is told the one effect.
    fn reply(&self) -> &Reply {
        let effects: Vec<_> = self.not_logged().collect();
        match effects.as_slice() {
            [Effect::Reply(reply)] | [Effect::Measure(_), Effect::Reply(reply)] => {
                assert_eq!(self.transaction.flow(), Flow::Pause);
                assert!(matches!(self.transaction, Transaction::Replied));
                reply
            }
            other => panic!("not answered: {other:?}"),
        }
    }

    /// Status and code of the rejection.
    fn rejection(&self) -> (u16, String) {
        let body = self.body();
        let code = body["error"]["code"].as_str().unwrap_or("none");
        (self.reply().status, code.to_owned())
    }

    fn body(&self) -> Value {
        serde_json::from_slice(&self.reply().body).unwrap()
    }

    fn waits(&self) -> bool {
        let waits = self.effects == [Effect::Await(Resource::Keys(0))];
        assert_eq!(waits, matches!(self.transaction, Transaction::Awaiting(_)));
        waits
    }
}

/// The one value that a header has upstream, `None` where it is not set.
fn upstream<'a>(request: &'a UpstreamRequest, name: &str) -> Option<&'a str> {
    let mut found = request.set.iter().filter(|(set, _)| *set == name);
    let value = found.next().map(|(_, value)| value);
    assert!(found.next().is_none(), "{name} is set twice");
    value.map(|value| std::str::from_utf8(value).unwrap())
}

fn token(changes: Value) -> String {
    SigningKey::new("k").token(&claims(changes))
}

fn good() -> String {
    token(json!({}))
}

/// One who may do nothing.
fn powerless() -> String {
    token(json!({"scope": "openid"}))
}

fn bearer(token: &str) -> String {
    format!("Bearer {token}")
}

fn rejection(status: u16, code: &str) -> (u16, String) {
    (status, code.to_owned())
}

#[test]
fn the_response_loses_the_headers_that_tell_of_the_gateways_account() {
    let gateway = Gateway::warm();
    let bearer = bearer(&good());
    let outcome = gateway.post("/my-openai/models", &[("authorization", &bearer)]);
    let names = [
        ":status",
        "openai-organization",
        "x-request-id",
        "set-cookie",
    ];
    let head = names.map(|name| (name.to_owned(), b"200".to_vec()));
    let head = ResponseHead::new(head.to_vec());
    let outcome = gateway.handle(outcome.transaction, Input::ResponseHead(head));
    let [Effect::RemoveResponseHeaders(names)] = outcome.effects.as_slice() else {
        panic!("{:?}", outcome.effects);
    };
    assert_eq!(*names, ["openai-organization", "set-cookie"]);
    assert_eq!(outcome.transaction.flow(), Flow::Continue);
}

#[test]
fn a_gateway_without_authentication_still_swaps_the_credential() {
    let gateway = Gateway::open();
    for headers in [
        vec![],
        vec![("authorization", "Bearer anything")],
        vec![("authorization", "Basic anything")],
        vec![("x-goog-api-key", "anything")],
    ] {
        let outcome = gateway.post("/my-openai/models", &headers);
        assert_eq!(
            upstream(outcome.forwarded(), "authorization"),
            Some("Bearer secret-of-OPENAI_KEY")
        );
    }
    for (path, expected) in [
        ("/switched-off/models", rejection(403, "provider_disabled")),
        ("/nobody/models", rejection(404, "provider_not_found")),
        ("/../x", rejection(400, "path_invalid")),
    ] {
        assert_eq!(gateway.post(path, &[]).rejection(), expected);
    }
}
