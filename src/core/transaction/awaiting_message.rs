//! The state of a request to an MCP server that is held until its body has said what it asks for.
//! The rest of the body is then checked as it passes.

use super::mcp_forwarded::{McpExchange, McpForwarded};
use super::{Context, Input, Transaction};
use crate::forward::UpstreamRequest;
use crate::mcp::message::{CheckProgress, MessageCheck};
use crate::reply::Rejection;

/// A request that is forwarded as soon as its messages are known and allowed.
pub struct AwaitingMessage {
    request: UpstreamRequest,
    exchange: Box<McpExchange>,
    check: Box<MessageCheck>,
}

impl AwaitingMessage {
    pub(super) const fn new(
        request: UpstreamRequest,
        exchange: Box<McpExchange>,
        check: Box<MessageCheck>,
    ) -> Self {
        Self {
            request,
            exchange,
            check,
        }
    }

    pub(super) fn handle(
        mut self: Box<Self>,
        input: Input<'_>,
        context: &mut Context<'_>,
    ) -> Transaction {
        match input {
            Input::RequestBody(chunk) => match self.check.push(chunk) {
                Ok(CheckProgress::Awaiting) => Transaction::AwaitingMessage(self),
                Ok(CheckProgress::Allowed) => {
                    let Self {
                        request,
                        mut exchange,
                        check,
                    } = *self;
                    exchange.continue_check(check);
                    McpForwarded::enter(request, exchange, context)
                }
                Err(refused) => {
                    self.exchange.note_summary(self.check.summary());
                    self.exchange.refuse_message(refused, context)
                }
            },
            Input::HeldTooMuch(_) => self.exchange.refuse(Rejection::TooMuchHeld, context),
            Input::BodyOverdue => self.exchange.refuse(Rejection::BodyWithheld, context),
            other => Transaction::AwaitingMessage(self).unexpected(&other, context),
        }
    }
}

impl std::fmt::Debug for AwaitingMessage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AwaitingMessage")
            .field("check", &self.check)
            .finish_non_exhaustive()
    }
}
