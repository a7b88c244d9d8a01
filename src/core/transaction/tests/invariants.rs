//! Invariants for any sequence of events: nothing panics, no unauthorized request is forwarded, and
//! no client's credential reaches a provider.

use proptest::prelude::*;

use super::*;
use crate::telemetry::Measurement;
use crate::usage::End;

/// An event at the gateway or of the request.
#[derive(Clone, Debug)]
enum Event {
    Head {
        path: String,
        headers: Vec<(&'static str, Caller)>,
    },
    FetchEnded,
    CannotWait,
    MoreBody,
    Body {
        is_last: bool,
    },
    BodyOverdue,
    EditRefused,
    ResponseHead,
    ResponseBody,
    Ended,
    KeysArrive(bool),
    FetchFails,
    Pass(u64),
}

/// Whose token is in a header.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Caller {
    /// One that may invoke and get.
    Good,
    /// One that is authenticated and has no permission.
    Powerless,
    Expired,
    Forged,
    /// One with a token signed by a key that is published sometimes.
    Rotated,
    Garbage,
}

impl Caller {
    fn token(self) -> String {
        match self {
            Self::Good => good(),
            Self::Powerless => powerless(),
            Self::Expired => token(json!({"exp": 1_700_000_000})),
            Self::Forged => SigningKey::new("attacker").sign(
                r#"{"alg":"EdDSA","kid":"k"}"#,
                claims(json!({})).to_string(),
            ),
            Self::Rotated => SigningKey::new("rotated").token(&claims(json!({}))),
            Self::Garbage => "client-garbage".into(),
        }
    }

    /// Whether it may ever invoke a provider without an `allow` rule.
    const fn may_invoke(self) -> bool {
        matches!(self, Self::Good | Self::Rotated)
    }
}

fn any_caller() -> impl Strategy<Value = Caller> {
    prop::sample::select(vec![
        Caller::Good,
        Caller::Powerless,
        Caller::Expired,
        Caller::Forged,
        Caller::Rotated,
        Caller::Garbage,
    ])
}

fn any_event() -> impl Strategy<Value = Event> {
    let header = prop::sample::select(vec![
        "authorization",
        "x-api-key",
        "x-goog-api-key",
        "x-ai-gateway-authorization",
        "cookie",
        "x-amz-security-token",
    ]);
    let path = prop::sample::select(vec![
        "/my-openai/chat/completions",
        "/my-claude/v1/messages",
        "/my-google/v1beta/models/m:generateContent",
        "/my-google/v1beta/openai/models",
        "/my-vllm/models",
        "/my-bedrock/model/m/invoke",
        "/signed-bedrock/model/m/invoke",
        "/switched-off/x",
        "/for-finance/x",
        "/guarded-claude/x",
        "/own-claude/x",
        "/nobody/x",
        "/my-openai",
        "",
        "/../x",
    ]);
    let head =
        (path, prop::collection::vec((header, any_caller()), 0..4)).prop_map(|(path, headers)| {
            Event::Head {
                path: path.into(),
                headers,
            }
        });
    prop_oneof![
        4 => head,
        3 => Just(Event::FetchEnded),
        1 => Just(Event::CannotWait),
        1 => Just(Event::MoreBody),
        4 => any::<bool>().prop_map(|is_last| Event::Body { is_last }),
        1 => Just(Event::BodyOverdue),
        1 => Just(Event::EditRefused),
        1 => Just(Event::ResponseHead),
        1 => Just(Event::ResponseBody),
        1 => Just(Event::Ended),
        2 => any::<bool>().prop_map(Event::KeysArrive),
        1 => Just(Event::FetchFails),
        1 => (0..700_u64).prop_map(Event::Pass),
    ]
}

fn in_header(name: &str, caller: Caller) -> String {
    match name {
        "authorization" => bearer(&caller.token()),
        _ => caller.token(),
    }
}

fn input(event: &Event) -> Option<Input<'_>> {
    Some(match event {
        Event::Head { path, headers } => {
            let path = format!("{PREFIX}{path}");
            let values: Vec<_> = headers
                .iter()
                .map(|(name, caller)| (*name, in_header(name, *caller)))
                .collect();
            let mut all = vec![(":method", "POST"), (":path", path.as_str())];
            all.extend(values.iter().map(|(name, value)| (*name, value.as_str())));
            Input::RequestHead(head(&all))
        }
        Event::FetchEnded => Input::FetchEnded,
        Event::CannotWait => Input::CannotWait,
        Event::MoreBody => Input::MoreBody,
        Event::Body { is_last: true } => Input::RequestBody(Chunk::Last(b"body")),
        Event::Body { is_last: false } => Input::RequestBody(Chunk::More(b"body")),
        Event::BodyOverdue => Input::BodyOverdue,
        Event::EditRefused => Input::EditRefused,
        Event::ResponseHead => Input::ResponseHead(ResponseHead::new(vec![
            (":status".into(), b"200".to_vec()),
            ("content-type".into(), b"text/event-stream".to_vec()),
        ])),
        Event::ResponseBody => Input::ResponseBody(b"data: {\"model\":\"m\"}\n\n"),
        Event::Ended => Input::Ended(End::Complete),
        Event::KeysArrive(_) | Event::FetchFails | Event::Pass(_) => return None,
    })
}

/// Finishes the fetches that are due.
fn finish_fetches(gateway: &TestGateway, body: Option<&str>) {
    for resource in gateway.start_fetches() {
        let response = body.map_or(CalloutResponse::NoResponse, |body| {
            response(200, body.as_bytes())
        });
        gateway.finish_fetch(&resource, response);
    }
}

/// The headers of the client that reach the provider.
fn kept<'a>(
    request: &UpstreamRequest,
    headers: &'a [(&'static str, Caller)],
) -> Vec<&'a (&'static str, Caller)> {
    let removed = |name: &str| {
        request.remove.iter().any(|removed| removed == name) || upstream(request, name).is_some()
    };
    headers.iter().filter(|(name, _)| !removed(name)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn no_sequence_of_events_forwards_an_unauthorized_request(
        events in prop::collection::vec(any_event(), 1..12),
    ) {
        let mut gateway = TestGateway::cold(&document());
        let mut transaction = Transaction::Init;
        let mut sent: Option<(String, Vec<(&'static str, Caller)>)> = None;
        let (mut forwards, mut replies, mut edit_refused) = (0, 0, false);
        for event in events {
            match &event {
                Event::Pass(seconds) => gateway.advance(*seconds),
                Event::FetchFails => finish_fetches(&gateway, None),
                Event::KeysArrive(rotated) => {
                    let second = if *rotated { "rotated" } else { "other" };
                    let keys = ["k", second].map(|id| SigningKey::new(id).jwk());
                    finish_fetches(&gateway, Some(&key_set(&keys)));
                }
                Event::Head { path, headers } if matches!(transaction, Transaction::Init) => {
                    sent = Some((path.clone(), headers.clone()));
                }
                Event::EditRefused => edit_refused = true,
                _ => {}
            }
            let Some(input) = input(&event) else {
                continue;
            };
            let outcome = gateway.handle(transaction, input);
            transaction = outcome.transaction;
            for effect in &outcome.effects {
                match effect {
                    Effect::Forward(request) => {
                        forwards += 1;
                        let (path, headers) = sent.as_ref().unwrap();
                        let kept = kept(request, headers);
                        if path.starts_with("/own-claude") || path.starts_with("/guarded-claude") {
                            prop_assert!(kept.len() <= 1, "{kept:?}");
                            prop_assert!(
                                kept.iter().all(|(_, caller)| *caller == Caller::Garbage),
                                "a gateway token was forwarded: {kept:?}"
                            );
                        } else {
                            prop_assert!(kept.is_empty(), "{kept:?}");
                            prop_assert!(
                                headers.iter().any(|(_, caller)| caller.may_invoke()),
                                "forwarded for {headers:?}"
                            );
                        }
                        prop_assert!(!path.starts_with("/switched-off"));
                        prop_assert!(!path.starts_with("/for-finance"));
                        for (_, value) in request.set.iter() {
                            let value = String::from_utf8_lossy(value);
                            for (_, caller) in headers {
                                prop_assert!(!value.contains(&caller.token()));
                            }
                        }
                    }
                    Effect::Reply(reply) => {
                        replies += 1;
                        prop_assert!((200..600).contains(&reply.status));
                        let body = String::from_utf8_lossy(&reply.body);
                        prop_assert!(!body.contains("secret-of"));
                        for (_, caller) in sent.iter().flat_map(|(_, headers)| headers) {
                            prop_assert!(!body.contains(&caller.token()));
                        }
                    }
                    Effect::Measure(Measurement { metric, .. }) => {
                        let name = gateway.metric_name(*metric);
                        for (_, caller) in sent.iter().flat_map(|(_, headers)| headers) {
                            prop_assert!(!name.contains(&caller.token()));
                        }
                    }
                    Effect::Log(_, text) => {
                        for (_, caller) in sent.iter().flat_map(|(_, headers)| headers) {
                            prop_assert!(!text.contains(&caller.token()));
                        }
                    }
                    Effect::SetResponseHeaders(headers) => {
                        for (_, value) in headers {
                            prop_assert!(!value.contains("secret-of"));
                        }
                    }
                    Effect::Await(_)
                    | Effect::RemoveResponseHeaders(_)
                    | Effect::ReplaceResponseBody(_) => {}
                }
            }
            prop_assert!(forwards <= 1 && replies <= 1, "at most one of each");
            prop_assert!(
                forwards + replies <= 1 || edit_refused,
                "a forwarded request is answered only where the host could not forward it"
            );
            let is_forwarded = matches!(transaction, Transaction::Forwarded(_) | Transaction::Done);
            prop_assert_eq!(transaction.flow() == Flow::Continue, is_forwarded);
        }
    }

    #[test]
    fn no_head_makes_a_transaction_panic(
        path: Vec<u8>,
        headers in prop::collection::vec(
            ("[a-z_:-]{0,20}", prop::collection::vec(any::<u8>(), 0..40)), 0..8,
        ),
    ) {
        for gateway in [TestGateway::warm(), TestGateway::without_authentication()] {
            let target = [PREFIX.as_bytes(), b"/my-openai/", &path].concat();
            let mut headers = headers.clone();
            headers.push((":path".into(), target));
            let head = RequestHead::new(headers);
            let outcome = gateway.handle(Transaction::Init, Input::RequestHead(head));
            prop_assert!(!outcome.effects.is_empty());
        }
    }
}
