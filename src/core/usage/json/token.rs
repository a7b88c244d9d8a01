//! Names and scalars as written: those that lie whole in a piece, and the one that a scanner holds.

use memchr::memchr2;

use super::{MAX_TOKEN, Malformed, Scalar};

/// Where the bytes of a string go.
pub(super) trait Keep {
    /// Takes some more.
    fn push(&mut self, bytes: &[u8]);

    /// Learns that there is an escape among them.
    fn note_escape(&mut self) {}
}

/// Nowhere.
impl Keep for () {
    fn push(&mut self, _: &[u8]) {}
}

/// A token, up to [`MAX_TOKEN`] bytes of it.
#[derive(Debug, Default)]
pub(super) struct Token {
    bytes: Vec<u8>,
    /// Its whole length, also of what is not held.
    length: usize,
    has_escape: bool,
    /// The string that an escaped token stands for.
    unescaped: String,
}

impl Keep for Token {
    fn push(&mut self, bytes: &[u8]) {
        self.length = self.length.saturating_add(bytes.len());
        if self.length <= MAX_TOKEN {
            self.bytes.extend_from_slice(bytes);
        }
    }

    fn note_escape(&mut self) {
        self.has_escape = true;
    }
}

impl Token {
    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.length = 0;
        self.has_escape = false;
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Begins a string, at its opening quote.
    pub(super) fn restart(&mut self) {
        self.clear();
        self.push(b"\"");
    }

    /// The bytes as written; `None` when there are too many.
    pub(super) fn raw(&self) -> Option<&[u8]> {
        (self.length <= MAX_TOKEN).then_some(&self.bytes)
    }

    /// Bytes that it holds in memory, but for itself.
    pub(super) const fn held(&self) -> usize {
        self.bytes.capacity() + self.unescaped.capacity()
    }

    /// The string that it stands for; `None` when it is too long or no string.
    pub(super) fn text(&mut self) -> Option<&str> {
        if self.has_escape {
            self.unescape()?;
            return Some(&self.unescaped);
        }
        std::str::from_utf8(self.unquoted()?).ok()
    }

    /// The bytes of the string that it stands for; likewise.
    pub(super) fn name(&mut self) -> Option<&[u8]> {
        if self.has_escape {
            self.unescape()?;
            return Some(self.unescaped.as_bytes());
        }
        self.unquoted()
    }

    fn unescape(&mut self) -> Option<()> {
        let raw = self.raw()?;
        self.unescaped = serde_json::from_slice(raw).ok()?;
        Some(())
    }

    fn unquoted(&self) -> Option<&[u8]> {
        let raw = self.raw()?;
        raw.strip_prefix(b"\"")?.strip_suffix(b"\"")
    }
}

/// A string that closes here and has no escapes, from behind its opening quote, and what follows it.
pub(super) fn whole_string(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (text, rest) = bytes.split_at_checked(plain_end(bytes)?)?;
    Some((text, rest.get(1..)?))
}

/// Where such a string ends: at its closing quote.
#[inline]
pub(super) fn plain_end(bytes: &[u8]) -> Option<usize> {
    let end = memchr2(b'"', b'\\', bytes)?;
    (bytes.get(end) == Some(&b'"')).then_some(end)
}

/// The string, unless it is longer than a scanner looks at.
pub(super) fn short(text: &[u8]) -> Option<&[u8]> {
    (text.len() + 2 <= MAX_TOKEN).then_some(text)
}

/// Reads a string on, up to and with its closing quote: whether that came, whether the last byte
/// escapes the next, and what follows.
pub(super) fn string_part<'a>(
    bytes: &'a [u8],
    mut escaped: bool,
    keep: &mut impl Keep,
) -> (bool, bool, &'a [u8]) {
    let mut rest = bytes;
    if escaped && let Some((byte, after)) = rest.split_first() {
        keep.push(&[*byte]);
        rest = after;
        escaped = false;
    }
    while let Some(index) = memchr2(b'"', b'\\', rest) {
        let (part, after) = rest.split_at(index + 1);
        keep.push(part);
        if part.ends_with(b"\"") {
            return (true, false, after);
        }
        keep.note_escape();
        let Some((byte, after)) = after.split_first() else {
            return (false, true, after);
        };
        keep.push(&[*byte]);
        rest = after;
    }
    keep.push(rest);
    (false, escaped, &[])
}

/// A string as a value, `None` where it is empty; one that could not be read is some value.
pub(super) fn text_scalar(text: Option<&str>) -> Option<Scalar<'_>> {
    match text {
        Some("") => None,
        Some(text) => Some(Scalar::Text(text)),
        None => Some(Scalar::Other),
    }
}

/// A number or a word as a value, `None` where it is nothing; one that is too long is some value.
pub(super) fn plain_scalar(raw: Option<&[u8]>) -> Result<Option<Scalar<'_>>, Malformed> {
    match raw {
        Some(b"null" | b"false") => Ok(None),
        None | Some(b"true") => Ok(Some(Scalar::Other)),
        Some(raw) if raw.first().is_some_and(u8::is_ascii_alphabetic) => Err(Malformed),
        Some(raw) if is_number(raw) => Ok(Some(Scalar::Number(raw))),
        Some(_) => Err(Malformed),
    }
}

/// Nearly all numbers are whole, and need no parsing to be known for numbers.
fn is_number(raw: &[u8]) -> bool {
    let is_float = |text: &str| text.parse::<f64>().is_ok();
    raw.iter().all(u8::is_ascii_digit) || std::str::from_utf8(raw).is_ok_and(is_float)
}

pub(super) const fn is_scalar_byte(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'E' | b'+' | b'-' | b'.')
}
