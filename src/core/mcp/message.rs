//! Reads the JSON-RPC messages in a request's body while it arrives, and checks them.
//!
//! A body passes only if every JSON parser, strict or lenient, reads the same methods and subjects
//! from it. A member that occurs twice is refused, and so is one whose name some parsers take for
//! another (another case, a NUL in it), in the messages and in what names their subjects. That also
//! holds for what follows the subject. By then the beginning of the body may have been forwarded,
//! but its end has not, and no server acts on half a message.

mod reader;

use super::access::{Access, Denial};
use crate::base::chunk::Chunk;
use crate::json::{self, Malformed, Scanner};
use reader::{Field, Reader};

/// No more messages are accepted in one batch.
pub const MAX_BATCH: usize = 100;

/// Checks the messages of one body.
pub struct MessageCheck {
    scanner: Scanner<Field, json::Messages>,
    reader: Reader,
    /// The subject must be named within so many bytes.
    limit: u64,
    size: u64,
    is_batch: bool,
    hold: Hold,
}

/// Whether the request is held until the check has decided.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Hold {
    /// It is held until all that decides is known.
    UntilKnown,
    /// It was forwarded, because its headers say what the body must say.
    Never,
}

/// What the headers of a request say about its only message.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Expected {
    /// The method.
    pub method: Option<String>,
    /// The tool, prompt or resource.
    pub name: Option<String>,
}

/// How far a check has come.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CheckProgress {
    /// The request must be held.
    Awaiting,
    /// The messages are allowed as far as they decide. The rest of the body must be checked as it
    /// passes.
    Allowed,
}

/// The `id` of a request.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RequestId {
    /// A string.
    Text(String),
    /// A number, as written.
    Number(String),
}

/// The ids of the requests in a refused body, as far as they are known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RefusedIds {
    /// The body is one message.
    One(Option<RequestId>),
    /// The body is a batch.
    Batch(Vec<RequestId>),
}

/// Why a body is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RefusedMessage {
    /// The reason.
    pub fault: MessageFault,
    /// The ids of its requests.
    pub ids: RefusedIds,
}

/// What is wrong with a body. The client is at fault.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum MessageFault {
    /// It is not one JSON-RPC message or a batch of them.
    NotJson,
    /// A member with this name occurs twice, or in a spelling that some parsers take for another.
    Ambiguous(String),
    /// The method is not a string.
    MethodInvalid,
    /// A header says something else than the body.
    Mismatch(&'static str),
    /// A batch has too many messages.
    BatchTooLong,
    /// The method or its subject is not within the first bytes.
    TooLate(u64),
    /// The caller may not send a message.
    Denied(Denial),
}

/// What the first message of a body is about.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// The method.
    pub method: Option<String>,
    /// The tool, prompt or resource that it names.
    pub name: Option<String>,
}

impl MessageCheck {
    /// A check against what a caller may do. The method and the subject must be named within the
    /// first `limit` bytes.
    pub fn new(access: Access, expected: Expected, hold: Hold, limit: u64) -> Self {
        Self {
            scanner: Scanner::messages(),
            reader: Reader::new(access, expected),
            limit,
            size: 0,
            is_batch: false,
            hold,
        }
    }

    /// What the first message is about, as far as it is known.
    pub fn summary(&self) -> Summary {
        self.reader.summary()
    }

    /// Whether the summary is complete.
    pub fn has_summary(&self) -> bool {
        self.reader.has_decided() || self.scanner.is_at_end()
    }

    /// Whether a message asks for a list that must be filtered.
    pub const fn asks_for_list(&self) -> bool {
        self.reader.asks_for_list()
    }

    /// Whether the request's id is known, if it has one.
    pub fn id(&self) -> Option<&RequestId> {
        self.reader.id()
    }

    /// Checks the next bytes.
    pub fn push(&mut self, chunk: Chunk<'_>) -> Result<CheckProgress, RefusedMessage> {
        let bytes = chunk.bytes();
        if self.size == 0 && !self.is_batch {
            let mut begin = bytes.iter().filter(|byte| !byte.is_ascii_whitespace());
            self.is_batch = begin.next() == Some(&b'[');
        }
        self.size = self.size.saturating_add(bytes.len() as u64);
        let scanned = self.scanner.feed(bytes, &mut self.reader);
        if let Some(fault) = self.reader.fault() {
            return Err(self.refuse(fault.clone()));
        }
        if scanned == Err(Malformed) {
            return Err(self.refuse(MessageFault::NotJson));
        }
        let is_at_end = self.scanner.is_at_end();
        let has_ended = is_at_end || chunk.is_last();
        let is_held = self.hold == Hold::UntilKnown;
        if let Some(denial) = self.reader.denial() {
            let awaits_id = is_held && !has_ended && self.size <= self.limit;
            let awaits_id = awaits_id && (self.is_batch || self.reader.id().is_none());
            if !awaits_id {
                return Err(self.refuse(MessageFault::Denied(denial.clone())));
            }
            return Ok(CheckProgress::Awaiting);
        }
        if is_at_end && self.reader.is_empty() {
            return Err(self.refuse(MessageFault::NotJson));
        }
        if !is_held || is_at_end || (!self.is_batch && self.reader.has_decided()) {
            // From here on the rest is checked as it passes.
            self.hold = Hold::Never;
            return Ok(CheckProgress::Allowed);
        }
        if chunk.is_last() {
            return Err(self.refuse(MessageFault::NotJson));
        }
        if self.size > self.limit {
            return Err(self.refuse(MessageFault::TooLate(self.limit)));
        }
        Ok(CheckProgress::Awaiting)
    }

    fn refuse(&self, fault: MessageFault) -> RefusedMessage {
        let ids = if self.is_batch {
            RefusedIds::Batch(self.reader.ids().to_vec())
        } else {
            RefusedIds::One(self.reader.id().cloned())
        };
        RefusedMessage { fault, ids }
    }
}

impl RequestId {
    /// The id as JSON.
    pub fn json(&self) -> String {
        match self {
            Self::Text(text) => serde_json::Value::from(text.as_str()).to_string(),
            Self::Number(number) => number.clone(),
        }
    }
}

impl std::fmt::Debug for MessageCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MessageCheck")
            .field("size", &self.size)
            .field("hold", &self.hold)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
