//! Reads tokens, model and times out of a response as it passes, for every API that is known, and
//! the model out of a request ([`requested_model`]).
//!
//! It is told each piece of the body and, at the end, how the response ended; it never holds,
//! changes, delays or fails one. What cannot be read is given up, with a reason. Whatever a
//! response's size, at most [`MAX_HELD`] bytes of it and of tables are held.
//!
//! ```text
//! bytes ─ decoder ─ framer (sse, event_stream) ─ json scanner, by a dialect's table ─ accumulator
//! ```

mod accumulator;
pub mod decoder;
pub mod dialect;
pub mod event_stream;
pub mod json;
mod reader;
pub mod response_usage;
pub mod sse;

use std::fmt;

use crate::base::time::Clock;
use decoder::Decoder;
use dialect::Dialect;
use reader::Reader;
use response_usage::{IncompleteReason, ResponseUsage, Timing, TokenUsage};

/// The most that is held for one response.
pub const MAX_HELD: usize = 64 * 1024;

/// The most that is held of one event; longer ones are read in parts, or passed over.
pub const MAX_EVENT: usize = 14 * 1024;

/// How a response ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The upstream ended it.
    Complete,
    /// The client went away.
    ClientDisconnect,
    /// The upstream went away.
    UpstreamReset,
}

/// Reads one successful response.
pub struct UsageExtractor {
    dialect: &'static Dialect,
    reader: Reader,
    decoder: Option<Decoder>,
    gave_up: Option<IncompleteReason>,
    has_begun: bool,
    from_headers: TokenUsage,
}

impl UsageExtractor {
    /// A reader for a response with these two headers, empty where they are absent.
    pub fn new(dialect: &'static Dialect, content_type: &[u8], content_encoding: &[u8]) -> Self {
        let decoder = Decoder::new(content_encoding);
        let gave_up = if is_media(content_type) {
            Some(IncompleteReason::NotReported)
        } else if decoder.is_none() {
            Some(IncompleteReason::Undecodable)
        } else {
            None
        };
        Self {
            dialect,
            reader: Reader::new(dialect, content_type),
            decoder: decoder.filter(|_| gave_up.is_none()),
            gave_up,
            has_begun: false,
            from_headers: TokenUsage::default(),
        }
    }

    /// Adds what the response's headers say; the body's word counts more.
    pub fn note_headers(&mut self, tokens: TokenUsage) {
        self.from_headers = tokens;
    }

    /// Whether the next bytes can tell anything; where not, they need not be pushed.
    pub const fn is_reading(&self) -> bool {
        self.gave_up.is_none() && !self.reader.is_finished()
    }

    /// Reads the next bytes of the body, which come now.
    pub fn push(&mut self, bytes: &[u8], clock: &dyn Clock) {
        if bytes.is_empty() {
            return;
        }
        self.has_begun = true;
        if !self.is_reading() {
            return;
        }
        let Some(decoder) = &mut self.decoder else {
            return;
        };
        let reader = &mut self.reader;
        if let Err(reason) = decoder.decode(bytes, &mut |decoded| reader.read(decoded, clock))
            && !self.reader.is_finished()
        {
            self.gave_up = Some(reason);
            self.decoder = None;
        }
    }

    /// Says what is known at the response's end.
    pub fn finish(mut self, end: End) -> ResponseUsage {
        if end == End::Complete && self.is_reading() {
            let whole = self.decoder.as_ref().is_some_and(Decoder::is_whole);
            self.reader.finish(whole);
        }
        let ended = self.reader.is_whole();
        let mut accumulator = self.reader.take_findings();
        let tokens = accumulator
            .tokens(self.dialect.convention)
            .or(self.from_headers);
        let incomplete = match (ended, self.gave_up) {
            (true, _) if tokens.is_reported() => None,
            (_, Some(reason)) => Some(reason),
            (true, None) => Some(self.reader.why_nothing()),
            (false, None) => Some(match end {
                End::ClientDisconnect => IncompleteReason::ClientDisconnect,
                End::Complete if !self.has_begun => IncompleteReason::NotReported,
                End::Complete | End::UpstreamReset => IncompleteReason::UpstreamReset,
            }),
        };
        let (first_token, last_event) = self.reader.times();
        ResponseUsage {
            tokens,
            cost: accumulator.cost,
            incomplete,
            ended,
            finish_reason: accumulator.take_finish_reason(),
            model: accumulator.model,
            response_id: accumulator.response_id,
            timing: Timing {
                first_token,
                last_event,
            },
        }
    }

    /// Bytes that it holds in memory, itself included.
    pub fn held(&self) -> usize {
        size_of::<Self>() + self.decoder.as_ref().map_or(0, Decoder::held) + self.reader.held()
    }
}

impl fmt::Debug for UsageExtractor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("UsageExtractor")
            .field("dialect", &self.dialect.name)
            .field("gave_up", &self.gave_up)
            .finish_non_exhaustive()
    }
}

/// Whether a content type is one in which no API reports anything.
fn is_media(content_type: &[u8]) -> bool {
    ["audio/", "image/", "video/", "multipart/"]
        .iter()
        .any(|kind| {
            content_type
                .get(..kind.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(kind.as_bytes()))
        })
}

#[cfg(test)]
mod tests;
