//! Where each API says what: one small table per API, nothing but data.

mod api_chat;
mod chat_completions;
mod converse;
mod generate_content;
mod interactions;
pub mod messages;
mod responses;

use super::json::{Field, Member, Wanted};
use super::response_usage::TokenConvention;

pub use api_chat::API_CHAT;
pub use chat_completions::CHAT_COMPLETIONS;
pub use converse::CONVERSE;
pub use generate_content::GENERATE_CONTENT;
pub use interactions::INTERACTIONS;
pub use messages::MESSAGES;
pub use responses::RESPONSES;

/// Where an API's responses say what is wanted.
pub struct Dialect {
    /// Its name, for logs.
    pub name: &'static str,
    /// The members of a response document, or of an event of a stream.
    pub members: &'static [Member],
    /// How its numbers are to be added.
    pub convention: TokenConvention,
    /// Once the model is known and the first token has come, only events in which one of these
    /// occurs are read.
    pub watch: &'static [Watch],
    /// The types of events whose usage counts; any, where there are none. Others may report that of
    /// something else.
    pub reporting: &'static [&'static str],
    /// How a stream shows that it is whole, besides by `[DONE]`.
    pub last_event: LastEvent,
    /// What the events of binary streams hold.
    pub payload: Payload,
}

/// What an event must hold to be worth reading.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Watch {
    /// These bytes.
    Bytes(&'static str),
    /// This member name, in quotes, with another value than `null`.
    Member(&'static str),
}

/// How a stream shows that it is whole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LastEvent {
    /// An event of one of these types, or one that holds a [`Field::LastEvent`].
    Types(&'static [&'static str]),
    /// Not at all, but that it gave a finish reason before the response's end.
    FinishReason,
}

/// What the messages of a binary event stream hold.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Payload {
    /// The event's JSON.
    Plain,
    /// JSON with the event's JSON as base64 in its member `bytes`.
    Base64Bytes,
}

/// A member whose value is wanted.
pub const fn value(name: &'static str, field: Field) -> Member {
    Member {
        name,
        wanted: Wanted::Value(field),
    }
}

/// A member of whose value members are wanted.
pub const fn members(name: &'static str, members: &'static [Member]) -> Member {
    Member {
        name,
        wanted: Wanted::Members(members),
    }
}
