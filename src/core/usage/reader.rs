//! Reads decoded bytes into the accumulator: chooses the framing, and which events to scan.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use memchr::memmem::Finder;

use super::accumulator::{Counted, UsageAccumulator};
use super::dialect::{Dialect, Marker, Payload};
use super::event_stream::MessageKind;
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
    /// The counts before the event in parts.
    before_parts: Counted,
    /// The position in the payload of the message in parts.
    base64: Base64Member,
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
                before_parts: Counted::default(),
                base64: Base64Member::default(),
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
                .map_err(|event_stream::Corrupt| {
                    events.abandon_parts();
                    IncompleteReason::Undecodable
                }),
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
                && events.dialect.last_event.can_be_finish_reason()
                && events.accumulator.finish_reason().is_some();
        }
        if let Framing::EventStream(framer) = &self.framing {
            // The response of a guardrail has no last event.
            let TokenUsage { input, output, .. } = events.accumulator.counted.tokens;
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
        let last_types = dialect.last_event.types();
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
                    self.begin_parts();
                }
                self.scan_part(part);
            }
            sse::EventPart::PartsEnd => self.end_parts(clock),
        }
    }

    fn message(&mut self, item: event_stream::EventStreamItem<'_>, clock: &dyn Clock) {
        if self.finished {
            return;
        }
        use event_stream::EventStreamItem;
        match item {
            EventStreamItem::Message(head, payload) => {
                self.message_head(head);
                match self.dialect.payload {
                    Payload::Plain => self.event(payload, clock),
                    Payload::Base64Bytes => {
                        self.begin_parts();
                        self.scan_base64(payload);
                        self.end_parts(clock);
                    }
                }
            }
            EventStreamItem::Begin(head) => {
                self.message_head(head);
                self.begin_parts();
            }
            EventStreamItem::Part(part) => match self.dialect.payload {
                Payload::Plain => self.scan_part(part),
                Payload::Base64Bytes => self.scan_base64(part),
            },
            EventStreamItem::End => self.end_parts(clock),
            EventStreamItem::TooLong => self.any_too_long = true,
        }
    }

    fn message_head(&mut self, head: event_stream::MessageHead<'_>) {
        let types = self.dialect.last_event.types();
        let is_last = types.iter().any(|kind| kind.as_bytes() == head.event_type);
        self.accumulator.ended |= is_last;
        self.accumulator.has_error |= head.kind == MessageKind::Exception;
    }

    /// Begins an event that is scanned in parts.
    fn begin_parts(&mut self) {
        self.in_parts = true;
        self.malformed = false;
        self.before_parts = self.accumulator.counted;
        self.base64 = Base64Member::default();
        self.scanner.reset();
    }

    fn scan_part(&mut self, part: &[u8]) {
        if !self.malformed {
            self.malformed = self.scan(part).is_err();
        }
    }

    /// Scans a part of an event of which the JSON is base64 in the member `bytes`.
    fn scan_base64(&mut self, part: &[u8]) {
        let mut base64 = std::mem::take(&mut self.base64);
        let decoded = base64.decode(part, &mut |decoded| self.scan_part(decoded));
        self.malformed |= decoded.is_err();
        self.base64 = base64;
    }

    fn end_parts(&mut self, clock: &dyn Clock) {
        self.in_parts = false;
        self.any_malformed |= self.malformed || !self.scanner.is_at_end();
        self.end_event(self.before_parts, clock);
    }

    /// Ends an event in parts of which the checksum is wrong.
    fn abandon_parts(&mut self) {
        if std::mem::take(&mut self.in_parts) {
            self.accumulator.counted = self.before_parts;
            self.accumulator.ended = false;
        }
    }

    /// Scans an event if it can have something of interest. Others do not count as read.
    fn event(&mut self, data: &[u8], clock: &dyn Clock) {
        if !self.accumulator.has_content || self.has_marker(data) {
            self.scanner.reset();
            let before = self.accumulator.counted;
            let well_formed = self.scan(data).is_ok() && self.scanner.is_at_end();
            self.any_malformed |= !well_formed && !data.trim_ascii().is_empty();
            self.end_event(before, clock);
        }
    }

    fn end_event(&mut self, before: Counted, clock: &dyn Clock) {
        self.accumulator.end_event(before);
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

/// Decodes the base64 in the member `bytes` of a payload that arrives in parts. Base64 has no escapes.
#[derive(Clone, Copy, Debug, Default)]
struct Base64Member {
    step: Base64Step,
    /// The characters that do not make up a whole group yet.
    group: [u8; GROUP],
    group_length: usize,
}

/// The position in the payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Base64Step {
    /// After so many bytes of the member's name.
    Name(usize),
    Colon,
    Quote,
    Text,
    End,
}

/// The text is not base64.
struct NotBase64;

const BYTES: &[u8] = b"\"bytes\"";

/// How many characters encode three bytes.
const GROUP: usize = 4;

impl Default for Base64Step {
    fn default() -> Self {
        Self::Name(0)
    }
}

impl Base64Member {
    /// Decodes the next part. Calls `sink` with at most 768 bytes at a time.
    fn decode(&mut self, part: &[u8], sink: &mut impl FnMut(&[u8])) -> Result<(), NotBase64> {
        let mut rest = part;
        while self.step != Base64Step::Text {
            let Some((&byte, after)) = rest.split_first() else {
                return Ok(());
            };
            rest = after;
            self.step = match self.step {
                Base64Step::Name(matched) if BYTES.get(matched) == Some(&byte) => {
                    if matched + 1 == BYTES.len() {
                        Base64Step::Colon
                    } else {
                        Base64Step::Name(matched + 1)
                    }
                }
                step if !matches!(step, Base64Step::Name(_)) && byte.is_ascii_whitespace() => step,
                Base64Step::Colon if byte == b':' => Base64Step::Quote,
                Base64Step::Quote if byte == b'"' => Base64Step::Text,
                Base64Step::End => return Ok(()),
                // It was not the member's name.
                _ => Base64Step::Name(usize::from(byte == b'"')),
            };
        }
        let end = memchr::memchr(b'"', rest);
        let text = rest.get(..end.unwrap_or(rest.len())).unwrap_or_default();
        self.text(text, sink)?;
        if end.is_some() {
            self.step = Base64Step::End;
            if self.group_length > 0 {
                return Err(NotBase64);
            }
        }
        Ok(())
    }

    fn text(&mut self, mut text: &[u8], sink: &mut impl FnMut(&[u8])) -> Result<(), NotBase64> {
        while self.group_length > 0
            && let Some((&byte, rest)) = text.split_first()
        {
            self.keep(byte);
            text = rest;
            if self.group_length == GROUP {
                self.group_length = 0;
                decode_groups(&self.group, sink)?;
            }
        }
        let (groups, rest) = text.split_at(text.len() - text.len() % GROUP);
        decode_groups(groups, sink)?;
        for byte in rest {
            self.keep(*byte);
        }
        Ok(())
    }

    fn keep(&mut self, byte: u8) {
        if let Some(slot) = self.group.get_mut(self.group_length) {
            *slot = byte;
            self.group_length += 1;
        }
    }
}

fn decode_groups(groups: &[u8], sink: &mut impl FnMut(&[u8])) -> Result<(), NotBase64> {
    /// Decodes to 768 bytes.
    const PIECE: usize = 1024;
    let mut decoded = [0; PIECE];
    for piece in groups.chunks(PIECE) {
        let length = STANDARD.decode_slice(piece, &mut decoded);
        let length = length.map_err(|_| NotBase64)?;
        sink(decoded.get(..length).unwrap_or_default());
    }
    Ok(())
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
