//! One table per API that says where its responses report what.

mod api_chat;
mod chat_completions;
mod converse;
mod generate_content;
mod interactions;
pub mod messages;
mod responses;

use super::field::Member;
use super::response_usage::TokenConvention;

pub use crate::json::{members, value};
pub use api_chat::API_CHAT;
pub use chat_completions::CHAT_COMPLETIONS;
pub use converse::CONVERSE;
pub use generate_content::GENERATE_CONTENT;
pub use interactions::INTERACTIONS;
pub use messages::MESSAGES;
pub use responses::RESPONSES;

/// The table of one API.
pub struct Dialect {
    /// The name, for logs.
    pub name: &'static str,
    /// The members to read in a response document, or in an event of a stream.
    pub members: &'static [Member],
    /// How its token counts relate to each other.
    pub convention: TokenConvention,
    /// After the first token, only events with one of these markers are read.
    pub markers: &'static [Marker],
    /// The types of the events whose usage counts. Empty if it counts in all events.
    pub usage_events: &'static [&'static str],
    /// What marks the end of a stream, in addition to `[DONE]`.
    pub last_event: LastEvent,
    /// The format of the messages of binary event streams.
    pub payload: Payload,
}

/// What an event must contain to be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Marker {
    /// These bytes.
    Bytes(&'static str),
    /// This member name, in quotes, with a value other than `null`.
    Member(&'static str),
}

/// What marks the end of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LastEvent {
    /// An event of one of these types, or one with a [`Field::LastEvent`](super::field::Field::LastEvent).
    Types(&'static [&'static str]),
    /// Nothing. A stream is complete if it ends after a finish reason.
    FinishReason,
}

/// The format of the messages of a binary event stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Payload {
    /// The JSON of the event.
    Plain,
    /// JSON with the JSON of the event as base64 in its member `bytes`.
    Base64Bytes,
}
