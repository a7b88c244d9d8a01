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
//! A forwarded request is only looked at ([`crate::transaction::exchange`]) until it is done.
//!
//! What is taken on a request's head are [`steps`], down to those that need its body ([`modelling`], [`signing`]).

mod caller;
mod decision;
mod events;
mod exchange;
mod management;
mod modelling;
mod response_head;
mod signing;
mod steps;

use crate::authn::KeyWaits;
use crate::base::shared_data::SharedData;
use crate::base::time::{Clock, UnixTime};
use crate::fetch::refresh::WaitPolicy;
use crate::gateway::{Resource, Shared};
use crate::http::head::RequestHead;
use crate::reply::Rejection;
use crate::telemetry::metric::{Measurement, Metric};
use crate::transaction::exchange::Exchange;
use caller::{Known, log_fields};
use decision::{Decision, Obstacle, is_answered};
pub use events::{Effect, Flow, Input};
use modelling::AwaitingModel;
use signing::AwaitingBodyHash;
use steps::{Request, respond};

/// Where a request stands.
#[derive(Debug, Default)]
pub enum Transaction {
    /// Nothing has arrived.
    #[default]
    Init,
    /// It is held until something has been fetched.
    Awaiting(Box<Held>),
    /// It is held until its body has been hashed.
    AwaitingBody(Box<AwaitingBodyHash>),
    /// It is held until its body has named its model.
    AwaitingModel(Box<AwaitingModel>),
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
    waited: PriorWaits,
}

/// What a request has waited for; it does so once for credentials, and twice at most for keys.
#[derive(Clone, Debug)]
struct PriorWaits {
    keys: KeyWaits,
    credentials: WaitPolicy,
}

impl Transaction {
    /// Takes in what happened; says what is to be done.
    pub fn handle(
        self,
        input: Input<'_>,
        shared: &Shared,
        shared_data: &dyn SharedData,
        clock: &dyn Clock,
        effects: &mut Vec<Effect>,
    ) -> Self {
        match (self, input) {
            (Self::Init, Input::RequestHead(head)) => {
                let waited = PriorWaits {
                    keys: KeyWaits::default(),
                    credentials: WaitPolicy::Wait,
                };
                decide(
                    Held { head, waited },
                    shared,
                    shared_data,
                    clock.now(),
                    effects,
                )
            }
            (Self::Awaiting(held), Input::Settled) => {
                decide(*held, shared, shared_data, clock.now(), effects)
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
                let model = record.model_label(labels, shared_data);
                record.measure(model, labels, &mut |it| effects.push(Effect::Measure(it)));
                let mut usage_totals = shared.usage_totals.borrow_mut();
                usage_totals.add(&record, labels.model_value(model));
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
    shared_data: &dyn SharedData,
    now: UnixTime,
    effects: &mut Vec<Effect>,
) -> Transaction {
    let known = Known::nothing(&shared.config);
    let decision = respond(&held.head, &held.waited, &known, shared, shared_data, now);
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
                Resource::Keys(issuer) => waited.keys.record(*issuer),
                Resource::Credentials(_) => waited.credentials = WaitPolicy::DoNotWait,
            }
            effects.push(Effect::Await(resource));
            Transaction::Awaiting(Box::new(Held { waited, ..held }))
        }
        Err(Obstacle::Rejected(rejection)) => {
            if let Some(outcome) = rejection.authentication() {
                shared.counters.count(Metric::Authentications(outcome));
            }
            refuse(rejection, effects)
        }
    }
}

/// Takes in a piece of the body; signs at its end.
fn hash(
    mut unsigned: Box<AwaitingBodyHash>,
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

#[cfg(test)]
mod tests;
