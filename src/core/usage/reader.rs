//! Reads decoded bytes into the accumulator: chooses the framing, and which events to scan.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem::{self, Finder};

use super::accumulator::UsageAccumulator;
use super::dialect::{Dialect, LastEvent, Marker, Payload};
use super::field::Field;
use super::response_usage::{IncompleteReason, TokenUsage};
use super::{event_stream, sse};
use crate::base::time::{Clock, UnixTime};
use crate::json::{Scalar, Scanner};

/// Reads the decoded body of one response.
pub(super) struct Reader {
    framing: Framing,
    events: EventReader,
}

enum Framing {
    /// Unknown until the first byte that is not white space. The content type is not enough: some
    /// servers send a stream with the content type of a document, or the reverse.
    Unknown { event_stream_announced: bool },
    /// One document, or several after one another.
    Document,
    /// An array of documents.
    Array,
    /// Server-sent events.
    Sse(sse::SseFramer),
    /// The binary event stream of AWS.
    EventStream(event_stream::EventStreamFramer),
}

/// Reads events and documents.
struct EventReader {
    dialect: &'static Dialect,
    /// Built at the first event, because documents need none.
    markers: Vec<(Finder<'static>, Marker)>,
    scanner: Scanner<Field>,
    accumulator: UsageAccumulator,
    /// The event in parts is malformed.
    malformed: bool,
    /// At least one event was malformed.
    any_malformed: bool,
    /// At least one message was too long to read.
    any_too_long: bool,
    /// The last event has been read.
    finished: bool,
    in_parts: bool,
    first_token: Option<UnixTime>,
    last_event: Option<UnixTime>,
}

impl Reader {
    pub(super) fn new(dialect: &'static Dialect, content_type: &[u8]) -> Self {
        let framing = if is_type(content_type, b"application/vnd.amazon.eventstream") {
            Framing::EventStream(event_stream::EventStreamFramer::default())
        } else {
            Framing::Unknown {
                event_stream_announced: is_type(content_type, b"text/event-stream"),
            }
        };
        Self {
            framing,
            events: EventReader {
                dialect,
                markers: Vec::new(),
                scanner: Scanner::lenient(dialect.members),
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

    /// Reads the next bytes.
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
                    0 => Framing::EventStream(event_stream::EventStreamFramer::default()),
                    b':' | b'd' | b'e' | b'i' | b'r' => Framing::Sse(sse::SseFramer::default()),
                    _ if *event_stream_announced => Framing::Sse(sse::SseFramer::default()),
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
                framer.feed(bytes, &mut |part| events.server_sent_event(part, clock));
                Ok(())
            }
            Framing::EventStream(framer) => framer
                .feed(bytes, &mut |item| events.message(item, clock))
                .map_err(|event_stream::Corrupt| IncompleteReason::Undecodable),
        }
    }

    /// Ends the response, of which the encoded data is complete or not.
    pub(super) fn finish(&mut self, is_complete: bool) {
        let events = &mut self.events;
        let mut is_between_events = is_complete;
        if let Framing::Sse(framer) = &mut self.framing {
            let malformed_before = std::mem::take(&mut events.any_malformed);
            let last_event = events.last_event;
            framer.finish(&mut |part| {
                events.server_sent_event(part, &last_event.unwrap_or_default())
            });
            is_between_events &= !events.any_malformed && !events.in_parts;
            events.any_malformed |= malformed_before;
            events.last_event = last_event;
            events.finished |= is_between_events
                && events.dialect.last_event == LastEvent::FinishReason
                && events.accumulator.finish_reason().is_some();
        }
        if let Framing::EventStream(framer) = &self.framing {
            // The response of a guardrail has no last event.
            let TokenUsage { input, output, .. } = events.accumulator.tokens;
            events.finished |= is_complete
                && framer.is_between()
                && events.accumulator.finish_reason().is_some()
                && input.is_some()
                && output.is_some();
        }
    }

    /// Whether the rest of the response can be ignored.
    pub(super) const fn is_finished(&self) -> bool {
        self.events.finished
    }

    /// Whether the response is complete.
    pub(super) fn is_complete(&self) -> bool {
        match self.framing {
            Framing::Unknown { .. } => false,
            Framing::Document | Framing::Array => self.events.scanner.is_at_end(),
            Framing::Sse(_) | Framing::EventStream(_) => self.events.finished,
        }
    }

    /// Why a complete response has no usage.
    pub(super) const fn reason_without_usage(&self) -> IncompleteReason {
        if self.events.any_malformed {
            IncompleteReason::Undecodable
        } else if self.events.any_too_long {
            IncompleteReason::OverCap
        } else {
            IncompleteReason::NotReported
        }
    }

    pub(super) fn take_accumulator(&mut self) -> UsageAccumulator {
        std::mem::take(&mut self.events.accumulator)
    }

    /// When the first token and the last event arrived.
    pub(super) const fn times(&self) -> (Option<UnixTime>, Option<UnixTime>) {
        (self.events.first_token, self.events.last_event)
    }

    /// Heap memory in use, in bytes.
    pub(super) fn memory_usage(&self) -> usize {
        let framing = match &self.framing {
            Framing::Unknown { .. } | Framing::Document | Framing::Array => 0,
            Framing::Sse(framer) => framer.memory_usage(),
            Framing::EventStream(framer) => framer.memory_usage(),
        };
        let events = &self.events;
        let markers = events.markers.capacity() * size_of::<(Finder<'static>, Marker)>();
        framing + markers + events.scanner.memory_usage() + events.accumulator.memory_usage()
    }
}

impl EventReader {
    /// Scans the next bytes of a document or an event.
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
            .feed(bytes, &mut |field, value: Scalar<'_>| {
                accumulator.add(field, value, last_types, dialect.usage_events)
            })
            .map_err(|_| IncompleteReason::Undecodable)
    }

    fn server_sent_event(&mut self, part: sse::EventPart<'_>, clock: &dyn Clock) {
        if self.finished {
            return;
        }
        match part {
            sse::EventPart::Complete(data) if data.trim_ascii() == b"[DONE]" => {
                self.finished = true
            }
            sse::EventPart::Complete(data) => self.event(data, clock),
            sse::EventPart::Part(part) => {
                if !self.in_parts {
                    self.in_parts = true;
                    self.malformed = false;
                    self.scanner.reset();
                }
                if !self.malformed {
                    self.malformed = self.scan(part).is_err();
                }
            }
            sse::EventPart::PartsEnd => {
                self.in_parts = false;
                self.any_malformed |= self.malformed || !self.scanner.is_at_end();
                self.end_event(clock);
            }
        }
    }

    fn message(&mut self, item: event_stream::EventStreamItem<'_>, clock: &dyn Clock) {
        if self.finished {
            return;
        }
        let message = match item {
            event_stream::EventStreamItem::Message(message) => message,
            event_stream::EventStreamItem::TooLong => {
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

    /// Scans an event if it can have something of interest. Others do not count as read.
    fn event(&mut self, data: &[u8], clock: &dyn Clock) {
        if !self.accumulator.has_content || self.has_marker(data) {
            self.scanner.reset();
            let tokens_before = self.accumulator.tokens;
            let well_formed = self.scan(data).is_ok() && self.scanner.is_at_end();
            if self.accumulator.is_ignored {
                self.accumulator.tokens = tokens_before;
            }
            self.any_malformed |= !well_formed && !data.trim_ascii().is_empty();
            self.end_event(clock);
        }
    }

    /// Scans an event of which the JSON is base64 in the member `bytes`.
    fn base64_event(&mut self, payload: &[u8], clock: &dyn Clock) {
        /// Decodes to 768 bytes.
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
        self.end_event(clock);
    }

    fn end_event(&mut self, clock: &dyn Clock) {
        self.accumulator.end_event();
        self.note_time(clock);
        self.finished = self.accumulator.ended;
    }

    fn note_time(&mut self, clock: &dyn Clock) {
        let now = clock.now();
        self.last_event = Some(now);
        if self.accumulator.has_content {
            self.first_token.get_or_insert(now);
        }
    }

    /// Whether the event has one of the markers of the dialect.
    fn has_marker(&mut self, data: &[u8]) -> bool {
        if self.markers.is_empty() {
            let finder = |marker: &Marker| {
                let (Marker::Bytes(bytes) | Marker::Member(bytes)) = *marker;
                (Finder::new(bytes), *marker)
            };
            self.markers = self.dialect.markers.iter().map(finder).collect();
        }
        self.markers.iter().any(|(finder, marker)| {
            let mut rest = data;
            while let Some(start) = finder.find(rest) {
                rest = rest
                    .get(start + finder.needle().len()..)
                    .unwrap_or_default();
                if matches!(marker, Marker::Bytes(_)) || has_value(rest) {
                    return true;
                }
            }
            false
        })
    }
}

/// Whether a colon and a value other than `null` follow.
fn has_value(after_name: &[u8]) -> bool {
    after_name
        .trim_ascii_start()
        .strip_prefix(b":")
        .is_some_and(|value| !value.trim_ascii_start().starts_with(b"n"))
}

/// The string in the member `bytes` of a payload. Base64 has no escapes.
fn base64_bytes(payload: &[u8]) -> Option<&[u8]> {
    const NAME: &[u8] = b"\"bytes\"";
    let start = memmem::find(payload, NAME)? + NAME.len();
    let value = payload.get(start..)?.trim_ascii_start();
    let value = value.strip_prefix(b":")?.trim_ascii_start();
    let text = value.strip_prefix(b"\"")?;
    text.get(..memchr::memchr(b'"', text)?)
}

/// Whether the byte is white space or part of a byte order mark.
const fn is_before_start(byte: u8) -> bool {
    byte.is_ascii_whitespace() || matches!(byte, 0xef | 0xbb | 0xbf)
}

/// Whether the content type is this one, with any parameters.
fn is_type(content_type: &[u8], wanted: &[u8]) -> bool {
    content_type
        .split(|byte| *byte == b';')
        .next()
        .is_some_and(|essence| essence.trim_ascii().eq_ignore_ascii_case(wanted))
}
