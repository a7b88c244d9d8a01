//! Finds wanted members in JSON (RFC 8259) of any size, read in pieces cut anywhere.
//!
//! It holds one name or short scalar at a time and counts the depth of everything else, so that
//! neither a long string, nor deep nesting, nor a large document needs memory. It is no validator:
//! inside of what is not wanted only strings and brackets are told apart.
//!
//! Written by hand, since the incremental parsers that exist hold every string whole.

mod token;
mod wanted;

use memchr::memchr2;

pub use wanted::{Field, Member, Scalar, Wanted};

use token::{Keep, Token};

/// The bytes are no JSON.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed;

/// Wanted containers lie no deeper than this; arrays in arrays beyond it are passed over.
const MAX_FRAMES: usize = 12;

/// A name or scalar longer than this, quotes included, is passed over.
const MAX_TOKEN: usize = 256;

/// The state of one document's reading.
#[derive(Debug)]
pub struct Scanner {
    root: Target,
    state: State,
    /// The wanted containers around the current place.
    frames: [Frame; MAX_FRAMES],
    depth: usize,
    /// What is wanted of the value that comes next or is being read.
    target: Target,
    token: Token,
    /// Documents read to their end.
    documents: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Value,
    ValueOrEnd,
    Name,
    NameOrEnd,
    InName { escaped: bool },
    Colon,
    CommaOrEnd,
    InString { escaped: bool },
    InScalar,
    Skip { depth: u64 },
    SkipString { depth: u64, escaped: bool },
    Between,
}

#[derive(Clone, Copy)]
enum Target {
    Nothing,
    Of(Wanted),
}

#[derive(Clone, Copy, Debug)]
enum Frame {
    Object(Target),
    Array(Target),
}

impl Scanner {
    /// A reader that looks for these members of a document, or of each element of an array, or of
    /// each of several documents.
    pub fn new(members: &'static [Member]) -> Self {
        let root = Target::Of(Wanted::Members(members));
        Self {
            root,
            state: State::Between,
            frames: [Frame::Array(Target::Nothing); MAX_FRAMES],
            depth: 0,
            target: root,
            token: Token::default(),
            documents: 0,
        }
    }

    /// Makes ready for another document, wherever this one stands.
    pub fn reset(&mut self) {
        self.state = State::Between;
        self.depth = 0;
        self.documents = 0;
    }

    /// Whether a document has ended, and no other has begun.
    pub fn is_at_end(&self) -> bool {
        matches!(self.state, State::Between) && self.documents > 0
    }

    /// Bytes that it holds in memory.
    pub const fn held() -> usize {
        size_of::<Self>()
    }

    /// Reads on; calls `found` for each wanted value.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        found: &mut impl FnMut(Field, Scalar<'_>),
    ) -> Result<(), Malformed> {
        while let Some((&byte, rest)) = bytes.split_first() {
            bytes = match self.state {
                State::InName { escaped } => {
                    let (end, escaped, rest) = string_part(bytes, escaped, &mut self.token);
                    self.state = if end {
                        self.look_up();
                        State::Colon
                    } else {
                        State::InName { escaped }
                    };
                    rest
                }
                State::InString { escaped } => {
                    let (end, escaped, rest) = string_part(bytes, escaped, &mut self.token);
                    if end {
                        self.string_end(found);
                    } else {
                        self.state = State::InString { escaped };
                    }
                    rest
                }
                State::Skip { depth } => self.skip(bytes, depth),
                State::SkipString { depth, escaped } => self.skip_string(bytes, depth, escaped),
                State::InScalar => {
                    let end = bytes.iter().position(|byte| !is_scalar_byte(*byte));
                    let (part, rest) = bytes.split_at(end.unwrap_or(bytes.len()));
                    self.token.push(part);
                    if end.is_some() {
                        self.scalar_end(found)?;
                    }
                    rest
                }
                _ if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') => rest,
                _ => {
                    self.structural(byte, found)?;
                    rest
                }
            };
        }
        Ok(())
    }

    /// Takes a byte that is neither within a token nor white space.
    fn structural(
        &mut self,
        byte: u8,
        found: &mut impl FnMut(Field, Scalar<'_>),
    ) -> Result<(), Malformed> {
        match (self.state, byte) {
            (State::ValueOrEnd, b']') | (State::NameOrEnd, b'}') => self.close(),
            (State::CommaOrEnd, _) => return self.after_value(byte),
            (State::Value | State::ValueOrEnd, _) => return self.value(byte, found),
            (State::Name | State::NameOrEnd, b'"') => {
                self.token.restart();
                self.state = State::InName { escaped: false };
            }
            (State::Colon, b':') => self.state = State::Value,
            (State::Between, b'{' | b'[') => {
                self.target = self.root;
                return self.value(byte, found);
            }
            _ => return Err(Malformed),
        }
        Ok(())
    }

    fn after_value(&mut self, byte: u8) -> Result<(), Malformed> {
        match (self.frame(), byte) {
            (Some(Frame::Object(_)), b'}') | (Some(Frame::Array(_)), b']') => self.close(),
            (Some(Frame::Object(_)), b',') => self.state = State::Name,
            (Some(Frame::Array(element)), b',') => {
                self.target = element;
                self.state = State::Value;
            }
            _ => return Err(Malformed),
        }
        Ok(())
    }

    /// Takes a value's first byte.
    fn value(
        &mut self,
        byte: u8,
        found: &mut impl FnMut(Field, Scalar<'_>),
    ) -> Result<(), Malformed> {
        match (byte, self.target) {
            (b'{', Target::Of(Wanted::Members(_))) => {
                self.open(Frame::Object(self.target), State::NameOrEnd);
            }
            (b'[', Target::Of(_)) => self.open(Frame::Array(self.target), State::ValueOrEnd),
            (b'{', Target::Of(Wanted::Value(field))) => {
                found(field, Scalar::Other);
                self.state = State::Skip { depth: 1 };
            }
            (b'{' | b'[', Target::Nothing) => self.state = State::Skip { depth: 1 },
            (b'"', Target::Of(Wanted::Value(_))) => {
                self.token.restart();
                self.state = State::InString { escaped: false };
            }
            (b'"', _) => {
                self.state = State::SkipString {
                    depth: 0,
                    escaped: false,
                };
            }
            (b'-' | b'0'..=b'9' | b't' | b'f' | b'n', _) => {
                self.token.clear();
                self.token.push(&[byte]);
                self.state = State::InScalar;
            }
            _ => return Err(Malformed),
        }
        Ok(())
    }

    fn open(&mut self, frame: Frame, state: State) {
        if let Some(slot) = self.frames.get_mut(self.depth) {
            *slot = frame;
            self.depth += 1;
            self.state = state;
            if let Frame::Array(element) = frame {
                self.target = element;
            }
        } else {
            self.state = State::Skip { depth: 1 };
        }
    }

    fn close(&mut self) {
        self.depth = self.depth.saturating_sub(1);
        self.value_end();
    }

    fn value_end(&mut self) {
        self.state = if self.depth == 0 {
            self.documents += 1;
            State::Between
        } else {
            State::CommaOrEnd
        };
    }

    fn frame(&self) -> Option<Frame> {
        self.frames.get(self.depth.checked_sub(1)?).copied()
    }

    /// Sets what is wanted of the value of the name that has been read.
    fn look_up(&mut self) {
        self.target = match (self.frame(), self.token.name()) {
            (Some(Frame::Object(Target::Of(Wanted::Members(members)))), Some(name)) => members
                .iter()
                .find(|member| member.name.as_bytes() == name)
                .map_or(Target::Nothing, |member| Target::Of(member.wanted)),
            _ => Target::Nothing,
        };
    }

    fn string_end(&mut self, found: &mut impl FnMut(Field, Scalar<'_>)) {
        if let Target::Of(Wanted::Value(field)) = self.target {
            match self.token.text() {
                Some("") => {}
                Some(text) => found(field, Scalar::Text(text)),
                None => found(field, Scalar::Other),
            }
        }
        self.value_end();
    }

    fn scalar_end(&mut self, found: &mut impl FnMut(Field, Scalar<'_>)) -> Result<(), Malformed> {
        let scalar = match self.token.raw() {
            Some(b"null" | b"false") => None,
            Some(b"true") => Some(Scalar::Other),
            Some(raw) if raw.first().is_some_and(u8::is_ascii_alphabetic) => return Err(Malformed),
            Some(raw) => match std::str::from_utf8(raw) {
                Ok(number) if is_number(number) => Some(Scalar::Number(number)),
                _ => return Err(Malformed),
            },
            None => Some(Scalar::Other),
        };
        if let (Target::Of(Wanted::Value(field)), Some(scalar)) = (self.target, scalar) {
            found(field, scalar);
        }
        self.value_end();
        Ok(())
    }

    /// Passes over a container that is not wanted; `depth` counts it and those open within it.
    fn skip<'a>(&mut self, bytes: &'a [u8], mut depth: u64) -> &'a [u8] {
        for (index, byte) in bytes.iter().enumerate() {
            match byte {
                b'"' => {
                    let escaped = false;
                    self.state = State::SkipString { depth, escaped };
                    return bytes.get(index + 1..).unwrap_or_default();
                }
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 1 => {
                    self.value_end();
                    return bytes.get(index + 1..).unwrap_or_default();
                }
                b'}' | b']' => depth -= 1,
                _ => {}
            }
        }
        self.state = State::Skip { depth };
        &[]
    }

    fn skip_string<'a>(&mut self, bytes: &'a [u8], depth: u64, escaped: bool) -> &'a [u8] {
        let (end, escaped, rest) = string_part(bytes, escaped, &mut ());
        match (end, depth) {
            (false, _) => self.state = State::SkipString { depth, escaped },
            (true, 0) => self.value_end(),
            (true, _) => self.state = State::Skip { depth },
        }
        rest
    }
}

impl std::fmt::Debug for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Nothing => "nothing",
            Self::Of(Wanted::Value(_)) => "a value",
            Self::Of(Wanted::Members(_)) => "members",
        })
    }
}

/// Reads a string on, up to and with its closing quote: whether that came, whether the last byte
/// escapes the next, and what follows.
fn string_part<'a>(
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

/// Nearly all numbers are whole, and need no parsing to be known for numbers.
fn is_number(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_digit()) || text.parse::<f64>().is_ok()
}

const fn is_scalar_byte(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'E' | b'+' | b'-' | b'.')
}

#[cfg(test)]
mod tests;
