//! Whole requests on a virtual clock. The test plays the identity provider, and asserts the effects
//! on the host rather than the order of the steps.

mod authorization;
mod awaiting_fetch;
mod credentials;
mod directory;
mod gateway_metrics;
mod invariants;
mod logging;
mod mcp;
mod model_policy;
mod observing;
mod passthrough;
mod status;
mod unauthenticated_clients;
mod uploading;
mod usage;
mod websocket;

use serde_json::{Value, json};

use super::*;
use crate::base::chunk::Chunk;
use crate::base::time::UnixTime;
use crate::fetch::callout::CalloutResponse;
use crate::forward::UpstreamRequest;
use crate::gateway::Resource;
use crate::http::head::{RequestHead, ResponseHead};
use crate::reply::Reply;
use crate::testing::{
    AUDIENCE, ISSUER, Outcome, PREFIX, SigningKey, TestGateway, claims, config, document, head,
    key_set, response,
};

impl TestGateway {
    /// A gateway that has fetched nothing yet.
    fn cold(document: &Value) -> Self {
        Self::new(config(document))
    }

    /// A gateway that has fetched the key `k`.
    fn warm() -> Self {
        let gateway = Self::cold(&document());
        gateway.publish_keys(&["k"]);
        gateway
    }

    /// A gateway that asks nobody for a token.
    fn without_authentication() -> Self {
        let mut document = document();
        document["authentication"] = json!({"disabled": true});
        let providers = document["providers"].as_array_mut().unwrap();
        providers.retain(|provider| provider.get("require_gateway_token").is_none());
        Self::cold(&document)
    }

    /// A request for `path` below the prefix, with these headers besides the pseudo-headers.
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
    /// The request to the provider, which must be the only effect.
    fn forwarded(&self) -> &UpstreamRequest {
        match self.effects.as_slice() {
            [Effect::Forward(request)] => {
                assert_eq!(self.transaction.flow(), Flow::Continue);
                request
            }
            other => panic!("not forwarded: {other:?}"),
        }
    }

    /// The effects other than on the access log.
    fn not_logged(&self) -> impl Iterator<Item = &Effect> {
        let is_other = |effect: &&Effect| !matches!(effect, Effect::Log(..));
        self.effects.iter().filter(is_other)
    }

    /// The reply, which must be the only effect besides the log and the metric.
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

    /// The status and the code of the rejection.
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
        let state = &self.transaction;
        assert_eq!(waits, matches!(state, Transaction::AwaitingFetch(_)));
        waits
    }
}

/// The value that is set for a header, `None` if it is not set.
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

/// The token of a caller without permissions.
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
fn headers_that_reveal_the_operators_account_are_removed_from_the_response() {
    let gateway = TestGateway::warm();
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
    let [
        Effect::RemoveResponseHeaders(names),
        Effect::SetResponseHeaders(_),
    ] = outcome.effects.as_slice()
    else {
        panic!("{:?}", outcome.effects);
    };
    assert_eq!(*names, ["openai-organization", "set-cookie"]);
    assert_eq!(outcome.transaction.flow(), Flow::Continue);
}

#[test]
fn a_response_of_the_host_itself_is_not_edited() {
    let gateway = TestGateway::warm();
    let bearer = bearer(&good());
    let outcome = gateway.post("/my-openai/models", &[("authorization", &bearer)]);
    let head = [
        (":status", "503"),
        ("x-ai-gateway-error", "upstream_unavailable"),
    ];
    let head = head.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let head = ResponseHead::new(head.to_vec());
    let outcome = gateway.handle(outcome.transaction, Input::LocalReplyHead(head));
    assert_eq!(outcome.effects, []);
}

#[test]
fn a_browser_gets_no_response_that_it_would_run() {
    let gateway = TestGateway::warm();
    let bearer = bearer(&good());
    let token = ("authorization", bearer.as_str());
    let refused = rejection(403, "browser_destination_refused");
    let destinations = [
        "document",
        "iframe",
        "frame",
        "embed",
        "object",
        "script",
        "worker",
        "sharedworker",
        "serviceworker",
        "audioworklet",
        "paintworklet",
        "style",
        "xslt",
        "image",
        "manifest",
        "report",
        "webidentity",
        "anything-new",
    ];
    let destinations = destinations.map(|destination| ("sec-fetch-dest", destination));
    for header in [
        &destinations[..],
        &[
            ("service-worker", "script"),
            ("sec-fetch-mode", "navigate"),
            ("sec-fetch-mode", "nested-navigate"),
        ],
    ]
    .concat()
    {
        for path in ["/my-openai/v1/models", "/nobody/v1/models"] {
            for headers in [&[token, header][..], &[header]] {
                let outcome = gateway.get(path, headers);
                assert_eq!(outcome.rejection(), refused, "{path} {headers:?}");
            }
        }
    }
    for headers in [
        [("sec-fetch-dest", "empty"), ("sec-fetch-mode", "cors")],
        [
            ("sec-fetch-dest", "empty"),
            ("sec-fetch-mode", "same-origin"),
        ],
        [
            ("sec-fetch-dest", "websocket"),
            ("sec-fetch-mode", "websocket"),
        ],
        [("sec-fetch-dest", ""), ("sec-fetch-site", "cross-site")],
    ] {
        let outcome = gateway.get("/my-openai/v1/models", &[&[token], &headers[..]].concat());
        let removed = &outcome.forwarded().remove;
        for (name, _) in headers {
            let is_removed = removed.iter().any(|other| other == name);
            assert!(is_removed, "no provider learns of the browser");
        }
    }
    let page = [
        token,
        ("sec-fetch-dest", "document"),
        ("sec-fetch-mode", "navigate"),
    ];
    assert_eq!(
        gateway.get("", &page).reply().status,
        200,
        "the connect page"
    );
}

#[test]
fn a_gateway_without_authentication_still_replaces_the_credential() {
    let gateway = TestGateway::without_authentication();
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
