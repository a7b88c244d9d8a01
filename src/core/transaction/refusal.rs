//! A request that the gateway refuses.

use std::rc::Rc;

use super::access_log::RequestLogContext;
use super::{Context, Effect, Transaction};
use crate::authn::jwt::Claims;
use crate::provider::Provider;
use crate::reply::Rejection;
use crate::telemetry::metric::{Measurement, Metric};

/// Why a request is refused, and what was learnt about it before.
pub(super) struct Refusal {
    rejection: Rejection,
    known: RequestLogContext,
}

impl Refusal {
    pub(super) const fn new(rejection: Rejection, known: RequestLogContext) -> Self {
        Self { rejection, known }
    }

    /// A refusal of this caller's request.
    pub(super) fn of(
        rejection: Rejection,
        caller: Option<&Rc<Claims>>,
        provider: Option<&Provider>,
    ) -> Self {
        Self::new(rejection, RequestLogContext::new(caller, provider))
    }

    /// The same refusal, with what is known about the request.
    pub(super) fn with(self, known: RequestLogContext) -> Self {
        Self { known, ..self }
    }

    /// Logs, counts and answers the request.
    pub(super) fn apply(self, context: &mut Context<'_>) -> Transaction {
        self.known.log(context);
        if let Some(verdict) = self.rejection.authentication() {
            let metric = Metric::Authentications(verdict);
            context.gateway.counters.count(metric);
        }
        let response = self.rejection.response();
        log::debug!("request refused: {}", response.code());
        let metric = Metric::Refusals(response.code());
        let measurement = Measurement { metric, value: 1 };
        context.effects.push(Effect::Measure(measurement));
        context.effects.push(Effect::Reply(response.reply()));
        Transaction::Replied
    }
}

/// A refusal before anything was learnt about the request.
impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self::new(rejection, RequestLogContext::default())
    }
}
