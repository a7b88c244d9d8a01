//! One request, from its head to the end of its response.
//!
//! ```text
//! Init ─ head ─┬──────────────────────────────────────────────► Forwarded ─ ended ─► Done
//!              ├─► AwaitingFetch ─ fetch ended ─┐                   ▲
//!              ├─► AwaitingBodyHash ◄───────────┼─ hashed, signed ──┤
//!              ├─► AwaitingModel ◄──────────────┼─ read, allowed ───┘
//!              └─► Replied ◄────────────────────┘
//! ```
//!
//! The driver passes each event to [`Transaction::handle`], which returns the next state and
//! appends the effects that the driver must apply, in that order. Each state has a file of its own,
//! with a `handle` that lists the events it expects. [`received`] contains the steps that decide on
//! a request by its head.

mod access_log;
mod awaiting_body_hash;
mod awaiting_fetch;
mod awaiting_message;
mod awaiting_model;
mod context;
mod endpoints;
mod events;
mod exchange;
mod forwarded;
mod mcp_endpoint;
mod mcp_forwarded;
mod received;
mod refusal;

pub use awaiting_body_hash::AwaitingBodyHash;
pub use awaiting_fetch::AwaitingFetch;
pub use awaiting_message::AwaitingMessage;
pub use awaiting_model::AwaitingModel;
pub use context::Context;
pub use events::{Authenticated, Effect, Flow, HoldLimit, Input};
pub use forwarded::Forwarded;
pub use mcp_forwarded::McpForwarded;

use crate::reply::Rejection;
use refusal::Refusal;

/// The state of a request.
#[derive(Debug, Default)]
pub enum Transaction {
    /// Nothing has arrived.
    #[default]
    Init,
    /// The request is held until something has been fetched.
    AwaitingFetch(Box<AwaitingFetch>),
    /// The request is held until its body has been hashed.
    AwaitingBodyHash(Box<AwaitingBodyHash>),
    /// The request is held until its body has named its model.
    AwaitingModel(Box<AwaitingModel>),
    /// The request to an MCP server is held until its body has said what it asks for.
    AwaitingMessage(Box<AwaitingMessage>),
    /// The request has been forwarded, and the response is observed as it passes.
    Forwarded(Forwarded),
    /// The request has been forwarded to an MCP server.
    McpForwarded(McpForwarded),
    /// The response has ended.
    Done,
    /// The gateway has answered the request.
    Replied,
}

impl Transaction {
    /// Handles an event. Returns the next state and appends what the driver must do to
    /// [`Context::effects`].
    pub fn handle(self, input: Input<'_>, context: &mut Context<'_>) -> Self {
        match self {
            Self::Init => received::handle(input, context),
            Self::AwaitingFetch(state) => state.handle(input, context),
            Self::AwaitingBodyHash(state) => state.handle(input, context),
            Self::AwaitingModel(state) => state.handle(input, context),
            Self::AwaitingMessage(state) => state.handle(input, context),
            Self::Forwarded(state) => state.handle(input, context),
            Self::McpForwarded(state) => state.handle(input, context),
            Self::Done | Self::Replied => self.unexpected(&input, context),
        }
    }

    /// Handles an event that the state has no transition for.
    ///
    /// Events of the stream itself can arrive in any state: a client sends more of a body that
    /// nobody reads, or goes away while its request is held. They are ignored. All others are
    /// answers to what the transaction asked for, and are an error while the request is held. Once
    /// it is forwarded or answered, there is nothing left that an event could change.
    fn unexpected(self, input: &Input<'_>, context: &mut Context<'_>) -> Self {
        match (&self, input) {
            (Self::Forwarded(_) | Self::McpForwarded(_) | Self::Done | Self::Replied, _)
            | (
                _,
                Input::MoreBody
                | Input::RequestBody(_)
                | Input::ResponseHead(_)
                | Input::LocalReplyHead(_)
                | Input::ResponseBody(_)
                | Input::RewriteResponse(_)
                | Input::Ended(_),
            ) => self,
            (
                _,
                Input::RequestHead(_)
                | Input::FetchEnded
                | Input::CannotWait
                | Input::BodyOverdue
                | Input::HeldTooMuch(_)
                | Input::EditRefused,
            ) => Refusal::from(Rejection::Internal("an event out of order")).apply(context),
        }
    }

    /// Whether the host may pass on what arrives of the request.
    pub const fn flow(&self) -> Flow {
        match self {
            Self::Forwarded(_) | Self::McpForwarded(_) | Self::Done => Flow::Continue,
            Self::Init
            | Self::AwaitingFetch(_)
            | Self::AwaitingBodyHash(_)
            | Self::AwaitingModel(_)
            | Self::AwaitingMessage(_)
            | Self::Replied => Flow::Pause,
        }
    }

    /// Whether the transaction needs the response's head and its end.
    pub const fn wants_response(&self) -> bool {
        matches!(self, Self::Forwarded(_) | Self::McpForwarded(_))
    }

    /// The name of the provider that a request was forwarded to.
    pub fn provider(&self) -> Option<&str> {
        match self {
            Self::Forwarded(state) => Some(state.provider()),
            _ => None,
        }
    }

    /// Whether the transaction needs the response's body.
    pub fn wants_response_body(&self) -> bool {
        match self {
            Self::Forwarded(state) => state.wants_response_body(),
            Self::McpForwarded(state) => state.wants_response_body(),
            _ => false,
        }
    }

    /// Whether the transaction rewrites the response's body.
    pub const fn rewrites_response(&self) -> bool {
        matches!(self, Self::McpForwarded(state) if state.rewrites_response())
    }

    /// Whether the host may pass on what has arrived of the response.
    pub const fn response_flow(&self) -> Flow {
        match self {
            Self::McpForwarded(state) => state.response_flow(),
            _ => Flow::Continue,
        }
    }

    /// Whether the transaction needs the request's body.
    pub fn wants_body(&self) -> bool {
        match self {
            Self::Forwarded(state) => state.wants_request_body(),
            Self::McpForwarded(state) => state.wants_request_body(),
            _ => self.awaits_body(),
        }
    }

    /// For whom the host holds the body of the request; `None` if the request is not held.
    pub fn holds_for(&self) -> Option<Authenticated> {
        match self {
            Self::AwaitingFetch(state) => Some(state.authenticated()),
            // A provider whose requests are signed authenticates no callers itself.
            Self::AwaitingBodyHash(_) => Some(Authenticated::Yes),
            Self::AwaitingModel(state) => Some(state.authenticated()),
            // Every caller of an MCP server is authenticated, unless the configuration trusts everyone.
            Self::AwaitingMessage(_) => Some(Authenticated::Yes),
            Self::Init
            | Self::Forwarded(_)
            | Self::McpForwarded(_)
            | Self::Done
            | Self::Replied => None,
        }
    }

    /// Whether the request is held until its body has arrived.
    pub const fn awaits_body(&self) -> bool {
        matches!(
            self,
            Self::AwaitingBodyHash(_) | Self::AwaitingModel(_) | Self::AwaitingMessage(_)
        )
    }
}

#[cfg(test)]
mod tests;
