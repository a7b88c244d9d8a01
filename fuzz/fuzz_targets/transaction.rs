//! Any sequence of events of a gateway and a request. No request is forwarded without an authorized caller, with a
//! client's credential, or to a server other than the provider's. No reply, metric or log contains a token or a key.
#![no_main]

use std::collections::BTreeSet;

use ai_gateway_core::base::chunk::Chunk;
use ai_gateway_core::base::time::UnixTime;
use ai_gateway_core::config::Config;
use ai_gateway_core::fetch::callout::CalloutResponse;
use ai_gateway_core::forward::{CLUSTER_HEADER, PROVIDER_HEADER, UpstreamRequest};
use ai_gateway_core::http::head::{RequestHead, ResponseHead};
use ai_gateway_core::http::url::Scheme;
use ai_gateway_core::provider::Provider;
use ai_gateway_core::provider::credential::Credential;
use ai_gateway_core::testing::{
    NOW_SECS, Outcome, SECRET, SigningKey, TestGateway, claims, response,
};
use ai_gateway_core::transaction::{Effect, Flow, Input, Transaction};
use ai_gateway_core::usage::End;
use ai_gateway_filter_fuzz::gateway::config;
use arbitrary::Arbitrary;
use libfuzzer_sys::fuzz_target;
use serde_json::{Value, json};

#[derive(Arbitrary, Debug)]
enum Event<'a> {
    Head(Request<'a>),
    FetchEnded,
    CannotWait,
    MoreBody,
    Body(&'a [u8], bool),
    BodyOverdue,
    EditRefused,
    ResponseHead(u16, ContentType, &'a [u8]),
    ResponseBody(&'a [u8]),
    Ended(Ending),
    /// The issuer publishes these keys.
    Keys(Vec<Signed>),
    /// All due fetches get this response.
    Document(u16, &'a [u8]),
    Credentials,
    FetchFails,
    TimePasses(u16),
}

#[derive(Arbitrary, Debug)]
struct Request<'a> {
    is_post: bool,
    provider: u8,
    path: u8,
    below: &'a [u8],
    query: Option<TokenValue<'a>>,
    headers: Vec<(u8, TokenValue<'a>)>,
    other: Vec<(&'a str, &'a [u8])>,
}

/// The value of a header or query parameter that can contain a token.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum TokenValue<'a> {
    Token(AuthScheme, Token),
    Bytes(&'a [u8]),
}

#[derive(Arbitrary, Clone, Copy, Debug)]
enum AuthScheme {
    Bare,
    Bearer,
    Other,
}

#[derive(Arbitrary, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
struct Token {
    signed: Signed,
    may_invoke: bool,
    expires_soon: bool,
}

/// The key that signed a token: one of the issuer's two keys, which may be published or not, or an unknown key.
#[derive(Arbitrary, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Signed {
    First,
    Second,
    Forged,
}

#[derive(Arbitrary, Debug)]
enum ContentType {
    Json,
    Sse,
    EventStream,
}

#[derive(Arbitrary, Debug)]
enum Ending {
    Complete,
    Client,
    Upstream,
}

/// Headers that can contain a client's credential.
const CREDENTIAL_HEADERS: [&str; 12] = [
    "authorization",
    "x-api-key",
    "x-goog-api-key",
    "x-ai-gateway-authorization",
    "x-redpanda-cloud-token",
    "x-amz-security-token",
    "x_api_key",
    "api-key",
    "cookie",
    "proxy-authorization",
    "x-forwarded-client-cert",
    "x-ai-gateway-cluster",
];

const PATHS: [&str; 6] = [
    "/chat/completions",
    "/v1/messages",
    "/v1beta/models/m:generateContent",
    "/model/m/invoke",
    "/v1beta/openai/models",
    "/",
];

/// When tokens expire, in seconds after the start.
const SOON: u64 = 100;
const LATE: u64 = 100_000;

thread_local!(static CONFIG: Config = config());

fuzz_target!(|events: Vec<Event<'_>>| CONFIG.with(|config| run(config, &events)));

fn run(config: &Config, events: &[Event<'_>]) {
    let mut gateway = TestGateway::new(config.clone());
    let mut transaction = Transaction::Init;
    let mut sent_request = SentRequest::default();
    for event in events {
        let input = match event {
            Event::TimePasses(seconds) => {
                gateway.advance((*seconds).into());
                continue;
            }
            Event::Keys(keys) => {
                sent_request
                    .published
                    .extend(keys.iter().filter(|key| **key != Signed::Forged));
                let keys: Vec<Value> = keys
                    .iter()
                    .filter_map(|key| signer(*key))
                    .map(|key| key.jwk())
                    .collect();
                end_fetches(
                    &gateway,
                    200,
                    Some(json!({"keys": keys}).to_string().as_bytes()),
                );
                continue;
            }
            Event::Document(status, body) => {
                end_fetches(&gateway, *status, Some(body));
                continue;
            }
            Event::Credentials => {
                end_fetches(&gateway, 200, Some(CREDENTIALS.as_bytes()));
                continue;
            }
            Event::FetchFails => {
                end_fetches(&gateway, 0, None);
                continue;
            }
            Event::Head(sent) => {
                let head = head(config, sent);
                if matches!(transaction, Transaction::Init) {
                    sent_request.receive(sent, &head);
                }
                sent_request.decided_at = gateway.now;
                Input::RequestHead(head)
            }
            Event::FetchEnded => {
                sent_request.decided_at = gateway.now;
                Input::FetchEnded
            }
            Event::CannotWait => Input::CannotWait,
            Event::MoreBody => Input::MoreBody,
            Event::Body(bytes, true) => Input::RequestBody(Chunk::Last(bytes)),
            Event::Body(bytes, false) => Input::RequestBody(Chunk::More(bytes)),
            Event::BodyOverdue => Input::BodyOverdue,
            Event::EditRefused => {
                sent_request.edit_refused = true;
                Input::EditRefused
            }
            Event::ResponseHead(status, kind, other) => {
                Input::ResponseHead(response_head(*status, kind, other))
            }
            Event::ResponseBody(chunk) => Input::ResponseBody(chunk),
            Event::Ended(Ending::Complete) => Input::Ended(End::Complete),
            Event::Ended(Ending::Client) => Input::Ended(End::ClientDisconnect),
            Event::Ended(Ending::Upstream) => Input::Ended(End::UpstreamReset),
        };
        let effects;
        Outcome {
            transaction,
            effects,
        } = gateway.handle(transaction, input);
        for effect in &effects {
            sent_request.check(config, &gateway, effect);
        }
        let may_continue = matches!(transaction, Transaction::Forwarded(_) | Transaction::Done);
        assert_eq!(transaction.flow() == Flow::Continue, may_continue);
        assert!(
            !may_continue || sent_request.forwards == 1,
            "the client's request continues without a forward"
        );
    }
}

/// The request and its history.
#[derive(Default)]
struct SentRequest {
    headers: Vec<(String, Vec<u8>)>,
    tokens: BTreeSet<Token>,
    texts: Vec<String>,
    published: BTreeSet<Signed>,
    decided_at: UnixTime,
    edit_refused: bool,
    forwards: usize,
    replies: usize,
}

impl SentRequest {
    fn receive(&mut self, sent: &Request<'_>, head: &RequestHead) {
        let held = sent.headers.iter().map(|(_, held)| held).chain(&sent.query);
        for held in held {
            if let TokenValue::Token(_, token) = held {
                self.tokens.insert(*token);
                self.texts.push(mint(*token));
            }
        }
        self.headers = head
            .iter()
            .map(|(name, value)| (String::from_utf8_lossy(name).into_owned(), value.to_vec()))
            .collect();
    }

    fn check(&mut self, config: &Config, gateway: &TestGateway, effect: &Effect) {
        match effect {
            Effect::Forward(request) => {
                self.forwards += 1;
                self.check_forwarded(config, request);
            }
            Effect::Reply(reply) => {
                self.replies += 1;
                assert!((200..600).contains(&reply.status));
                self.check_output(&String::from_utf8_lossy(&reply.body));
                for (_, value) in &reply.headers {
                    self.check_output(value);
                }
            }
            Effect::Measure(measurement) => {
                self.check_output(&gateway.metric_name(measurement.metric))
            }
            Effect::Log(_, text) => self.check_output(text),
            Effect::SetResponseHeaders(headers) => {
                headers
                    .iter()
                    .for_each(|(_, value)| self.check_output(value));
            }
            Effect::Await(_)
            | Effect::RemoveResponseHeaders(_)
            | Effect::ReplaceResponseBody(_) => {}
        }
        assert!(
            self.forwards <= 1 && self.replies <= 1,
            "more than one forward or reply"
        );
        assert!(self.forwards + self.replies <= 1 || self.edit_refused);
    }

    fn check_forwarded(&self, config: &Config, request: &UpstreamRequest) {
        let set = |name: &str| {
            let mut values = request.set.iter().filter(|(set, _)| *set == name);
            let value = values.next().map(|(_, value)| value);
            assert!(values.next().is_none(), "{name} is set twice");
            value
        };
        let name = set(PROVIDER_HEADER).expect("the provider header is set");
        let provider = config.provider(name).expect("the provider is configured");
        self.check_destination(provider, &set);
        assert!(!["switched-off", "for-finance"].contains(&provider.name.as_str()));
        let passes_through = matches!(provider.credential, Credential::Passthrough { .. });
        let is_open = provider.name == "own-claude";
        assert!(is_open || self.tokens.iter().any(|token| self.is_valid(*token)));

        let kept = self
            .headers
            .iter()
            .filter(|(name, _)| set(name).is_none() && !request.remove.contains(name));
        for (name, value) in kept {
            let is_credential = CREDENTIAL_HEADERS.contains(&name.as_str());
            assert!(!is_credential || passes_through, "{name} is sent upstream");
            assert!(
                !is_credential || !self.holds_token(value),
                "a gateway token is sent upstream in {name}"
            );
        }
        for (name, value) in request.set.iter() {
            assert!(
                !self.holds_token(value),
                "a gateway token is sent upstream in {name}"
            );
            assert!(
                !value.iter().any(|byte| matches!(byte, b'\r' | b'\n' | 0)),
                "{name} has a control character"
            );
        }
    }

    /// The client chooses only the path. Authority, cluster and scheme are the provider's.
    fn check_destination<'a>(&self, provider: &Provider, set: &impl Fn(&str) -> Option<&'a [u8]>) {
        assert_eq!(
            set(":authority"),
            Some(provider.base_url.authority().as_bytes())
        );
        assert_eq!(set(CLUSTER_HEADER), Some(provider.cluster.as_bytes()));
        let scheme: &[u8] = match provider.base_url.scheme() {
            Scheme::Http => b"http",
            Scheme::Https => b"https",
        };
        assert_eq!(set(":scheme").unwrap_or(b"https"), scheme);
        assert!(set(":path").is_some_and(|path| path.starts_with(b"/")));
    }

    fn is_valid(&self, token: Token) -> bool {
        let expires_at =
            UnixTime::from_secs(NOW_SECS + if token.expires_soon { SOON } else { LATE });
        token.may_invoke && self.published.contains(&token.signed) && self.decided_at < expires_at
    }

    fn holds_token(&self, value: &[u8]) -> bool {
        let value = String::from_utf8_lossy(value);
        self.texts.iter().any(|token| value.contains(token))
    }

    /// Checks that a text for a client, an operator or a log contains no secret.
    fn check_output(&self, text: &str) {
        assert!(!text.contains(SECRET), "{text}");
        assert!(
            !self.texts.iter().any(|token| text.contains(token)),
            "{text}"
        );
    }
}

fn head(config: &Config, sent: &Request<'_>) -> RequestHead {
    let names: Vec<&String> = config.providers.keys().collect();
    let provider = names
        .get(usize::from(sent.provider))
        .map_or("nobody", |name| name.as_str());
    let path = PATHS[usize::from(sent.path) % PATHS.len()];
    let mut target = format!("{}/{provider}{path}", config.path_prefix).into_bytes();
    target.extend_from_slice(sent.below);
    if let Some(query) = sent.query {
        target.extend_from_slice(b"?key=");
        target.extend_from_slice(&value(query));
    }
    let method: &[u8] = if sent.is_post { b"POST" } else { b"GET" };
    let mut headers = vec![
        (":method".to_owned(), method.to_vec()),
        (":scheme".to_owned(), b"https".to_vec()),
        (":authority".to_owned(), b"gateway.test".to_vec()),
        (":path".to_owned(), target),
    ];
    for (place, held) in &sent.headers {
        let name = CREDENTIAL_HEADERS[usize::from(*place) % CREDENTIAL_HEADERS.len()];
        headers.push((name.to_owned(), value(*held)));
    }
    for (name, value) in &sent.other {
        let name = name.to_ascii_lowercase();
        if !name.starts_with(':') {
            headers.push((name, value.to_vec()));
        }
    }
    RequestHead::new(headers)
}

fn value(held: TokenValue<'_>) -> Vec<u8> {
    match held {
        TokenValue::Bytes(bytes) => bytes.to_vec(),
        TokenValue::Token(AuthScheme::Bare, token) => mint(token).into(),
        TokenValue::Token(AuthScheme::Bearer, token) => format!("Bearer {}", mint(token)).into(),
        TokenValue::Token(AuthScheme::Other, token) => format!("Basic {}", mint(token)).into(),
    }
}

fn mint(token: Token) -> String {
    let signer = signer(token.signed).unwrap_or_else(|| SigningKey::new("9"));
    let scope = if token.may_invoke {
        "LLMProviderInvoker"
    } else {
        "openid"
    };
    let lifetime = if token.expires_soon { SOON } else { LATE };
    signer.token(&claims(json!({"scope": scope, "exp": NOW_SECS + lifetime})))
}

fn signer(signed: Signed) -> Option<SigningKey> {
    match signed {
        Signed::First => Some(SigningKey::new("1")),
        Signed::Second => Some(SigningKey::new("2")),
        Signed::Forged => None,
    }
}

fn response_head(status: u16, kind: &ContentType, other: &[u8]) -> ResponseHead {
    let content_type: &[u8] = match kind {
        ContentType::Json => b"application/json",
        ContentType::Sse => b"text/event-stream",
        ContentType::EventStream => b"application/vnd.amazon.eventstream",
    };
    ResponseHead::new(vec![
        (":status".to_owned(), status.to_string().into_bytes()),
        ("content-type".to_owned(), content_type.to_vec()),
        ("content-encoding".to_owned(), other.to_vec()),
        (
            "x-amzn-bedrock-input-token-count".to_owned(),
            other.to_vec(),
        ),
    ])
}

/// A response with credentials that is valid for STS, a container's endpoint and the instance metadata service.
const CREDENTIALS: &str = r#"{"AccessKeyId":"AKIAIOSFODNN7EXAMPLE","SecretAccessKey":"secret-of-aws",
"Token":"secret-of-session","Expiration":"2099-01-01T00:00:00Z"}"#;

/// Responds to each callout of all due fetches with this response, or with a failure if there is no body.
fn end_fetches(gateway: &TestGateway, status: u16, body: Option<&[u8]>) {
    for resource in gateway.start_fetches() {
        for _ in 0..8 {
            let response = body.map_or(CalloutResponse::NoResponse, |body| response(status, body));
            if gateway.respond(&resource, response).is_none() {
                break;
            }
        }
    }
}
