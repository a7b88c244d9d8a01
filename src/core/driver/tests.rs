//! The driver on a fake host: which calls it makes, in which context, and what becomes of requests.

mod bodies;
mod callbacks;
mod configuration;
mod fake_host;
mod held_bodies;
mod reports;
mod waiting;

use std::rc::Rc;

use serde_json::{Value, json};

use super::*;
use crate::testing::{AUDIENCE, ISSUER, SECRET, SigningKey, claims, env, key_set};
use fake_host::{Call, FakeHost, Verification};

/// The root context. Contexts of requests have other ids.
const ROOT: u32 = 1;

const CHAT: &str = "/my-openai/v1/chat/completions";
/// Held until its body has been hashed.
const SIGNED: &str = "/signed-bedrock/model/m/invoke";
/// Held until its body has named its model, and its caller is not authenticated.
const ANONYMOUS: &str = "/own-claude/v1/messages";
/// Held until its body has named its model.
const LISTED: &str = "/listed-openai/v1/chat/completions";

fn document() -> Value {
    json!({
        "authentication": {"issuers": [{
            "issuer": ISSUER,
            "audiences": [AUDIENCE],
            "jwks_uri": "https://issuer.test/keys",
        }]},
        "providers": [
            {"name": "my-openai", "type": "openai", "api_key": {"env": "OPENAI_KEY"}},
            {
                "name": "listed-openai",
                "type": "openai",
                "api_key": {"env": "OPENAI_KEY"},
                "models": ["m"],
            },
            {
                "name": "own-claude",
                "type": "anthropic",
                "authorization_passthrough": true,
                "models": ["m"],
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
        ],
    })
}

/// A driver and its host, which calls it as Envoy would.
struct World {
    host: FakeHost,
    driver: Driver<FakeHost>,
    last_context: u32,
}

impl World {
    /// No keys have been fetched yet, and no tick has come.
    fn cold() -> Self {
        Self::on(FakeHost::new(&Rc::default()), &document())
    }

    /// Keys have been fetched.
    fn warm() -> Self {
        let mut world = Self::cold();
        world.fetch_keys();
        world
    }

    fn on(host: FakeHost, document: &Value) -> Self {
        host.0.effective_context.set(ROOT);
        let driver = start(&host, document).unwrap();
        Self {
            host,
            driver,
            last_context: ROOT,
        }
    }

    /// Another worker with the same shared data.
    fn beside(&self) -> Self {
        let host = FakeHost::new(&self.host.0.shared_data);
        host.0.now.set(self.host.0.now.get());
        Self::on(host, &document())
    }

    /// The calls since this was last asked, without measurements.
    fn calls(&self) -> Vec<Call> {
        let calls = self.host.0.calls.borrow_mut().split_off(0);
        let is_other = |call: &Call| !matches!(call, Call::Measure(..));
        calls.into_iter().filter(is_other).collect()
    }

    fn pass(&self, time: Duration) {
        self.host.0.now.set(self.host.0.now.get() + time);
    }

    fn tick(&mut self) {
        self.host.0.effective_context.set(ROOT);
        self.driver.on_tick();
        assert_eq!(self.host.0.effective_context.get(), ROOT);
    }

    /// Lets the driver fetch the keys.
    fn fetch_keys(&mut self) {
        self.tick();
        let calls = self.calls();
        let token = calls.iter().find_map(|call| match call {
            Call::Callout(token) => Some(*token),
            _ => None,
        });
        self.respond_with_keys(token.expect("a callout"));
    }

    fn respond_with_keys(&mut self, token: u32) {
        let body = key_set(&[SigningKey::new("k").jwk()]);
        self.respond(token, 200, body.as_bytes());
    }

    fn respond(&mut self, token: u32, status: u16, body: &[u8]) {
        let response = (status.to_string(), Vec::new(), body.to_vec());
        self.host.0.callout_response.replace(Some(response));
        self.host.0.effective_context.set(ROOT);
        self.driver.on_callout_response(token, 3, body.len());
        assert_eq!(self.host.0.effective_context.get(), ROOT);
    }

    /// A new request whose body is still to come. Returns its context and whether it continues.
    fn request(&mut self, path: &str) -> (u32, Flow) {
        self.request_with(path, &[], EndOfStream::No)
    }

    fn request_with(
        &mut self,
        path: &str,
        headers: &[(&str, &str)],
        end: EndOfStream,
    ) -> (u32, Flow) {
        let token = SigningKey::new("k").token(&claims(json!({})));
        self.request_by(&token, path, headers, end)
    }

    fn request_by(
        &mut self,
        token: &str,
        path: &str,
        headers: &[(&str, &str)],
        end: EndOfStream,
    ) -> (u32, Flow) {
        self.last_context += 1;
        let context = self.last_context;
        let path = format!("/llm/v1/providers{path}");
        let bearer = format!("Bearer {token}");
        let usual = [
            (":method", "POST"),
            (":scheme", "https"),
            (":authority", "gateway.test"),
            (":path", path.as_str()),
            ("authorization", bearer.as_str()),
            ("content-type", "application/json"),
        ];
        let headers = usual.iter().chain(headers);
        let stream = fake_host::Stream::new(headers);
        self.host.0.streams.borrow_mut().insert(context, stream);
        self.host.0.effective_context.set(context);
        let flow = self.driver.on_request_headers(context, end);
        if flow == Flow::Pause && end == EndOfStream::Yes {
            self.with(context, |stream| stream.apply(Flow::Pause));
        }
        (context, flow)
    }

    /// A piece of a request's body.
    fn body(&mut self, context: u32, piece: &[u8], end: EndOfStream) -> Flow {
        self.host.0.effective_context.set(context);
        let shown = self.with(context, |stream| {
            stream.receive(piece);
            stream.shown.len()
        });
        let flow = self.driver.on_request_body(context, shown, end).unwrap();
        self.with(context, |stream| stream.apply(flow));
        flow
    }

    /// The client disconnects.
    fn disconnect(&mut self, context: u32) {
        self.host.0.effective_context.set(context);
        self.driver.on_log(context);
        self.driver.on_delete(context);
        self.host.0.streams.borrow_mut().remove(&context);
    }

    fn with<T>(&self, context: u32, read: impl FnOnce(&mut fake_host::Stream) -> T) -> T {
        read(self.host.0.streams.borrow_mut().get_mut(&context).unwrap())
    }

    /// What the provider has received of the body.
    fn sent(&self, context: u32) -> Vec<u8> {
        self.with(context, |stream| stream.sent.clone())
    }

    /// A header of the request as the provider receives it.
    fn upstream(&self, context: u32, name: &str) -> Option<String> {
        self.with(context, |stream| {
            let request = stream.upstream.as_ref()?;
            let (_, value) = request.set.iter().find(|(found, _)| *found == name)?;
            Some(String::from_utf8(value.to_vec()).unwrap())
        })
    }
}

fn start(host: &FakeHost, document: &Value) -> Result<Driver<FakeHost>, ConfigError> {
    Driver::new(host.clone(), ROOT, document.to_string().as_bytes(), &env)
}

fn reply(context: u32, code: &str) -> Call {
    Call::Reply(context, code.to_owned())
}

fn period(milliseconds: u64) -> Call {
    Call::TickPeriod(Duration::from_millis(milliseconds))
}
