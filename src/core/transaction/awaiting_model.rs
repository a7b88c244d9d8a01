//! The state of a request that is held until its body has named an allowed model. The rest of the
//! body is then checked as it passes.

use super::exchange::Exchange;
use super::forwarded::Forwarded;
use super::refusal::Refusal;
use super::{Authenticated, Context, HoldLimit, Input, Transaction};
use crate::forward::UpstreamRequest;
use crate::models::catalog::ModelFault;
use crate::models::request_body::{BodyCheck, CheckProgress};
use crate::reply::Rejection;

/// A request that is forwarded as soon as its body has named an allowed model.
pub struct AwaitingModel {
    request: UpstreamRequest,
    exchange: Box<Exchange>,
    check: Box<BodyCheck>,
    authenticated: Authenticated,
}

impl AwaitingModel {
    pub(super) const fn new(
        request: UpstreamRequest,
        exchange: Box<Exchange>,
        check: Box<BodyCheck>,
        authenticated: Authenticated,
    ) -> Self {
        Self {
            request,
            exchange,
            check,
            authenticated,
        }
    }

    pub(super) const fn authenticated(&self) -> Authenticated {
        self.authenticated
    }

    pub(super) fn handle(
        mut self: Box<Self>,
        input: Input<'_>,
        context: &mut Context<'_>,
    ) -> Transaction {
        match input {
            Input::RequestBody(chunk) => match self.check.push(chunk) {
                Ok(CheckProgress::AwaitingModel) => Transaction::AwaitingModel(self),
                Ok(CheckProgress::Named) => {
                    let mut exchange = self.exchange;
                    exchange.continue_check(self.check);
                    Forwarded::enter(self.request, exchange, context)
                }
                Err(fault) => self.refuse(Rejection::Model(fault), context),
            },
            Input::HeldTooMuch(limit) => {
                let rejection = match limit {
                    HoldLimit::Unauthenticated(bytes) => {
                        Rejection::Model(ModelFault::TooLate(bytes))
                    }
                    HoldLimit::Worker => Rejection::TooMuchHeld,
                };
                self.refuse(rejection, context)
            }
            Input::BodyOverdue => self.refuse(Rejection::BodyWithheld, context),
            other => Transaction::AwaitingModel(self).unexpected(&other, context),
        }
    }

    fn refuse(&self, rejection: Rejection, context: &mut Context<'_>) -> Transaction {
        Refusal::new(rejection, self.exchange.log_context()).apply(context)
    }
}

impl std::fmt::Debug for AwaitingModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AwaitingModel")
            .field("check", &self.check)
            .finish_non_exhaustive()
    }
}
