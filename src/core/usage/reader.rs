//! From decoded bytes to accumulator: chooses the framing, and which events are worth reading.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem::{self, Finder};

use super::accumulator::UsageAccumulator;
use super::dialect::{Dialect, LastEvent, Payload, Watch};
use super::json::Scanner;
use super::response_usage::{IncompleteReason, TokenUsage};
use super::{event_stream, sse};
use crate::base::time::{Clock, UnixTime};

/// Reads one response's decoded body.
pub(super) struct Reader {
    framing: Framing,
    events: Events,
}

enum Framing {
    /// Not known before the first byte that is no white space. The content type alone does not
    /// tell: some servers send a stream, or a document, under the other's name.
    Unknown { event_stream_announced: bool },
    /// One document, or one after another.
    Document,
    /// An array of documents.
    Array,
    /// An event stream of the WHATWG's.
    Sse(sse::Framer),
    /// Amazon's binary event stream.
    EventStream(event_stream::Framer),
}

/// What is made of events, and what is known from them.
struct Events {
    dialect: &'static Dialect,
    /// Made for the first event: documents have none.
    watch: Vec<(Finder<'static>, Watch)>,
    scanner: Scanner,
    accumulator: UsageAccumulator,
    /// The event being read in parts is no JSON.
    malformed: bool,
    /// An event was no JSON.
    any_malformed: bool,
    /// A message was too long to be read.
    any_too_long: bool,
    /// The last event has been read to its end.
    finished: bool,
    in_parts: bool,
    first_token: Option<UnixTime>,
    last_event: Option<UnixTime>,
}

impl Reader {
    pub(super) fn new(dialect: &'static Dialect, content_type: &[u8]) -> Self {
        let framing = if is_type(content_type, b"application/vnd.amazon.eventstream") {
            Framing::EventStream(event_stream::Framer::default())
        } else {
            Framing::Unknown {
                event_stream_announced: is_type(content_type, b"text/event-stream"),
            }
        };
        Self {
            framing,
            events: Events {
                dialect,
                watch: Vec::new(),
                scanner: Scanner::new(dialect.members),
                accumulator: UsageAccumulator::default(),
                malformed: false,
                any_malformed: false,
                any_too_long: false,
                finished: false,
                in_parts: false,
                first_token: None,
                last_event: None,
            },
        }
    }

    /// Reads on.
    pub(super) fn read(&mut self, bytes: &[u8], clock: &dyn Clock) -> Result<(), IncompleteReason> {
        let events = &mut self.events;
        match &mut self.framing {
            Framing::Unknown {
                event_stream_announced,
            } => {
                let skipped = bytes.iter().take_while(|byte| is_before_start(**byte));
                let start = bytes.get(skipped.count()..).unwrap_or_default();
                let Some(first) = start.first() else {
                    return Ok(());
                };
                self.framing = match first {
                    b'{' => Framing::Document,
                    b'[' => Framing::Array,
                    0 => Framing::EventStream(event_stream::Framer::default()),
                    b':' | b'd' | b'e' | b'i' | b'r' => Framing::Sse(sse::Framer::default()),
                    _ if *event_stream_announced => Framing::Sse(sse::Framer::default()),
                    _ => return Err(IncompleteReason::Undecodable),
                };
                self.read(start, clock)
            }
            Framing::Document => events.scan(bytes),
            Framing::Array => {
                let result = events.scan(bytes);
                events.note_time(clock);
                result
            }
            Framing::Sse(framer) => {
                framer.feed(bytes, &mut |piece| events.sse(piece, clock));
                Ok(())
            }
            Framing::EventStream(framer) => framer
                .feed(bytes, &mut |piece| events.message(piece, clock))
                .map_err(|event_stream::Corrupt| IncompleteReason::Undecodable),
        }
    }

    /// Takes the response's end; `whole`, as far as its encoding tells.
    pub(super) fn finish(&mut self, whole: bool) {
        let events = &mut self.events;
        let mut between = whole;
        if let Framing::Sse(framer) = &mut self.framing {
            let malformed_before = std::mem::take(&mut events.any_malformed);
            let last_event = events.last_event;
            framer.finish(&mut |piece| events.sse(piece, &last_event.unwrap_or_default()));
            between &= !events.any_malformed && !events.in_parts;
            events.any_malformed |= malformed_before;
            events.last_event = last_event;
            events.finished |= between
                && events.dialect.last_event == LastEvent::FinishReason
                && events.accumulator.finish_reason().is_some();
        }
        if let Framing::EventStream(framer) = &self.framing {
            // An answer that a guardrail made has no last event of its own.
            let TokenUsage { input, output, .. } = events.accumulator.tokens;
            events.finished |= whole
                && framer.is_between()
                && events.accumulator.finish_reason().is_some()
                && input.is_some()
                && output.is_some();
        }
    }

    /// Whether nothing that is still to come can tell anything.
    pub(super) const fn is_finished(&self) -> bool {
        self.events.finished
    }

    /// Whether the response has come whole.
    pub(super) fn is_whole(&self) -> bool {
        match self.framing {
            Framing::Unknown { .. } => false,
            Framing::Document | Framing::Array => self.events.scanner.is_at_end(),
            Framing::Sse(_) | Framing::EventStream(_) => self.events.finished,
        }
    }

    /// Why a whole response gave no usage.
    pub(super) const fn why_nothing(&self) -> IncompleteReason {
        if self.events.any_malformed {
            IncompleteReason::Undecodable
        } else if self.events.any_too_long {
            IncompleteReason::OverCap
        } else {
            IncompleteReason::NotReported
        }
    }

    pub(super) fn take_findings(&mut self) -> UsageAccumulator {
        std::mem::take(&mut self.events.accumulator)
    }

    /// When the first token and the last event came.
    pub(super) const fn times(&self) -> (Option<UnixTime>, Option<UnixTime>) {
        (self.events.first_token, self.events.last_event)
    }

    /// Bytes that it holds in memory, but for itself.
    pub(super) fn held(&self) -> usize {
        let framing = match &self.framing {
            Framing::Unknown { .. } | Framing::Document | Framing::Array => 0,
            Framing::Sse(framer) => framer.held(),
            Framing::EventStream(framer) => framer.held(),
        };
        let watch = self.events.watch.capacity() * size_of::<(Finder<'static>, Watch)>();
        framing + watch + self.events.scanner.held() + self.events.accumulator.held()
    }
}

impl Events {
    /// Reads JSON on.
    fn scan(&mut self, bytes: &[u8]) -> Result<(), IncompleteReason> {
        let Self {
            dialect,
            scanner,
            accumulator,
            ..
        } = self;
        let last_types = match dialect.last_event {
            LastEvent::Types(types) => types,
            LastEvent::FinishReason => &[],
        };
        scanner
            .feed(bytes, &mut |field, value| {
                accumulator.note(field, value, last_types, dialect.reporting)
            })
            .map_err(|_| IncompleteReason::Undecodable)
    }

    fn sse(&mut self, piece: sse::Piece<'_>, clock: &dyn Clock) {
        if self.finished {
            return;
        }
        match piece {
            sse::Piece::Event(data) if data.trim_ascii() == b"[DONE]" => self.finished = true,
            sse::Piece::Event(data) => self.event(data, clock),
            sse::Piece::Part(part) => {
                if !self.in_parts {
                    self.in_parts = true;
                    self.malformed = false;
                    self.scanner.reset();
                }
                if !self.malformed {
                    self.malformed = self.scan(part).is_err();
                }
            }
            sse::Piece::PartsEnd => {
                self.in_parts = false;
                self.any_malformed |= self.malformed || !self.scanner.is_at_end();
                self.event_end(clock);
            }
        }
    }

    fn message(&mut self, piece: event_stream::Piece<'_>, clock: &dyn Clock) {
        if self.finished {
            return;
        }
        let message = match piece {
            event_stream::Piece::Message(message) => message,
            event_stream::Piece::TooLong => {
                self.any_too_long = true;
                return;
            }
        };
        if let LastEvent::Types(types) = self.dialect.last_event {
            let is_last = types
                .iter()
                .any(|kind| kind.as_bytes() == message.event_type);
            self.accumulator.ended |= is_last;
        }
        match self.dialect.payload {
            Payload::Plain => self.event(message.payload, clock),
            Payload::Base64Bytes => self.base64_event(message.payload, clock),
        }
    }

    /// Reads an event's data, if it is worth it; of the others not even the time is noted.
    fn event(&mut self, data: &[u8], clock: &dyn Clock) {
        if !self.accumulator.content || self.is_worth_reading(data) {
            self.scanner.reset();
            let before = self.accumulator.tokens;
            let well_formed = self.scan(data).is_ok() && self.scanner.is_at_end();
            if self.accumulator.is_foreign {
                self.accumulator.tokens = before;
            }
            self.any_malformed |= !well_formed && !data.trim_ascii().is_empty();
            self.event_end(clock);
        }
    }

    /// Reads an event whose JSON is base64 in a JSON string `bytes`.
    fn base64_event(&mut self, payload: &[u8], clock: &dyn Clock) {
        /// Makes 768 bytes.
        const PIECE: usize = 1024;
        self.scanner.reset();
        let mut decoded = [0; PIECE];
        let well_formed = base64_bytes(payload).is_some_and(|text| {
            text.chunks(PIECE).all(|piece| {
                let length = STANDARD.decode_slice(piece, &mut decoded);
                let data = length.ok().and_then(|length| decoded.get(..length));
                data.is_some_and(|data| self.scan(data).is_ok())
            })
        });
        self.any_malformed |= !well_formed || !self.scanner.is_at_end();
        self.event_end(clock);
    }

    fn event_end(&mut self, clock: &dyn Clock) {
        self.accumulator.event_end();
        self.note_time(clock);
        self.finished = self.accumulator.ended;
    }

    fn note_time(&mut self, clock: &dyn Clock) {
        let now = clock.now();
        self.last_event = Some(now);
        if self.accumulator.content {
            self.first_token.get_or_insert(now);
        }
    }

    fn is_worth_reading(&mut self, data: &[u8]) -> bool {
        if self.watch.is_empty() {
            let finder = |watch: &Watch| {
                let (Watch::Bytes(bytes) | Watch::Member(bytes)) = *watch;
                (Finder::new(bytes), *watch)
            };
            self.watch = self.dialect.watch.iter().map(finder).collect();
        }
        self.watch.iter().any(|(finder, watch)| {
            let mut rest = data;
            while let Some(start) = finder.find(rest) {
                rest = rest
                    .get(start + finder.needle().len()..)
                    .unwrap_or_default();
                if matches!(watch, Watch::Bytes(_)) || has_value(rest) {
                    return true;
                }
            }
            false
        })
    }
}

/// Whether a colon and another value than `null` follow a name.
fn has_value(after_name: &[u8]) -> bool {
    after_name
        .trim_ascii_start()
        .strip_prefix(b":")
        .is_some_and(|value| !value.trim_ascii_start().starts_with(b"n"))
}

/// The string in the member `bytes` of a payload; base64 needs no escapes.
fn base64_bytes(payload: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = b"\"bytes\"";
    let start = memmem::find(payload, NAME)? + NAME.len();
    let value = payload.get(start..)?.trim_ascii_start();
    let value = value.strip_prefix(b":")?.trim_ascii_start();
    let text = value.strip_prefix(b"\"")?;
    text.get(..memchr::memchr(b'"', text)?)
}

/// White space, and the bytes of a byte order mark.
const fn is_before_start(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, 0xef | 0xbb | 0xbf)
}

/// Whether a content type is this one, whatever its parameters.
fn is_type(content_type: &[u8], wanted: &[u8]) -> bool {
    content_type
        .split(|byte| *byte == b';')
        .next()
        .is_some_and(|essence| essence.trim_ascii().eq_ignore_ascii_case(wanted))
}
