//! A request that the gateway refuses.

use std::rc::Rc;

use super::access_log::RequestLogContext;
use super::{Context, Effect, Transaction};
use crate::authn::jwt::Claims;
use crate::provider::Provider;
use crate::reply::{McpReplyContext, Rejection};
use crate::telemetry::metric::{Measurement, Metric};

/// Why a request is refused, and what was learnt about it before.
pub(super) struct Refusal {
    rejection: Rejection,
    known: RequestLogContext,
    /// What the reply needs if the client is an MCP client.
    mcp: Option<Box<McpReplyContext>>,
}

impl Refusal {
    pub(super) const fn new(rejection: Rejection, known: RequestLogContext) -> Self {
        Self {
            rejection,
            known,
            mcp: None,
        }
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

    /// The same refusal, for an MCP client.
    pub(super) fn for_mcp_client(self, context: McpReplyContext) -> Self {
        let mcp = Some(Box::new(context));
        Self { mcp, ..self }
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
        let reply = match &self.mcp {
            Some(mcp) => response.mcp_reply(mcp),
            None => response.reply(),
        };
        context.effects.push(Effect::Reply(reply));
        Transaction::Replied
    }
}

/// A refusal before anything was learnt about the request.
impl From<Rejection> for Refusal {
    fn from(rejection: Rejection) -> Self {
        Self::new(rejection, RequestLogContext::default())
    }
}
