//! One table per API that says where its responses report what.

mod any_shape;
mod api_chat;
mod chat_completions;
mod converse;
mod generate_content;
mod interactions;
pub mod messages;
mod responses;

use super::field::{Field, Member};
use super::response_usage::TokenConvention;

pub use crate::json::{members, value, value_or_members};
pub use any_shape::ANY_SHAPE;
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
    /// After the first token, only events with one of these markers are read. [`ERROR_MARKER`] is
    /// one in every dialect of event streams.
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

/// Marks an event with an error.
const ERROR_MARKER: Marker = Marker::Member("\"error\"");

/// An error instead of the rest of the response.
const ERROR: Member = value("error", Field::Error);

/// What marks the end of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LastEvent {
    /// An event of one of these types, or one with a [`Field::LastEvent`](super::field::Field::LastEvent).
    Types(&'static [&'static str]),
    /// Nothing. A stream is complete if it ends after a finish reason.
    FinishReason,
    /// An event of one of these types, or nothing.
    TypesOrFinishReason(&'static [&'static str]),
}

impl LastEvent {
    /// The types of the last event.
    pub const fn types(self) -> &'static [&'static str] {
        match self {
            Self::Types(types) | Self::TypesOrFinishReason(types) => types,
            Self::FinishReason => &[],
        }
    }

    /// Whether a stream is complete if it ends after a finish reason.
    pub const fn can_be_finish_reason(self) -> bool {
        matches!(self, Self::FinishReason | Self::TypesOrFinishReason(_))
    }
}

/// The format of the messages of a binary event stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Payload {
    /// The JSON of the event.
    Plain,
    /// JSON with the JSON of the event as base64 in its member `bytes`.
    Base64Bytes,
}
