//! Finds wanted members in JSON (RFC 8259) of any size, read in pieces cut anywhere.
//!
//! It holds one name or short scalar at a time and counts the depth of everything else, so that
//! neither a long string, nor deep nesting, nor a large document needs memory. It is no validator:
//! inside of what is not wanted only strings and brackets are told apart.
//!
//! Written by hand, since the incremental parsers that exist hold every string whole.

mod members;
mod token;
mod wanted;

pub use wanted::{Field, Member, Scalar, Wanted};

use token::{
    Keep, Token, is_scalar_byte, plain_scalar, short, string_part, text_scalar, whole_string,
};

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

#[derive(Clone, Copy, Debug)]
enum Target {
    Nothing,
    Of(Wanted),
}

#[derive(Clone, Copy, Debug)]
enum Frame {
    Object(&'static [Member]),
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

    /// Bytes that it holds in memory, but for itself.
    pub const fn held(&self) -> usize {
        self.token.held()
    }

    /// Reads on; calls `found` for each wanted value.
    ///
    /// A name or scalar that lies whole in `bytes` is looked at where it lies.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        found: &mut impl FnMut(Field, Scalar<'_>),
    ) -> Result<(), Malformed> {
        while let Some((&byte, rest)) = bytes.split_first() {
            bytes = match self.state {
                State::InName { escaped } => {
                    let (end, escaped, rest) = string_part(bytes, escaped, &mut self.token);
                    if end {
                        let members = self.members();
                        let member = self.token.name().and_then(|name| named(members, name));
                        self.target = Target::of(member);
                        self.state = State::Colon;
                        rest
                    } else {
                        self.state = State::InName { escaped };
                        rest
                    }
                }
                State::InString { escaped } => {
                    let (end, escaped, rest) = string_part(bytes, escaped, &mut self.token);
                    if end {
                        note(self.target, text_scalar(self.token.text()), found);
                        self.value_end();
                    } else {
                        self.state = State::InString { escaped };
                    }
                    rest
                }
                State::Skip { depth } => self.skip(bytes, depth),
                State::SkipString { depth, escaped } => self.skip_string(bytes, depth, escaped),
                State::InScalar => self.scalar(bytes, found)?,
                _ if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') => rest,
                _ => self.structural(byte, bytes, found)?,
            };
        }
        Ok(())
    }

    /// Takes a byte, the first of `bytes`, that is neither within a token nor white space; what is left.
    fn structural<'a>(
        &mut self,
        byte: u8,
        bytes: &'a [u8],
        found: &mut impl FnMut(Field, Scalar<'_>),
    ) -> Result<&'a [u8], Malformed> {
        let rest = bytes.get(1..).unwrap_or_default();
        match (self.state, byte) {
            (State::ValueOrEnd, b']') | (State::NameOrEnd, b'}') => self.close(),
            (State::CommaOrEnd, _) => self.after_value(byte)?,
            (State::Value | State::ValueOrEnd, _) => return self.value(byte, bytes, found),
            (State::Name | State::NameOrEnd, b'"') => return self.read_members(rest, found),
            (State::Colon, b':') => self.state = State::Value,
            (State::Between, b'{' | b'[') => {
                self.target = self.root;
                return self.value(byte, bytes, found);
            }
            _ => return Err(Malformed),
        }
        Ok(rest)
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

    /// Takes a value's first byte, the first of `bytes`, or the value; what is left.
    fn value<'a>(
        &mut self,
        byte: u8,
        bytes: &'a [u8],
        found: &mut impl FnMut(Field, Scalar<'_>),
    ) -> Result<&'a [u8], Malformed> {
        let rest = bytes.get(1..).unwrap_or_default();
        match (byte, self.target) {
            (b'"', target) => return Ok(self.string(target, rest, found)),
            (b'{', Target::Of(Wanted::Members(members))) => {
                self.open(Frame::Object(members), State::NameOrEnd);
            }
            (b'[', Target::Of(_)) => self.open(Frame::Array(self.target), State::ValueOrEnd),
            (b'{', Target::Of(Wanted::Value(field))) => {
                found(field, Scalar::Other);
                self.state = State::Skip { depth: 1 };
            }
            (b'{' | b'[', Target::Nothing) => self.state = State::Skip { depth: 1 },
            (b'-' | b'0'..=b'9' | b't' | b'f' | b'n', _) => {
                self.token.clear();
                self.state = State::InScalar;
                return self.scalar(bytes, found);
            }
            _ => return Err(Malformed),
        }
        Ok(rest)
    }

    /// Reads a string from behind its opening quote, if it has come.
    fn string<'a>(
        &mut self,
        target: Target,
        bytes: &'a [u8],
        found: &mut impl FnMut(Field, Scalar<'_>),
    ) -> &'a [u8] {
        let escaped = false;
        let is_wanted = matches!(target, Target::Of(Wanted::Value(_)));
        if let Some((text, rest)) = whole_string(bytes) {
            if is_wanted {
                let text = short(text).and_then(|text| std::str::from_utf8(text).ok());
                note(target, text_scalar(text), found);
            }
            self.value_end();
            return rest;
        }
        self.state = if is_wanted {
            self.token.restart();
            State::InString { escaped }
        } else {
            State::SkipString { depth: 0, escaped }
        };
        bytes
    }

    /// Reads a number or a word on.
    fn scalar<'a>(
        &mut self,
        bytes: &'a [u8],
        found: &mut impl FnMut(Field, Scalar<'_>),
    ) -> Result<&'a [u8], Malformed> {
        let Some(end) = bytes.iter().position(|byte| !is_scalar_byte(*byte)) else {
            self.token.push(bytes);
            return Ok(&[]);
        };
        let (part, rest) = bytes.split_at(end);
        let scalar = if self.token.is_empty() {
            plain_scalar(Some(part).filter(|part| part.len() <= MAX_TOKEN))
        } else {
            self.token.push(part);
            plain_scalar(self.token.raw())
        }?;
        note(self.target, scalar, found);
        self.value_end();
        Ok(rest)
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

    /// What is wanted of the object around the current place.
    fn members(&self) -> &'static [Member] {
        match self.frame() {
            Some(Frame::Object(members)) => members,
            _ => &[],
        }
    }

    /// Passes over a container that is not wanted; `depth` counts it and those open within it.
    fn skip<'a>(&mut self, mut bytes: &'a [u8], mut depth: u64) -> &'a [u8] {
        while let Some((byte, rest)) = bytes.split_first() {
            bytes = rest;
            match byte {
                b'"' => match whole_string(rest) {
                    Some((_, after)) => bytes = after,
                    None => {
                        let escaped = false;
                        self.state = State::SkipString { depth, escaped };
                        return rest;
                    }
                },
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 1 => {
                    self.value_end();
                    return rest;
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

impl Target {
    fn of(member: Option<&Member>) -> Self {
        member.map_or(Self::Nothing, |member| Self::Of(member.wanted))
    }
}

/// The member of this name.
fn named(members: &'static [Member], name: &[u8]) -> Option<&'static Member> {
    members.iter().find(|member| member.name.as_bytes() == name)
}

/// Tells of a value, where it is wanted and is one.
fn note(target: Target, value: Option<Scalar<'_>>, found: &mut impl FnMut(Field, Scalar<'_>)) {
    if let (Target::Of(Wanted::Value(field)), Some(value)) = (target, value) {
        found(field, value);
    }
}

#[cfg(test)]
mod tests;
