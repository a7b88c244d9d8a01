//! Strings, numbers and literals: those that are complete within a piece, and the buffer for others.

use memchr::memchr2;
use serde::de::IgnoredAny;

use super::{Malformed, Scalar, ScanPolicy};

/// Receives the bytes of a string.
pub(super) trait Sink {
    fn push(&mut self, bytes: &[u8]);

    /// The string has an escape.
    fn note_escape(&mut self) {}
}

/// Discards them.
impl Sink for () {
    fn push(&mut self, _: &[u8]) {}
}

/// The buffer for a token that continues in the next piece, or that has escapes.
#[derive(Debug)]
pub(super) struct TokenBuffer {
    bytes: Vec<u8>,
    /// The length of the token, which may be more than is buffered.
    length: usize,
    max_length: usize,
    has_escape: bool,
    unescaped: String,
}

impl Sink for TokenBuffer {
    fn push(&mut self, bytes: &[u8]) {
        self.length = self.length.saturating_add(bytes.len());
        if self.length <= self.max_length {
            self.bytes.extend_from_slice(bytes);
        }
    }

    fn note_escape(&mut self) {
        self.has_escape = true;
    }
}

impl TokenBuffer {
    /// An empty buffer for at most `max_length` bytes.
    pub(super) const fn new(max_length: usize) -> Self {
        Self {
            bytes: Vec::new(),
            length: 0,
            max_length,
            has_escape: false,
            unescaped: String::new(),
        }
    }

    pub(super) fn clear(&mut self) {
        self.bytes.clear();
        self.length = 0;
        self.has_escape = false;
    }

    pub(super) const fn is_too_long(&self) -> bool {
        self.length > self.max_length
    }

    /// Begins a string with its opening quote.
    pub(super) fn begin_string(&mut self) {
        self.clear();
        self.push(b"\"");
    }

    /// The token as written. `None` if it is too long.
    pub(super) fn raw(&self) -> Option<&[u8]> {
        (!self.is_too_long()).then_some(&self.bytes)
    }

    /// Heap memory in use, in bytes.
    pub(super) const fn memory_usage(&self) -> usize {
        self.bytes.capacity() + self.unescaped.capacity()
    }

    /// The string without quotes and escapes. `None` if it is too long or not valid.
    pub(super) fn text(&mut self) -> Option<&str> {
        if self.has_escape {
            self.unescape()?;
            return Some(&self.unescaped);
        }
        std::str::from_utf8(self.unquoted()?).ok()
    }

    /// The same as bytes, which are UTF-8 only if the string has an escape.
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

/// Where in an escape sequence a string is cut.
#[derive(Clone, Copy, Debug)]
pub(super) enum Escape {
    /// In none.
    None,
    /// After the backslash.
    Backslash,
    /// Before so many hexadecimal digits. Only [`Strict`](super::Strict) counts them.
    Hex(u8),
}

/// The result of reading a part of a string.
pub(super) struct StringPart<'a> {
    /// Where the string is cut. `None` if its closing quote has been read.
    pub(super) open: Option<Escape>,
    /// What follows.
    pub(super) rest: &'a [u8],
}

/// Reads a string up to and including its closing quote, or to the end of `bytes`.
pub(super) fn string_part<'a, P: ScanPolicy>(
    bytes: &'a [u8],
    mut escape: Escape,
    sink: &mut impl Sink,
) -> Result<StringPart<'a>, Malformed> {
    let mut rest = bytes;
    loop {
        if !matches!(escape, Escape::None) {
            let Some((byte, after)) = rest.split_first() else {
                break;
            };
            sink.push(&[*byte]);
            escape = after_escaped::<P>(escape, *byte)?;
            rest = after;
            continue;
        }
        let Some(index) = memchr2(b'"', b'\\', rest) else {
            check_unescaped::<P>(rest)?;
            sink.push(rest);
            rest = &[];
            break;
        };
        let (part, after) = rest.split_at(index + 1);
        check_unescaped::<P>(part)?;
        sink.push(part);
        rest = after;
        if part.ends_with(b"\"") {
            return Ok(StringPart { open: None, rest });
        }
        sink.note_escape();
        escape = Escape::Backslash;
    }
    let open = Some(escape);
    Ok(StringPart { open, rest })
}

/// The position in an escape sequence after its next byte.
fn after_escaped<P: ScanPolicy>(escape: Escape, byte: u8) -> Result<Escape, Malformed> {
    if !P::IS_STRICT {
        return Ok(Escape::None);
    }
    match (escape, byte) {
        (Escape::Hex(1), _) if byte.is_ascii_hexdigit() => Ok(Escape::None),
        (Escape::Hex(left), _) if byte.is_ascii_hexdigit() => Ok(Escape::Hex(left - 1)),
        (Escape::Backslash, b'u') => Ok(Escape::Hex(4)),
        (Escape::Backslash, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => {
            Ok(Escape::None)
        }
        _ => Err(Malformed),
    }
}

/// Refuses control characters in a string, if the policy is strict.
fn check_unescaped<P: ScanPolicy>(part: &[u8]) -> Result<(), Malformed> {
    // Without a branch for each byte, so that the loop is vectorised.
    let has_control = || {
        part.iter()
            .fold(false, |found, byte| found | (*byte < b' '))
    };
    if P::IS_STRICT && has_control() {
        return Err(Malformed);
    }
    Ok(())
}

/// A complete token and the bytes after it.
type Split<'a> = (&'a [u8], &'a [u8]);

/// A string without escapes that ends within `bytes`, and what follows it. `bytes` begins after the
/// opening quote.
#[inline]
pub(super) fn unescaped_string<P: ScanPolicy>(
    bytes: &[u8],
) -> Result<Option<Split<'_>>, Malformed> {
    let Some(end) = memchr2(b'"', b'\\', bytes) else {
        return Ok(None);
    };
    if bytes.get(end) != Some(&b'"') {
        return Ok(None);
    }
    let Some((text, rest)) = bytes.split_at_checked(end) else {
        return Ok(None);
    };
    check_unescaped::<P>(text)?;
    Ok(rest.get(1..).map(|rest| (text, rest)))
}

/// The string, unless it is longer than the policy looks at.
pub(super) fn short<P: ScanPolicy>(text: &[u8]) -> Option<&[u8]> {
    (text.len() + 2 <= P::MAX_TOKEN).then_some(text)
}

/// A number or a literal as a value, `None` for `null` and `false`. `raw` is `None` if it is too long
/// to be checked: no server takes it for a model's name.
pub(super) fn parse_scalar<P: ScanPolicy>(
    raw: Option<&[u8]>,
) -> Result<Option<Scalar<'_>>, Malformed> {
    match raw {
        None | Some(b"true") => Ok(Some(Scalar::Other)),
        Some(b"null" | b"false") => Ok(None),
        Some(raw) if is_number::<P>(raw) => Ok(Some(Scalar::Number(raw))),
        Some(_) => Err(Malformed),
    }
}

fn is_number<P: ScanPolicy>(raw: &[u8]) -> bool {
    if P::IS_STRICT {
        return serde_json::from_slice::<IgnoredAny>(raw).is_ok();
    }
    // Nearly all numbers are integers. Of floats, Rust also parses `inf` and `nan`.
    let is_float = |text: &str| text.parse::<f64>().is_ok();
    raw.iter().all(u8::is_ascii_digit)
        || (!raw.first().is_some_and(u8::is_ascii_alphabetic)
            && std::str::from_utf8(raw).is_ok_and(is_float))
}

/// Splits `bytes` at the end of a number or literal. `None` if they may continue in the next piece.
#[inline]
pub(super) fn split_scalar(bytes: &[u8]) -> Option<Split<'_>> {
    let end = bytes.iter().position(|byte| !is_scalar_byte(*byte))?;
    bytes.split_at_checked(end)
}

const fn is_scalar_byte(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'E' | b'+' | b'-' | b'.')
}
