//! The part `model` of a form (RFC 7578), as uploads of audio and images are.
//!
//! Nothing is held but the end of what has passed, which may be the beginning of that part.

use memchr::memmem;

use super::Reading;

/// How the part begins, as every client writes it.
const BEGINNING: &[u8] = b"form-data; name=\"model\"";

/// The rest of the part's headers and its value are no longer than this.
const MAX_PART: usize = 512;

/// No more is looked through at once.
const PIECE: usize = 4096;

/// Reads one form.
#[derive(Default)]
pub(super) struct FormReader {
    held: Vec<u8>,
    in_part: bool,
}

impl FormReader {
    pub(super) fn push(&mut self, bytes: &[u8]) -> Reading {
        for piece in bytes.chunks(PIECE) {
            self.held.extend_from_slice(piece);
            if !self.in_part {
                let found = memmem::find(&self.held, BEGINNING);
                let passed = match found {
                    Some(place) => place + BEGINNING.len(),
                    None => self.held.len().saturating_sub(BEGINNING.len()),
                };
                self.held.drain(..passed);
                self.in_part = found.is_some();
            }
            if self.in_part {
                match value(&self.held) {
                    Some(model) => return model,
                    None if self.held.len() > MAX_PART => return Reading::GivenUp,
                    None => {}
                }
            }
        }
        Reading::Unfinished
    }
}

/// The value of a part, from within its headers on; `None` where its end has not come.
fn value(part: &[u8]) -> Option<Reading> {
    let begin = memmem::find(part, b"\r\n\r\n")? + 4;
    let rest = part.get(begin..)?;
    let value = rest.get(..memmem::find(rest, b"\r\n")?)?;
    Some(match std::str::from_utf8(value) {
        Ok(model) if (1..=MAX_PART).contains(&model.len()) => Reading::Found(model.to_owned()),
        _ => Reading::GivenUp,
    })
}
