//! One request, from its head to its end: the only module that knows the order of the steps.
//!
//! ```text
//! Init ─ head ─┬─────────────────────────────────────────────► Forwarded
//!              ├─► Awaiting ── settled ──┐                        ▲
//!              ├─► AwaitingBody ◄────────┤── body hashed, signed ─┤
//!              ├─► AwaitingModel ◄───────┤── model read, allowed ─┘
//!              └─► Replied ◄─────────────┘
//! ```
//!
//! A forwarded request is only looked at ([`crate::exchange`]) until it is done.
//!
//! The steps are: route, authenticate ([`caller`]), authorize, prepare, where there is a catalog hold
//! to it ([`modelling`]), and for some providers sign ([`signing`]); requests for the gateway itself end in [`management`].

mod caller;
mod decision;
mod events;
mod management;
mod modelling;
mod response_head;
mod signing;

use std::rc::Rc;

use crate::authn::token::Candidates;
use crate::authn::{IssuerIndex, Patience};
use crate::authz::Action;
use crate::credential::Credential;
use crate::exchange::Exchange;
use crate::forward::UpstreamRequest;
use crate::head::RequestHead;
use crate::management::page;
use crate::observe::metric::{Measurement, Metric};
use crate::provider::Provider;
use crate::refresh::Board;
use crate::reply::{Rejection, shown};
use crate::route::Route;
use crate::shared::{Resource, Shared};
use crate::time::{Clock, UnixTime};
use caller::{Caller, Known, log_fields};
use decision::{Decision, Obstacle, is_answered};
pub use events::{Effect, Flow, Input};
use modelling::{Modelled, Unnamed};
use signing::Unsigned;

/// Where a request stands.
#[derive(Debug, Default)]
pub enum Transaction {
    /// Nothing has arrived.
    #[default]
    Init,
    /// It is held until something has been fetched.
    Awaiting(Box<Held>),
    /// It is held until its body has been hashed.
    AwaitingBody(Box<Unsigned>),
    /// It is held until its body has named its model.
    AwaitingModel(Box<Unnamed>),
    /// It is the provider's, and the response is looked at as it passes.
    Forwarded(Box<Exchange>),
    /// It has passed.
    Done,
    /// It has been answered here.
    Replied,
}

/// A request that waits for a fetch, and those that it has waited for before.
#[derive(Debug)]
pub struct Held {
    head: RequestHead,
    waited: Waited,
}

/// What a request has waited for; it does so once for each.
#[derive(Clone, Debug)]
struct Waited {
    keys: Vec<IssuerIndex>,
    credentials: Patience,
}

impl Transaction {
    /// Takes in what happened; says what is to be done.
    pub fn handle(
        self,
        input: Input<'_>,
        shared: &Shared,
        board: &dyn Board,
        clock: &dyn Clock,
        effects: &mut Vec<Effect>,
    ) -> Self {
        match (self, input) {
            (Self::Init, Input::RequestHead(head)) => {
                let waited = Waited {
                    keys: Vec::new(),
                    credentials: Patience::Wait,
                };
                decide(Held { head, waited }, shared, board, clock.now(), effects)
            }
            (Self::Awaiting(held), Input::Settled) => {
                decide(*held, shared, board, clock.now(), effects)
            }
            (Self::AwaitingBody(unsigned), Input::RequestBody { chunk, is_last }) => {
                hash(unsigned, chunk, is_last, shared, clock, effects)
            }
            (Self::AwaitingModel(unnamed), Input::RequestBody { chunk, is_last }) => {
                unnamed.read(chunk, is_last, &shared.config, effects)
            }
            (Self::Forwarded(mut exchange), Input::RequestBody { chunk, is_last }) => {
                match exchange.request_body(chunk, is_last) {
                    Ok(()) => Self::Forwarded(exchange),
                    Err(fault) => {
                        Known::of(&exchange, &shared.config).tell(effects);
                        refuse(Rejection::Model(fault), effects)
                    }
                }
            }
            (Self::Forwarded(mut exchange), Input::ResponseHead(head)) => {
                effects.extend(response_head::edits(&exchange, &head, shared, clock));
                exchange.response_head(&head);
                Self::Forwarded(exchange)
            }
            (Self::Forwarded(mut exchange), Input::ResponseBody(chunk)) => {
                exchange.response_body(chunk, clock);
                Self::Forwarded(exchange)
            }
            (Self::Forwarded(exchange), Input::Ended(end)) => {
                let record = exchange.finish(end, &shared.config, clock.now());
                let labels = &mut shared.labels.borrow_mut();
                let model = record.model_label(labels, board);
                let measurements = record.measurements(model, labels);
                let mut ledger = shared.ledger.borrow_mut();
                ledger.add(&record, labels.model_value(model));
                effects.extend(measurements.into_iter().map(Effect::Measure));
                effects.extend(log_fields(record, &shared.config));
                Self::Done
            }
            (Self::Awaiting(_), Input::CannotWait) => refuse(Rejection::TooManyWaiting, effects),
            (Self::AwaitingBody(unsigned), Input::BodyOverdue) => {
                Known::of(unsigned.exchange(), &shared.config).withheld(effects)
            }
            (Self::AwaitingModel(unnamed), Input::BodyOverdue) => {
                Known::of(unnamed.exchange(), &shared.config).withheld(effects)
            }
            (Self::Forwarded(_), Input::EditRefused) => {
                refuse(Rejection::Unreachable("the host refuses edits"), effects)
            }
            (state @ (Self::Forwarded(_) | Self::Done | Self::Replied), _) => state,
            (
                state,
                Input::ResponseHead(_)
                | Input::ResponseBody(_)
                | Input::Ended(_)
                | Input::MoreBody
                | Input::RequestBody { .. },
            ) => state,
            (
                Self::Init | Self::Awaiting(_) | Self::AwaitingBody(_) | Self::AwaitingModel(_),
                _,
            ) => refuse(Rejection::Unreachable("an event out of order"), effects),
        }
    }

    /// Whether what arrives of the request may go on.
    pub const fn flow(&self) -> Flow {
        match self {
            Self::Forwarded(_) | Self::Done => Flow::Continue,
            Self::Init
            | Self::Awaiting(_)
            | Self::AwaitingBody(_)
            | Self::AwaitingModel(_)
            | Self::Replied => Flow::Pause,
        }
    }

    /// Whether the response's head, and its end, are to be handed in.
    pub const fn wants_response(&self) -> bool {
        matches!(self, Self::Forwarded(_))
    }

    /// Whether the response's body is to be handed in.
    pub fn wants_response_body(&self) -> bool {
        matches!(self, Self::Forwarded(exchange) if exchange.wants_body())
    }

    /// Whether the request's body is to be handed in.
    pub fn wants_body(&self) -> bool {
        self.awaits_body()
            || matches!(self, Self::Forwarded(exchange) if exchange.wants_request_body())
    }

    /// Whether the request cannot go on before its body is there.
    pub const fn awaits_body(&self) -> bool {
        matches!(self, Self::AwaitingBody(_) | Self::AwaitingModel(_))
    }
}

/// Takes all the steps that can be taken now.
fn decide(
    held: Held,
    shared: &Shared,
    board: &dyn Board,
    now: UnixTime,
    effects: &mut Vec<Effect>,
) -> Transaction {
    let known = Known::nothing(&shared.config);
    let decision = respond(&held.head, &held.waited, &known, shared, board, now);
    if is_answered(&decision) {
        known.tell(effects);
    }
    match decision {
        Ok(Decision::Forward(upstream_request, exchange)) => {
            effects.push(Effect::Forward(upstream_request));
            Transaction::Forwarded(exchange)
        }
        Ok(Decision::Sign(unsigned)) => Transaction::AwaitingBody(unsigned),
        Ok(Decision::AwaitModel(unnamed)) => Transaction::AwaitingModel(unnamed),
        Ok(Decision::Answer(reply)) => {
            effects.push(Effect::Reply(reply));
            Transaction::Replied
        }
        Err(Obstacle::Awaiting(resource)) => {
            let mut waited = held.waited;
            match &resource {
                Resource::Keys(issuer) => waited.keys.push(*issuer),
                Resource::Credentials(_) => waited.credentials = Patience::Decide,
            }
            effects.push(Effect::Await(resource));
            Transaction::Awaiting(Box::new(Held { waited, ..held }))
        }
        Err(Obstacle::Rejected(rejection)) => {
            if let Some(outcome) = rejection.authentication() {
                shared.tally.count(Metric::Authentications(outcome));
            }
            refuse(rejection, effects)
        }
    }
}

/// Takes in a piece of the body; signs at its end.
fn hash(
    mut unsigned: Box<Unsigned>,
    chunk: &[u8],
    is_last: bool,
    shared: &Shared,
    clock: &dyn Clock,
    effects: &mut Vec<Effect>,
) -> Transaction {
    let hashed = unsigned.hash(chunk, is_last, shared.config.max_signed_body_bytes);
    if hashed.is_ok() && !is_last {
        return Transaction::AwaitingBody(unsigned);
    }
    let known = Known::of(unsigned.exchange(), &shared.config);
    match hashed.and_then(|()| unsigned.sign(shared, clock.now())) {
        Ok((upstream_request, exchange)) => {
            effects.push(Effect::Forward(upstream_request));
            Transaction::Forwarded(exchange)
        }
        Err(rejection) => {
            known.tell(effects);
            refuse(rejection, effects)
        }
    }
}

fn refuse(rejection: Rejection, effects: &mut Vec<Effect>) -> Transaction {
    log::debug!("request refused: {}", rejection.code());
    let metric = Metric::Refusals(rejection.code());
    effects.push(Effect::Measure(Measurement { metric, value: 1 }));
    effects.push(Effect::Reply(rejection.reply()));
    Transaction::Replied
}

/// A request at hand, with all that its steps look at.
struct Request<'a> {
    head: &'a RequestHead,
    candidates: Candidates<'a>,
    waited: &'a Waited,
    known: &'a Known<'a>,
    shared: &'a Shared,
    board: &'a dyn Board,
    now: UnixTime,
}

/// Route, authenticate, authorize, prepare.
fn respond<'a>(
    head: &'a RequestHead,
    waited: &'a Waited,
    known: &'a Known<'a>,
    shared: &'a Shared,
    board: &'a dyn Board,
    now: UnixTime,
) -> Result<Decision, Obstacle> {
    let config = &shared.config;
    if head.method() == b"TRACE" {
        return Err(Rejection::Method.into());
    }
    let own_paths = [config.usage_path.as_str(), config.status_path.as_str()];
    let route =
        Route::parse(&config.path_prefix, own_paths, head.path()).map_err(Rejection::Path)?;
    let query = match route {
        Route::Upstream { query, .. } => query,
        _ => None,
    };
    let candidates =
        Candidates::find(head, query, &config.token_headers).map_err(Rejection::Repeated)?;
    let request = Request {
        head,
        candidates,
        waited,
        known,
        shared,
        board,
        now,
    };
    match route {
        Route::Upstream { name, path, query } => match config.provider(name) {
            Some(provider) => request.forward(provider, path, query),
            None => {
                request.any_caller()?;
                Err(Rejection::UnknownProvider(shown(name)).into())
            }
        },
        Route::Provider { .. } | Route::Providers if page::is_public(config, head) => {
            request.page()
        }
        Route::Provider { name } => request.show(name),
        Route::Providers => request.list(),
        Route::Usage => request.usage(),
        Route::Status => request.status(),
        Route::Outside => request.nothing(),
    }
}

impl<'a> Request<'a> {
    fn forward(
        &self,
        provider: &'a Provider,
        path: &[u8],
        query: Option<&[u8]>,
    ) -> Result<Decision, Obstacle> {
        let config = &self.shared.config;
        let caller = self.counted(self.caller_of(provider, path, query)?);
        self.known.note_provider(provider);
        if let Caller::Known(claims) = &caller {
            config
                .policy
                .decide(
                    claims,
                    Action::Invoke,
                    &provider.name,
                    provider.allow.as_deref(),
                )
                .map_err(|denied| Rejection::Denied(denied, Some(provider.name.clone())))?;
        }
        if !provider.enabled {
            return Err(Rejection::Disabled(provider.name.clone()).into());
        }
        let passed_through = match provider.credential {
            Credential::Passthrough { .. } => Some(self.own_credential(provider)?),
            Credential::ApiKey { .. } | Credential::Aws(_) | Credential::None => None,
        };
        let terms = self.terms(provider, &caller);
        let check = match self.modelled(provider, &caller, &terms, path, query)? {
            Modelled::Answer(reply) => return Ok(Decision::Answer(reply)),
            Modelled::InBody(check) => Some(check),
            Modelled::Pass => None,
        };
        let claims = match &caller {
            Caller::Known(claims) => Some(Rc::clone(claims)),
            Caller::Unasked => None,
        };
        let mut exchange = Exchange::new(provider, path, self.head, claims, self.now);
        exchange.price_by(terms.prices);
        exchange.note_conversation(&config.observability.conversation_headers, self.head);
        exchange.note_upload(self.uploads_through(provider, path));
        let exchange = Box::new(exchange);
        let mut request = UpstreamRequest::new(
            provider,
            self.head,
            path,
            query,
            &config.token_headers,
            passed_through,
        )
        .without(&config.observability.conversation_headers, self.head);
        if let Some(accept_encoding) = exchange.accept_encoding(self.head) {
            request
                .set
                .push(("accept-encoding".into(), accept_encoding));
        }
        match (&provider.credential, check) {
            (Credential::Aws(_), check) => self.sign(provider, request, exchange, check),
            (_, Some(check)) => Ok(Self::await_model(request, exchange, check)),
            (_, None) => Ok(Decision::Forward(request, exchange)),
        }
    }
}

#[cfg(test)]
mod tests;
