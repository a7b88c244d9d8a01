//! Reads the part `model` of a form (RFC 7578), which uploads of audio and images use.
//!
//! Only the end of what has been read is buffered: it may be the beginning of that part.

use memchr::memmem;

use super::Reading;

/// The beginning of the part, as all known clients write it.
const BEGINNING: &[u8] = b"form-data; name=\"model\"";

/// The maximum length of the other headers of the part and its value.
const MAX_PART: usize = 512;

/// How much is searched at once.
const PIECE: usize = 4096;

/// Reads one form.
#[derive(Default)]
pub(super) struct FormReader {
    buffer: Vec<u8>,
    in_part: bool,
}

impl FormReader {
    pub(super) fn push(&mut self, bytes: &[u8]) -> Reading {
        for piece in bytes.chunks(PIECE) {
            self.buffer.extend_from_slice(piece);
            if !self.in_part {
                let found = memmem::find(&self.buffer, BEGINNING);
                let passed = match found {
                    Some(place) => place + BEGINNING.len(),
                    None => self.buffer.len().saturating_sub(BEGINNING.len()),
                };
                self.buffer.drain(..passed);
                self.in_part = found.is_some();
            }
            if self.in_part {
                match value(&self.buffer) {
                    Some(model) => return model,
                    None if self.buffer.len() > MAX_PART => return Reading::GivenUp,
                    None => {}
                }
            }
        }
        Reading::Unfinished
    }
}

/// The value of a part, given from within its headers. `None` if it is not complete.
fn value(part: &[u8]) -> Option<Reading> {
    let begin = memmem::find(part, b"\r\n\r\n")? + 4;
    let rest = part.get(begin..)?;
    let value = rest.get(..memmem::find(rest, b"\r\n")?)?;
    Some(match std::str::from_utf8(value) {
        Ok(model) if (1..=MAX_PART).contains(&model.len()) => Reading::Found(model.to_owned()),
        _ => Reading::GivenUp,
    })
}
