//! An incremental framer for server-sent events (WHATWG HTML §9.2).
//!
//! Lines end with CR, LF or CRLF. Comments and fields other than `data` are skipped. The `data`
//! lines of an event are joined by LF. Bytes are not decoded. A byte order mark is removed before
//! the framing is known, not here.
//!
//! It is our own because a parser must be push-based, accept input that is cut anywhere, and bound
//! its buffer.

use memchr::memchr2;

use super::MAX_EVENT;

/// An event, or a part of one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EventPart<'a> {
    /// The complete data of an event.
    Complete(&'a [u8]),
    /// The next part of the data of an event that is longer than [`MAX_EVENT`].
    Part(&'a [u8]),
    /// The end of an event in parts.
    PartsEnd,
}

/// Frames one stream.
#[derive(Debug, Default)]
pub struct SseFramer {
    line: LinePosition,
    /// The previous line ended with CR, so an LF belongs to it.
    after_cr: bool,
    event: EventState,
    /// The data of the event so far, unless it is read in parts.
    data: Vec<u8>,
}

/// The position in a line.
#[derive(Clone, Copy, Debug)]
enum LinePosition {
    /// At the beginning, after so many bytes of `data`.
    Name(usize),
    /// After the colon that follows `data`.
    AfterColon,
    /// In the value of `data`.
    Data,
    /// In a line that is skipped.
    Other,
}

/// The state of the current event.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum EventState {
    /// Without data.
    #[default]
    Empty,
    /// The data is buffered.
    Buffered,
    /// The data is too long to buffer.
    InParts,
}

const DATA: &[u8] = b"data";

impl Default for LinePosition {
    fn default() -> Self {
        Self::Name(0)
    }
}

impl SseFramer {
    /// Heap memory in use, in bytes.
    pub const fn memory_usage(&self) -> usize {
        self.data.capacity()
    }

    /// Reads the next bytes. Calls `sink` for each event or part.
    pub fn feed(&mut self, mut bytes: &[u8], sink: &mut impl FnMut(EventPart<'_>)) {
        if self.after_cr && !bytes.is_empty() {
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
            self.after_cr = false;
        }
        if matches!(self.line, LinePosition::Name(0)) && self.event == EventState::Empty {
            while let Some((data, rest)) = usual_event(bytes) {
                sink(EventPart::Complete(data));
                bytes = rest;
            }
        }
        while let Some(end) = memchr2(b'\r', b'\n', bytes) {
            let (line, rest) = bytes.split_at(end);
            self.read_line(line, sink);
            self.end_line(sink);
            bytes = match rest {
                [b'\r', b'\n', rest @ ..] => rest,
                [b'\r'] => {
                    self.after_cr = true;
                    &[]
                }
                [_, rest @ ..] => rest,
                [] => &[],
            };
        }
        self.read_line(bytes, sink);
    }

    /// Ends the stream, and with it the last event.
    ///
    /// The standard drops an event without an empty line after it, but some servers end like that.
    pub fn finish(&mut self, sink: &mut impl FnMut(EventPart<'_>)) {
        self.end_line(sink);
        self.end_event(sink);
    }

    /// Reads a part of a line.
    fn read_line(&mut self, part: &[u8], sink: &mut impl FnMut(EventPart<'_>)) {
        let mut part = part;
        while let Some((&byte, rest)) = part.split_first() {
            self.line = match self.line {
                LinePosition::Other => return,
                LinePosition::Data => return self.buffer(part, sink),
                LinePosition::AfterColon => {
                    self.line = LinePosition::Data;
                    self.begin_data(sink);
                    return self.buffer(if byte == b' ' { rest } else { part }, sink);
                }
                LinePosition::Name(matched) if DATA.get(matched) == Some(&byte) => {
                    LinePosition::Name(matched + 1)
                }
                LinePosition::Name(matched) if matched == DATA.len() && byte == b':' => {
                    LinePosition::AfterColon
                }
                LinePosition::Name(_) => LinePosition::Other,
            };
            part = rest;
        }
    }

    fn end_line(&mut self, sink: &mut impl FnMut(EventPart<'_>)) {
        match std::mem::take(&mut self.line) {
            LinePosition::Name(0) => self.end_event(sink),
            LinePosition::AfterColon => self.begin_data(sink),
            LinePosition::Name(matched) if matched == DATA.len() => self.begin_data(sink),
            LinePosition::Name(_) | LinePosition::Data | LinePosition::Other => {}
        }
    }

    /// Begins a `data` line.
    fn begin_data(&mut self, sink: &mut impl FnMut(EventPart<'_>)) {
        if self.event == EventState::Empty {
            self.event = EventState::Buffered;
        } else {
            self.buffer(b"\n", sink);
        }
    }

    fn buffer(&mut self, part: &[u8], sink: &mut impl FnMut(EventPart<'_>)) {
        if self.event == EventState::Buffered {
            if self.data.len() + part.len() <= MAX_EVENT {
                self.reserve(part.len());
                self.data.extend_from_slice(part);
                return;
            }
            self.event = EventState::InParts;
            sink(EventPart::Part(&self.data));
            self.data.clear();
        }
        sink(EventPart::Part(part));
    }

    /// Grows the buffer, never beyond [`MAX_EVENT`].
    fn reserve(&mut self, additional: usize) {
        let needed = self.data.len() + additional;
        if needed > self.data.capacity() {
            let capacity = needed.next_power_of_two().clamp(512, MAX_EVENT);
            self.data.reserve_exact(capacity - self.data.len());
        }
    }

    fn end_event(&mut self, sink: &mut impl FnMut(EventPart<'_>)) {
        match std::mem::take(&mut self.event) {
            EventState::Empty => {}
            EventState::Buffered => sink(EventPart::Complete(&self.data)),
            EventState::InParts => sink(EventPart::PartsEnd),
        }
        self.data.clear();
    }
}

/// A fast path for the usual event: one `data` line, possibly after an `event` line, complete within
/// `bytes`. Returns its data and what follows.
fn usual_event(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let data = match bytes.strip_prefix(b"event:") {
        Some(name) => line(name)?.1,
        None => bytes,
    };
    let data = data.strip_prefix(DATA)?.strip_prefix(b":")?;
    let (data, rest) = line(data.strip_prefix(b" ").unwrap_or(data))?;
    let rest = rest.strip_prefix(b"\n")?;
    (data.len() <= MAX_EVENT).then_some((data, rest))
}

/// A line that ends with LF, and what follows.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (line, rest) = bytes.split_at(memchr2(b'\r', b'\n', bytes)?);
    Some((line, rest.strip_prefix(b"\n")?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(cuts: &[&[u8]]) -> Vec<String> {
        let mut framer = SseFramer::default();
        let mut events = Vec::new();
        let mut parts = Vec::new();
        let mut take = |piece: EventPart<'_>| match piece {
            EventPart::Complete(data) => events.push(String::from_utf8_lossy(data).into_owned()),
            EventPart::Part(part) => parts.extend_from_slice(part),
            EventPart::PartsEnd => {
                let data = std::mem::take(&mut parts);
                events.push(String::from_utf8(data).unwrap());
            }
        };
        for cut in cuts {
            framer.feed(cut, &mut take);
            assert!(framer.memory_usage() <= MAX_EVENT);
        }
        framer.finish(&mut take);
        events
    }

    #[test]
    fn streams_are_framed_by_the_standard() {
        for (stream, expected) in [
            ("data: a\n\ndata: b\n\n", vec!["a", "b"]),
            ("data: a\r\n\r\ndata: b\r\n\r\n", vec!["a", "b"]),
            ("data: a\r\rdata: b\r\r", vec!["a", "b"]),
            ("data:a\ndata: b\ndata:  c\n\n", vec!["a\nb\n c"]),
            (": ping\n\ndata: a\n: x\n\n", vec!["a"]),
            ("event: e\nid: 1\nretry: 5\ndata: a\n\n", vec!["a"]),
            ("data\n\n", vec![""]),
            ("data\ndata\n\n", vec!["\n"]),
            ("data:\n\n", vec![""]),
            ("datax: a\ndat: b\n data: c\n\n", vec![]),
            ("event: x\n\n", vec![]),
            ("data: é\u{1f600}\n\n", vec!["é\u{1f600}"]),
            ("data: unfinished", vec!["unfinished"]),
            ("event: a\ndata: b\n\ndata: c\n\n", vec!["b", "c"]),
            ("event: a\r\ndata: b\r\n\r\n", vec!["b"]),
            ("event: a\rdata: b\n\n", vec!["b"]),
            ("event: a\n\ndata: b\n\n", vec!["b"]),
            ("\n\n\r\r\n", vec![]),
        ] {
            assert_eq!(events(&[stream.as_bytes()]), expected, "{stream:?}");
            let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
            assert_eq!(events(&bytes), expected, "{stream:?} byte by byte");
        }
    }

    /// WHATWG HTML §9.2.6 on a complete stream: first the lines, then their fields.
    fn events_by_the_standard(stream: &str) -> Vec<String> {
        let plain = stream.replace("\r\n", "\n").replace('\r', "\n");
        let mut events = Vec::new();
        let mut data = Vec::new();
        for line in plain.split_inclusive('\n') {
            let Some(line) = line.strip_suffix('\n') else {
                break;
            };
            let (field, value) = line.split_once(':').unwrap_or((line, ""));
            if field == "data" {
                data.push(value.strip_prefix(' ').unwrap_or(value));
            } else if line.is_empty() && !data.is_empty() {
                events.push(data.join("\n"));
                data.clear();
            }
        }
        events
    }

    /// Text that resembles an event stream.
    fn stream() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "data",
            "data:",
            "data: ",
            "data:  ",
            "dat",
            "Data:",
            "event: e",
            "id",
            "retry: 5",
            ":c",
            " ",
            "\t",
            "\0",
            "x",
            "é",
            "😀",
            "\u{feff}",
            "data: [DONE]\n\n",
            "\n",
            "\n",
            "\r",
            "\r\n",
            "\n\n",
            "\r\r",
            "\r\n\r\n",
            "\n\r",
        ]);
        prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn any_stream_is_framed_by_the_standard(stream in stream(), size in 1_usize..9) {
            let expected = events_by_the_standard(&stream);
            for size in [size, stream.len().max(1)] {
                let mut framer = SseFramer::default();
                let mut events = Vec::new();
                for cut in stream.as_bytes().chunks(size) {
                    framer.feed(cut, &mut |piece| match piece {
                        EventPart::Complete(data) => {
                            events.push(String::from_utf8(data.to_vec()).unwrap());
                        }
                        EventPart::Part(_) | EventPart::PartsEnd => unreachable!("all events are short"),
                    });
                }
                prop_assert_eq!(&events, &expected);
            }
        }
    }

    #[test]
    fn events_of_any_size_are_read_in_bounded_memory() {
        for length in [MAX_EVENT - 1, MAX_EVENT, MAX_EVENT + 1, 10 * MAX_EVENT] {
            let data = "x".repeat(length);
            let stream = format!("data: {data}\ndata: y\n\ndata: z\n\n");
            let cuts: Vec<&[u8]> = stream.as_bytes().chunks(1000).collect();
            assert_eq!(events(&cuts), [format!("{data}\ny"), "z".to_owned()]);
        }
    }
}
