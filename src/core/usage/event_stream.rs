//! An incremental framer for `application/vnd.amazon.eventstream`.
//!
//! A message consists of its length and the length of its headers (each 4 bytes, big-endian), a
//! CRC32 of both, the headers, the payload, and a CRC32 of everything before. A message is reported
//! once its checksum has been verified. One longer than [`MAX_EVENT`] is skipped.
//!
//! It is our own because aws-smithy-eventstream needs a newer Rust and buffers frames of any size.

use super::MAX_EVENT;

/// A message with valid checksums.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Message<'a> {
    /// The header `:event-type`. Empty if absent, as in an exception.
    pub event_type: &'a [u8],
    /// The payload.
    pub payload: &'a [u8],
}

/// What is read from a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum EventStreamItem<'a> {
    /// A message.
    Message(Message<'a>),
    /// A message that is too long was skipped.
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
        self.buffer.is_empty() && self.to_skip == 0
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
            bytes = self.fill(bytes, PRELUDE);
            let Some(prelude) = self.buffer.first_chunk::<PRELUDE>() else {
                continue;
            };
            let total = check_prelude(prelude)?;
            if total > MAX_EVENT {
                self.to_skip = total - PRELUDE;
                self.buffer.clear();
                sink(EventStreamItem::TooLong);
                continue;
            }
            bytes = self.fill(bytes, total);
            if self.buffer.len() == total {
                sink(EventStreamItem::Message(message(&self.buffer)?));
                self.buffer.clear();
            }
        }
        Ok(())
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

/// The length of the message, from a prelude with a valid checksum.
fn check_prelude(prelude: &[u8; PRELUDE]) -> Result<usize, Corrupt> {
    let (lengths, check) = prelude.split_at(PRELUDE - CHECKSUM);
    let (total, headers) = lengths.split_at(4);
    let (total, headers) = (be_u32(total)?, be_u32(headers)?);
    let least = headers.checked_add(PRELUDE + CHECKSUM).ok_or(Corrupt)?;
    if be_u32(check)? == crc(lengths) && total >= least {
        Ok(total)
    } else {
        Err(Corrupt)
    }
}

fn message(whole: &[u8]) -> Result<Message<'_>, Corrupt> {
    let (checked, check) = whole.split_last_chunk::<CHECKSUM>().ok_or(Corrupt)?;
    if be_u32(check)? != crc(checked) {
        return Err(Corrupt);
    }
    let headers_length = be_u32(checked.get(4..8).ok_or(Corrupt)?)?;
    let body = checked.get(PRELUDE..).ok_or(Corrupt)?;
    let (headers, payload) = body.split_at_checked(headers_length).ok_or(Corrupt)?;
    Ok(Message {
        event_type: event_type(headers).unwrap_or_default(),
        payload,
    })
}

/// The value of `:event-type` in a message's headers.
fn event_type(mut headers: &[u8]) -> Option<&[u8]> {
    loop {
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
        if name == b":event-type" && kind == 7 {
            return Some(value);
        }
        headers = rest;
    }
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
            framer.feed(bytes, &mut |piece| {
                messages.push(match piece {
                    EventStreamItem::Message(message) => {
                        (message.event_type.to_vec(), message.payload.to_vec())
                    }
                    EventStreamItem::TooLong => (Vec::new(), b"too long".to_vec()),
                });
            })?;
            assert!(framer.memory_usage() <= MAX_EVENT);
        }
        assert!(framer.is_between());
        Ok(messages)
    }

    #[test]
    fn messages_are_framed_however_they_are_cut() {
        let long = encoded(&[], &vec![b'x'; MAX_EVENT]);
        let stream = [
            encoded(&[(":content-type", "x"), (":event-type", "chunk")], b"{}"),
            encoded(&[(":message-type", "exception")], b""),
            long,
            encoded(&[(":event-type", "metadata")], b"m"),
        ]
        .concat();
        let expected: Messages = [
            ("chunk", "{}"),
            ("", ""),
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
