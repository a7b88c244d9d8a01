//! Frames an event stream (WHATWG HTML, "Server-sent events") that is cut anywhere.
//!
//! Lines end with CR, LF or CRLF; comments and fields other than `data` are passed over; the lines
//! of one event's data are joined by LF. Bytes are never decoded. The byte order mark is not dealt
//! with here, but before the framing is known.

use memchr::memchr2;

use super::MAX_EVENT;

/// What a stream is taken apart into.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Piece<'a> {
    /// An event's data, whole.
    Event(&'a [u8]),
    /// The next part of an event's data that is longer than [`MAX_EVENT`].
    Part(&'a [u8]),
    /// The end of an event that came in parts.
    PartsEnd,
}

/// The state of one stream's framing, at first ready for the stream's first byte.
#[derive(Debug, Default)]
pub struct Framer {
    line: Line,
    /// The line before ended with CR, so that LF would belong to its end.
    after_cr: bool,
    event: Event,
    /// The data of the event so far, where it does not come in parts.
    data: Vec<u8>,
}

/// Where in a line the stream stands.
#[derive(Clone, Copy, Debug)]
enum Line {
    /// So many bytes of it have come, all as in `data`.
    Name(usize),
    /// The colon after `data` has come.
    AfterColon,
    /// In the data.
    Data,
    /// In what is passed over.
    Other,
}

/// What has come of an event's data.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Event {
    #[default]
    Empty,
    Held,
    InParts,
}

const DATA: &[u8] = b"data";

impl Default for Line {
    fn default() -> Self {
        Self::Name(0)
    }
}

impl Framer {
    /// Bytes that it holds in memory.
    pub const fn held(&self) -> usize {
        self.data.capacity()
    }

    /// Reads on; calls `piece` for each piece of data.
    pub fn feed(&mut self, mut bytes: &[u8], piece: &mut impl FnMut(Piece<'_>)) {
        if self.after_cr && !bytes.is_empty() {
            bytes = bytes.strip_prefix(b"\n").unwrap_or(bytes);
            self.after_cr = false;
        }
        if matches!(self.line, Line::Name(0)) && self.event == Event::Empty {
            while let Some((data, rest)) = whole_event(bytes) {
                piece(Piece::Event(data));
                bytes = rest;
            }
        }
        while let Some(end) = memchr2(b'\r', b'\n', bytes) {
            let (line, rest) = bytes.split_at(end);
            self.line_part(line, piece);
            self.line_end(piece);
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
        self.line_part(bytes, piece);
    }

    /// Takes the end of the stream for the end of its last event.
    ///
    /// The standard drops an event without an empty line after it; some servers end so.
    pub fn finish(&mut self, piece: &mut impl FnMut(Piece<'_>)) {
        self.line_end(piece);
        self.event_end(piece);
    }

    /// Takes some more of a line.
    fn line_part(&mut self, part: &[u8], piece: &mut impl FnMut(Piece<'_>)) {
        let mut part = part;
        while let Some((&byte, rest)) = part.split_first() {
            self.line = match self.line {
                Line::Other => return,
                Line::Data => return self.keep(part, piece),
                Line::AfterColon => {
                    self.line = Line::Data;
                    self.data_line(piece);
                    return self.keep(if byte == b' ' { rest } else { part }, piece);
                }
                Line::Name(matched) if DATA.get(matched) == Some(&byte) => Line::Name(matched + 1),
                Line::Name(matched) if matched == DATA.len() && byte == b':' => Line::AfterColon,
                Line::Name(_) => Line::Other,
            };
            part = rest;
        }
    }

    fn line_end(&mut self, piece: &mut impl FnMut(Piece<'_>)) {
        match std::mem::take(&mut self.line) {
            Line::Name(0) => self.event_end(piece),
            Line::AfterColon => self.data_line(piece),
            Line::Name(matched) if matched == DATA.len() => self.data_line(piece),
            Line::Name(_) | Line::Data | Line::Other => {}
        }
    }

    /// Begins a line of data.
    fn data_line(&mut self, piece: &mut impl FnMut(Piece<'_>)) {
        if self.event == Event::Empty {
            self.event = Event::Held;
        } else {
            self.keep(b"\n", piece);
        }
    }

    fn keep(&mut self, part: &[u8], piece: &mut impl FnMut(Piece<'_>)) {
        if self.event == Event::Held {
            if self.data.len() + part.len() <= MAX_EVENT {
                self.reserve(part.len());
                self.data.extend_from_slice(part);
                return;
            }
            self.event = Event::InParts;
            piece(Piece::Part(&self.data));
            self.data.clear();
        }
        piece(Piece::Part(part));
    }

    /// Makes room, never for more than [`MAX_EVENT`] in all.
    fn reserve(&mut self, more: usize) {
        let needed = self.data.len() + more;
        if needed > self.data.capacity() {
            let capacity = needed.next_power_of_two().clamp(512, MAX_EVENT);
            self.data.reserve_exact(capacity - self.data.len());
        }
    }

    fn event_end(&mut self, piece: &mut impl FnMut(Piece<'_>)) {
        match std::mem::take(&mut self.event) {
            Event::Empty => {}
            Event::Held => piece(Piece::Event(&self.data)),
            Event::InParts => piece(Piece::PartsEnd),
        }
        self.data.clear();
    }
}

/// The data of an event that is as events nearly always are, and what follows: a line of data, at most a line with
/// its name before it, and all of it here.
fn whole_event(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let data = match bytes.strip_prefix(b"event:") {
        Some(name) => line(name)?.1,
        None => bytes,
    };
    let data = data.strip_prefix(DATA)?.strip_prefix(b":")?;
    let (data, rest) = line(data.strip_prefix(b" ").unwrap_or(data))?;
    let rest = rest.strip_prefix(b"\n")?;
    (data.len() <= MAX_EVENT).then_some((data, rest))
}

/// A line that LF ends, and what follows.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (line, rest) = bytes.split_at(memchr2(b'\r', b'\n', bytes)?);
    Some((line, rest.strip_prefix(b"\n")?))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(cuts: &[&[u8]]) -> Vec<String> {
        let mut framer = Framer::default();
        let mut events = Vec::new();
        let mut parts = Vec::new();
        let mut take = |piece: Piece<'_>| match piece {
            Piece::Event(data) => events.push(String::from_utf8_lossy(data).into_owned()),
            Piece::Part(part) => parts.extend_from_slice(part),
            Piece::PartsEnd => {
                let data = std::mem::take(&mut parts);
                events.push(String::from_utf8(data).unwrap());
            }
        };
        for cut in cuts {
            framer.feed(cut, &mut take);
            assert!(framer.held() <= MAX_EVENT);
        }
        framer.finish(&mut take);
        events
    }

    #[test]
    fn streams_are_framed_as_the_standard_says() {
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

    /// WHATWG HTML §9.2.6, read of a whole text: first its lines, then their fields.
    fn as_the_standard_says(stream: &str) -> Vec<String> {
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

    /// Text of which much is an event stream.
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
        fn any_stream_is_framed_as_the_standard_says(stream in stream(), size in 1_usize..9) {
            let expected = as_the_standard_says(&stream);
            for size in [size, stream.len().max(1)] {
                let mut framer = Framer::default();
                let mut events = Vec::new();
                for cut in stream.as_bytes().chunks(size) {
                    framer.feed(cut, &mut |piece| match piece {
                        Piece::Event(data) => {
                            events.push(String::from_utf8(data.to_vec()).unwrap());
                        }
                        Piece::Part(_) | Piece::PartsEnd => unreachable!("nothing here is long"),
                    });
                }
                prop_assert_eq!(&events, &expected);
            }
        }
    }

    #[test]
    fn events_of_any_size_pass_in_bounded_memory() {
        for length in [MAX_EVENT - 1, MAX_EVENT, MAX_EVENT + 1, 10 * MAX_EVENT] {
            let data = "x".repeat(length);
            let stream = format!("data: {data}\ndata: y\n\ndata: z\n\n");
            let cuts: Vec<&[u8]> = stream.as_bytes().chunks(1000).collect();
            assert_eq!(events(&cuts), [format!("{data}\ny"), "z".to_owned()]);
        }
    }
}
