//! Extracts token usage, model and timing from responses while they pass.
//!
//! [`UsageExtractor`] receives each piece of the body and, at the end, how the response ended. It
//! never buffers, changes, delays or fails a response. If it cannot read one, it stops and reports
//! why. It uses at most [`MAX_MEMORY`] bytes, whatever the size of the response.
//!
//! ```text
//! bytes ─ decoder ─ framer (sse, event_stream) ─ JSON scanner ─ accumulator
//!                                                     │
//!                                              table of the dialect
//! ```

mod accumulator;
pub mod decoder;
pub mod dialect;
pub mod event_stream;
pub mod field;
mod reader;
pub mod response_usage;
pub mod sse;

use std::fmt;

use crate::base::time::Clock;
use decoder::Decoder;
use dialect::Dialect;
use reader::Reader;
use response_usage::{IncompleteReason, ResponseUsage, ServiceClass, Timing, TokenUsage};

/// The maximum memory usage for one response, in bytes.
pub const MAX_MEMORY: usize = 64 * 1024;

/// The longest event that is buffered. Longer ones are read in parts or skipped.
pub const MAX_EVENT: usize = 14 * 1024;

/// How a response ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum End {
    /// The upstream completed it.
    Complete,
    /// The client disconnected.
    ClientDisconnect,
    /// The upstream disconnected.
    UpstreamReset,
}

/// Extracts the usage of one successful response.
pub struct UsageExtractor {
    dialect: &'static Dialect,
    reader: Reader,
    decoder: Option<Decoder>,
    /// Why it stopped reading.
    gave_up: Option<IncompleteReason>,
    has_body: bool,
    is_plain_text: bool,
    from_headers: HeaderUsage,
}

/// What the headers of a response report.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct HeaderUsage {
    /// The tokens. Those in the body take precedence.
    pub tokens: TokenUsage,
    /// What selects the price. What the body says takes precedence.
    pub service: ServiceClass,
}

impl UsageExtractor {
    /// An extractor for a response with these two header values, which are empty if absent.
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
            has_body: false,
            is_plain_text: is_plain_text(content_type),
            from_headers: HeaderUsage::default(),
        }
    }

    /// Adds the usage in the response headers. Usage in the body takes precedence.
    pub fn note_headers(&mut self, reported: HeaderUsage) {
        self.from_headers = reported;
    }

    /// Whether the rest of the body matters. If not, it need not be pushed.
    pub const fn is_reading(&self) -> bool {
        self.gave_up.is_none() && !self.reader.is_finished()
    }

    /// Reads the next bytes of the body, which arrive now.
    pub fn push(&mut self, bytes: &[u8], clock: &dyn Clock) {
        if bytes.is_empty() {
            return;
        }
        self.has_body = true;
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

    /// Ends the response and returns its usage.
    pub fn finish(mut self, end: End) -> ResponseUsage {
        if end == End::Complete && self.is_reading() {
            let is_complete = self.decoder.as_ref().is_some_and(Decoder::is_complete);
            self.reader.finish(is_complete);
        }
        let ended = self.reader.is_complete();
        let mut accumulator = self.reader.take_accumulator();
        let is_text = self.is_plain_text && end == End::Complete && accumulator.is_empty();
        let is_pending = ended && accumulator.is_pending;
        let (tokens, units) = if is_pending {
            // They are not final.
            Default::default()
        } else {
            let tokens = accumulator.tokens(self.dialect.convention);
            (tokens.or(self.from_headers.tokens), accumulator.units())
        };
        let is_reported = tokens.is_reported() || units.is_reported();
        let has_error = accumulator.has_error && end != End::ClientDisconnect;
        let incomplete = match (ended, self.gave_up) {
            _ if is_pending => Some(IncompleteReason::Background),
            (true, _) if is_reported => None,
            _ if is_text => Some(IncompleteReason::NotReported),
            (_, Some(reason)) => Some(reason),
            _ if has_error => Some(IncompleteReason::UpstreamError),
            (true, None) => Some(self.reader.reason_without_usage()),
            (false, None) => Some(match end {
                End::ClientDisconnect => IncompleteReason::ClientDisconnect,
                End::Complete if !self.has_body => IncompleteReason::NotReported,
                End::Complete | End::UpstreamReset => IncompleteReason::UpstreamReset,
            }),
        };
        let (first_token, last_event) = self.reader.times();
        let reported = std::mem::take(&mut accumulator.service);
        let by_headers = self.from_headers.service;
        ResponseUsage {
            tokens,
            units,
            service: ServiceClass {
                tier: reported.tier.or(by_headers.tier),
                geography: reported.geography.or(by_headers.geography),
                speed: reported.speed.or(by_headers.speed),
            },
            other_models: accumulator.take_other_models(),
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

    /// Memory in use, in bytes, including `self`.
    pub fn memory_usage(&self) -> usize {
        let decoder = self.decoder.as_ref().map_or(0, Decoder::memory_usage);
        size_of::<Self>() + decoder + self.reader.memory_usage()
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

/// Whether no API reports usage in a body of this content type.
fn is_media(content_type: &[u8]) -> bool {
    ["audio/", "image/", "video/", "multipart/"]
        .iter()
        .any(|kind| {
            content_type
                .get(..kind.len())
                .is_some_and(|start| start.eq_ignore_ascii_case(kind.as_bytes()))
        })
}

/// Whether the body can be a text, such as a transcription, in which anything can look like a format
/// that has usage.
fn is_plain_text(content_type: &[u8]) -> bool {
    const FORMATS: [&[u8]; 2] = [b"text/html", b"text/event-stream"];
    let essence = content_type.split(|byte| *byte == b';').next();
    let essence = essence.unwrap_or_default().trim_ascii();
    let is_text = essence
        .get(..TEXT.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(TEXT));
    let is_subtitle = essence.eq_ignore_ascii_case(b"application/x-subrip");
    let is_format = |format: &&[u8]| format.eq_ignore_ascii_case(essence);
    is_subtitle || is_text && !FORMATS.iter().any(is_format)
}

const TEXT: &[u8] = b"text/";

#[cfg(test)]
mod tests;
