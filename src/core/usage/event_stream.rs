//! An incremental framer for `application/vnd.amazon.eventstream`.
//!
//! A message consists of its length and the length of its headers (each 4 bytes, big-endian), a
//! CRC32 of both, the headers, the payload, and a CRC32 of everything before. A message is reported
//! once its checksum has been verified. One longer than [`MAX_EVENT`] is reported in parts, and its
//! checksum is verified at its end.
//!
//! It is our own because aws-smithy-eventstream needs a newer Rust and buffers frames of any size.

use super::MAX_EVENT;

/// What the headers of a message say.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MessageHead<'a> {
    /// The header `:event-type`. Empty if absent, as in an exception.
    pub event_type: &'a [u8],
    /// Whether it is an event.
    pub kind: MessageKind,
}

/// The header `:message-type`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MessageKind {
    /// An event.
    Event,
    /// An exception or an error, after which nothing follows.
    Exception,
}

/// What is read from a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EventStreamItem<'a> {
    /// A message with valid checksums, and its payload.
    Message(MessageHead<'a>, &'a [u8]),
    /// The beginning of a message that is longer than [`MAX_EVENT`].
    Begin(MessageHead<'a>),
    /// The next part of the payload of such a message.
    Part(&'a [u8]),
    /// The end of such a message, of which the checksum is valid.
    End,
    /// A message with headers that are too long was skipped.
    TooLong,
}

/// A length or checksum is wrong, so the rest of the stream cannot be framed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Corrupt;

/// Frames one stream.
#[derive(Debug, Default)]
pub struct EventStreamFramer {
    /// The message so far.
    buffer: Vec<u8>,
    /// How many bytes are left of a message that is skipped.
    to_skip: usize,
    /// The rest of a message that is reported in parts.
    in_parts: Option<RestOfMessage>,
}

#[derive(Debug)]
struct RestOfMessage {
    /// How many bytes of the payload are left.
    payload: usize,
    /// The checksum so far.
    checksum: crc32fast::Hasher,
}

const PRELUDE: usize = 12;
const CHECKSUM: usize = 4;

impl EventStreamFramer {
    /// Heap memory in use, in bytes.
    pub const fn memory_usage(&self) -> usize {
        self.buffer.capacity()
    }

    /// Whether the last message is complete.
    pub const fn is_between(&self) -> bool {
        self.buffer.is_empty() && self.to_skip == 0 && self.in_parts.is_none()
    }

    /// Reads the next bytes. Calls `sink` for each message.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        sink: &mut impl FnMut(EventStreamItem<'_>),
    ) -> Result<(), Corrupt> {
        while !bytes.is_empty() {
            if self.to_skip > 0 {
                let (_, rest) = bytes.split_at(self.to_skip.min(bytes.len()));
                self.to_skip -= bytes.len() - rest.len();
                bytes = rest;
                continue;
            }
            if self.in_parts.is_some() {
                bytes = self.part(bytes, sink)?;
                continue;
            }
            bytes = self.fill(bytes, PRELUDE);
            let Some(prelude) = self.buffer.first_chunk::<PRELUDE>() else {
                continue;
            };
            let Lengths { total, headers } = check_prelude(prelude)?;
            if total > MAX_EVENT {
                bytes = self.begin_parts(bytes, total, headers, sink);
                continue;
            }
            bytes = self.fill(bytes, total);
            if self.buffer.len() == total {
                let (head, payload) = message(&self.buffer)?;
                sink(EventStreamItem::Message(head, payload));
                self.buffer.clear();
            }
        }
        Ok(())
    }

    /// Reads the headers of a message that is longer than [`MAX_EVENT`].
    fn begin_parts<'a>(
        &mut self,
        bytes: &'a [u8],
        total: usize,
        headers: usize,
        sink: &mut impl FnMut(EventStreamItem<'_>),
    ) -> &'a [u8] {
        let head = PRELUDE + headers;
        if head > MAX_EVENT {
            self.to_skip = total - PRELUDE;
            self.buffer.clear();
            sink(EventStreamItem::TooLong);
            return bytes;
        }
        let rest = self.fill(bytes, head);
        if self.buffer.len() == head {
            let mut checksum = crc32fast::Hasher::new();
            checksum.update(&self.buffer);
            self.in_parts = Some(RestOfMessage {
                payload: total - head - CHECKSUM,
                checksum,
            });
            let headers = self.buffer.get(PRELUDE..).unwrap_or_default();
            sink(EventStreamItem::Begin(message_head(headers)));
            self.buffer.clear();
        }
        rest
    }

    /// Reads the next part of a message that is longer than [`MAX_EVENT`].
    fn part<'a>(
        &mut self,
        bytes: &'a [u8],
        sink: &mut impl FnMut(EventStreamItem<'_>),
    ) -> Result<&'a [u8], Corrupt> {
        if let Some(message) = &mut self.in_parts
            && message.payload > 0
        {
            let (part, rest) = bytes.split_at(message.payload.min(bytes.len()));
            message.payload -= part.len();
            message.checksum.update(part);
            sink(EventStreamItem::Part(part));
            return Ok(rest);
        }
        let rest = self.fill(bytes, CHECKSUM);
        if self.buffer.len() == CHECKSUM
            && let Some(message) = self.in_parts.take()
        {
            let actual = message.checksum.finalize().try_into();
            if be_u32(&self.buffer)? != actual.unwrap_or(usize::MAX) {
                return Err(Corrupt);
            }
            self.buffer.clear();
            sink(EventStreamItem::End);
        }
        Ok(rest)
    }

    /// Buffers the message up to `length` bytes. Returns the rest of `bytes`.
    fn fill<'a>(&mut self, bytes: &'a [u8], length: usize) -> &'a [u8] {
        let missing = length.saturating_sub(self.buffer.len());
        let (part, rest) = bytes.split_at(missing.min(bytes.len()));
        self.buffer
            .reserve_exact(length.saturating_sub(self.buffer.len()));
        self.buffer.extend_from_slice(part);
        rest
    }
}

/// The lengths in a prelude, in bytes.
struct Lengths {
    /// Of the whole message.
    total: usize,
    /// Of its headers.
    headers: usize,
}

/// The lengths in a prelude with a valid checksum.
fn check_prelude(prelude: &[u8; PRELUDE]) -> Result<Lengths, Corrupt> {
    let (lengths, check) = prelude.split_at(PRELUDE - CHECKSUM);
    let (total, headers) = lengths.split_at(4);
    let (total, headers) = (be_u32(total)?, be_u32(headers)?);
    let least = headers.checked_add(PRELUDE + CHECKSUM).ok_or(Corrupt)?;
    if be_u32(check)? == crc(lengths) && total >= least {
        Ok(Lengths { total, headers })
    } else {
        Err(Corrupt)
    }
}

/// The headers and the payload of a message with valid checksums.
fn message(whole: &[u8]) -> Result<(MessageHead<'_>, &[u8]), Corrupt> {
    let (checked, check) = whole.split_last_chunk::<CHECKSUM>().ok_or(Corrupt)?;
    if be_u32(check)? != crc(checked) {
        return Err(Corrupt);
    }
    let headers_length = be_u32(checked.get(4..8).ok_or(Corrupt)?)?;
    let body = checked.get(PRELUDE..).ok_or(Corrupt)?;
    let (headers, payload) = body.split_at_checked(headers_length).ok_or(Corrupt)?;
    Ok((message_head(headers), payload))
}

/// What a message's headers say.
fn message_head(mut headers: &[u8]) -> MessageHead<'_> {
    let mut head = MessageHead {
        event_type: &[],
        kind: MessageKind::Event,
    };
    while let Some((name, value, rest)) = next_header(headers) {
        match name {
            b":event-type" => head.event_type = value.unwrap_or_default(),
            b":message-type" if value.is_some_and(|kind| kind != b"event") => {
                head.kind = MessageKind::Exception;
            }
            _ => {}
        }
        headers = rest;
    }
    head
}

/// A header: its name, its value if that is a string, and what follows.
type Header<'a> = (&'a [u8], Option<&'a [u8]>, &'a [u8]);

fn next_header(headers: &[u8]) -> Option<Header<'_>> {
    let (&length, rest) = headers.split_first()?;
    let (name, rest) = rest.split_at_checked(length.into())?;
    let (&kind, rest) = rest.split_first()?;
    let (value, rest) = match kind {
        0 | 1 => rest.split_at_checked(0)?,
        2 => rest.split_at_checked(1)?,
        3 => rest.split_at_checked(2)?,
        4 => rest.split_at_checked(4)?,
        5 | 8 => rest.split_at_checked(8)?,
        6 | 7 => {
            let (length, rest) = rest.split_first_chunk::<2>()?;
            rest.split_at_checked(u16::from_be_bytes(*length).into())?
        }
        9 => rest.split_at_checked(16)?,
        _ => return None,
    };
    Some((name, (kind == 7).then_some(value), rest))
}

fn be_u32(bytes: &[u8]) -> Result<usize, Corrupt> {
    let bytes = bytes.try_into().map_err(|_| Corrupt)?;
    usize::try_from(u32::from_be_bytes(bytes)).map_err(|_| Corrupt)
}

fn crc(bytes: &[u8]) -> usize {
    crc32fast::hash(bytes).try_into().unwrap_or(usize::MAX)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// A message with these string headers.
    pub(in crate::usage) fn encoded(headers: &[(&str, &str)], payload: &[u8]) -> Vec<u8> {
        let mut block = Vec::new();
        for (name, value) in headers {
            block.push(u8::try_from(name.len()).unwrap());
            block.extend_from_slice(name.as_bytes());
            block.push(7);
            block.extend_from_slice(&u16::try_from(value.len()).unwrap().to_be_bytes());
            block.extend_from_slice(value.as_bytes());
        }
        let total = u32::try_from(PRELUDE + block.len() + payload.len() + CHECKSUM).unwrap();
        let mut message = total.to_be_bytes().to_vec();
        message.extend_from_slice(&u32::try_from(block.len()).unwrap().to_be_bytes());
        message.extend_from_slice(&crc32fast::hash(&message).to_be_bytes());
        message.extend_from_slice(&block);
        message.extend_from_slice(payload);
        message.extend_from_slice(&crc32fast::hash(&message).to_be_bytes());
        message
    }

    /// Each message's type and payload.
    type Messages = Vec<(Vec<u8>, Vec<u8>)>;

    fn messages(stream: &[u8], cut: usize) -> Result<Messages, Corrupt> {
        let mut framer = EventStreamFramer::default();
        let mut messages = Vec::new();
        for bytes in stream.chunks(cut) {
            framer.feed(bytes, &mut |piece| match piece {
                EventStreamItem::Message(head, payload) => {
                    messages.push((head.event_type.to_vec(), payload.to_vec()));
                }
                EventStreamItem::Begin(head) => {
                    messages.push((head.event_type.to_vec(), Vec::new()));
                }
                EventStreamItem::Part(part) => {
                    messages.last_mut().unwrap().1.extend_from_slice(part);
                }
                EventStreamItem::End => {}
                EventStreamItem::TooLong => {
                    messages.push((Vec::new(), b"too long".to_vec()));
                }
            })?;
            assert!(framer.memory_usage() <= MAX_EVENT);
        }
        assert!(framer.is_between());
        Ok(messages)
    }

    #[test]
    fn messages_are_framed_however_they_are_cut() {
        let long = encoded(&[(":event-type", "long")], &vec![b'x'; MAX_EVENT]);
        let long_headers = encoded(&[("x", &"x".repeat(MAX_EVENT))], b"");
        let stream = [
            encoded(&[(":content-type", "x"), (":event-type", "chunk")], b"{}"),
            encoded(&[(":message-type", "exception")], b""),
            long,
            long_headers,
            encoded(&[(":event-type", "metadata")], b"m"),
        ]
        .concat();
        let expected: Messages = [
            ("chunk", "{}"),
            ("", ""),
            ("long", &"x".repeat(MAX_EVENT)),
            ("", "too long"),
            ("metadata", "m"),
        ]
        .map(|(kind, payload)| (kind.into(), payload.into()))
        .to_vec();
        for cut in [1, 2, 3, 11, 12, 13, 1000, stream.len()] {
            assert_eq!(messages(&stream, cut).unwrap(), expected, "{cut}");
        }
    }

    #[test]
    fn a_long_message_with_a_wrong_checksum_is_corrupt() {
        let mut message = encoded(&[(":event-type", "chunk")], &vec![b'x'; MAX_EVENT]);
        let last = message.len() - 1;
        for place in [MAX_EVENT / 2, last] {
            message[place] ^= 1;
            for cut in [1, 1000, message.len()] {
                assert_eq!(messages(&message, cut), Err(Corrupt), "{place} {cut}");
            }
            message[place] ^= 1;
        }
        assert!(messages(&message, 1000).is_ok());
    }

    #[test]
    fn a_flipped_bit_anywhere_is_corrupt_or_unfinished() {
        let message = encoded(&[(":event-type", "chunk")], b"{\"usage\":1}");
        for index in 0..message.len() * 8 {
            let mut damaged = message.clone();
            damaged[index / 8] ^= 1 << (index % 8);
            let mut framer = EventStreamFramer::default();
            let result = framer.feed(&damaged, &mut |piece| panic!("{index}: {piece:?}"));
            assert!(result.is_err(), "{index}");
        }
    }
}
