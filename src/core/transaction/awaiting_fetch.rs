//! The state of a request that waits for an issuer's keys or for a provider's credentials.

use super::refusal::Refusal;
use super::{Authenticated, Context, Effect, HoldLimit, Input, Transaction};
use crate::authn::KeyWaits;
use crate::fetch::refresh::WaitPolicy;
use crate::gateway::Resource;
use crate::http::head::RequestHead;
use crate::reply::Rejection;

/// A request that waits for a fetch.
#[derive(Debug)]
pub struct AwaitingFetch {
    head: RequestHead,
    prior_waits: PriorWaits,
    authenticated: Authenticated,
}

/// What a request has waited for before. It waits at most twice for the same issuer's keys and at
/// most once for credentials.
#[derive(Clone, Debug)]
pub(super) struct PriorWaits {
    pub(super) keys: KeyWaits,
    pub(super) credentials: WaitPolicy,
}

impl AwaitingFetch {
    /// Has a request wait for a resource.
    pub(super) fn enter(
        head: RequestHead,
        mut prior_waits: PriorWaits,
        resource: Resource,
        context: &mut Context<'_>,
    ) -> Transaction {
        let authenticated = match &resource {
            Resource::Keys(issuer) => {
                prior_waits.keys.record(*issuer);
                Authenticated::No
            }
            Resource::Credentials(_) => {
                prior_waits.credentials = WaitPolicy::DoNotWait;
                Authenticated::Yes
            }
        };
        context.effects.push(Effect::Await(resource));
        Transaction::AwaitingFetch(Box::new(Self {
            head,
            prior_waits,
            authenticated,
        }))
    }

    pub(super) const fn authenticated(&self) -> Authenticated {
        self.authenticated
    }

    pub(super) fn handle(
        self: Box<Self>,
        input: Input<'_>,
        context: &mut Context<'_>,
    ) -> Transaction {
        match input {
            Input::FetchEnded => Transaction::decide(self.head, self.prior_waits, context),
            Input::HeldTooMuch(limit) => {
                let rejection = match limit {
                    HoldLimit::Unauthenticated(bytes) => Rejection::KeysPending(bytes),
                    HoldLimit::Worker => Rejection::TooMuchHeld,
                };
                Refusal::from(rejection).apply(context)
            }
            Input::CannotWait => Refusal::from(Rejection::TooManyWaiting).apply(context),
            other => Transaction::AwaitingFetch(self).unexpected(&other, context),
        }
    }
}

impl Default for PriorWaits {
    fn default() -> Self {
        Self {
            keys: KeyWaits::default(),
            credentials: WaitPolicy::Wait,
        }
    }
}
