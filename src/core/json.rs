//! An incremental scanner that finds wanted members in JSON (RFC 8259) of any size.
//!
//! The document is fed in pieces that can be cut anywhere. The scanner buffers one name or short
//! scalar at a time and a stack of fixed size, so memory is bounded whatever the length and the
//! nesting of the document.
//!
//! There are two policies:
//!
//! - [`Lenient`] finds values in responses. It is no validator: in values that are not wanted it
//!   tells only strings and brackets apart, and it accepts several documents after one another.
//! - [`Strict`] decides on requests. It accepts one document that is an object, checks the whole
//!   grammar, and asks its [`Visitor`] about every member name of that object, and of the objects
//!   inside those values that the visitor does not ignore.
//! - [`Messages`] does the same for JSON-RPC: the document may also be an array of objects, and the
//!   visitor says which inner objects and arrays are read.
//!
//! No crate does this. acutejson streams strings, but reports only the first match, has no wildcard
//! for arrays and does not match containers. rama-json needs a newer Rust than this crate.

mod name;
mod nesting;
mod policy;
mod token;
mod wanted;

pub use name::as_leniently_read;
pub use nesting::Container;
pub use policy::{Lenient, Messages, ScanPolicy, Strict};
pub use wanted::{Interest, Member, Scalar, Visitor, Wanted, members, value, value_or_members};

use std::marker::PhantomData;

use nesting::{Frame, Nesting, Scope};
use token::{
    Escape, Sink, StringPart, TokenBuffer, parse_scalar, short, split_scalar, string_part,
    unescaped_string,
};

/// The bytes are not JSON, or not what the policy accepts of it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Malformed;

/// How deep wanted values can be. Containers below that are skipped.
const MAX_FRAMES: usize = 12;

/// Scans one document, or several after one another.
#[derive(Debug)]
pub struct Scanner<F: 'static, P: ScanPolicy = Lenient> {
    root: Wanted<F>,
    state: ScanState,
    /// The wanted containers around the current position.
    frames: [Frame<F>; MAX_FRAMES],
    depth: usize,
    /// The containers inside these that are not wanted. Only [`Strict`] keeps track of them.
    unwanted: Nesting,
    /// What is wanted of the current or the next value.
    target: Option<Wanted<F>>,
    /// What a strict visitor wants of the current or the next value, and of the values around it.
    scope: Scope<F>,
    token: TokenBuffer,
    complete_documents: u64,
    policy: PhantomData<P>,
}

#[derive(Clone, Copy, Debug)]
enum ScanState {
    /// Before, between and after documents.
    Between,
    Value,
    ValueOrEnd,
    Name,
    NameOrEnd,
    Colon,
    CommaOrEnd,
    InString {
        role: StringRole,
        escape: Escape,
    },
    InScalar,
    /// In a container of which the content is skipped, with so many levels open.
    Skip {
        depth: u64,
    },
    /// In a container that is of interest, but too deep to be looked at. Everything is malformed.
    TooDeep,
}

/// What a string that is not complete yet is.
#[derive(Clone, Copy, Debug)]
enum StringRole {
    Name,
    UnwantedName,
    Value,
    UnwantedValue,
    /// Anything in a container that is skipped.
    Skipped {
        depth: u64,
    },
}

impl<F: Copy> Scanner<F, Lenient> {
    /// A scanner that looks for these members in a document, in each element of an array, or in each
    /// of several documents.
    pub fn lenient(members: &'static [Member<F>]) -> Self {
        Self::new(members)
    }
}

impl<F: Copy> Scanner<F, Strict> {
    /// A scanner of one object. Its visitor decides which members are wanted.
    pub fn strict() -> Self {
        Self::new(&[])
    }
}

impl<F: Copy> Scanner<F, Messages> {
    /// A scanner of one object, or of an array of objects. Its visitor decides which members are
    /// wanted.
    pub fn messages() -> Self {
        Self::new(&[])
    }
}

impl<F: Copy, P: ScanPolicy> Scanner<F, P> {
    fn new(members: &'static [Member<F>]) -> Self {
        let root = Wanted::Members(members);
        Self {
            root,
            state: ScanState::Between,
            frames: [Frame::Array(None); MAX_FRAMES],
            depth: 0,
            unwanted: Nesting::default(),
            target: None,
            scope: Scope::NEW,
            token: TokenBuffer::new(P::MAX_TOKEN),
            complete_documents: 0,
            policy: PhantomData,
        }
    }

    /// Prepares for another document, in whatever state this one is.
    pub fn reset(&mut self) {
        self.state = ScanState::Between;
        self.depth = 0;
        self.unwanted = Nesting::default();
        self.scope = Scope::NEW;
        self.complete_documents = 0;
    }

    /// Whether at least one document is complete and no other one has begun.
    pub const fn is_at_end(&self) -> bool {
        matches!(self.state, ScanState::Between) && self.complete_documents > 0
    }

    /// Heap memory in use, in bytes.
    pub const fn memory_usage(&self) -> usize {
        self.token.memory_usage()
    }

    /// Scans the next bytes and reports each wanted value to `visitor`.
    ///
    /// A name or scalar that is complete within `bytes` is not copied.
    pub fn feed(
        &mut self,
        mut bytes: &[u8],
        visitor: &mut impl Visitor<F>,
    ) -> Result<(), Malformed> {
        while let Some((&byte, rest)) = bytes.split_first() {
            bytes = match self.state {
                ScanState::InString { role, escape } => {
                    self.string(role, escape, bytes, visitor)?
                }
                ScanState::InScalar => self.scalar(bytes, visitor)?,
                ScanState::Skip { depth } => self.skip(bytes, depth)?,
                _ if is_space(byte) => rest,
                _ => self.structural(byte, bytes, visitor)?,
            };
        }
        Ok(())
    }

    /// Consumes a token that begins with `byte`, the first of `bytes`. Returns the rest.
    fn structural<'a>(
        &mut self,
        byte: u8,
        bytes: &'a [u8],
        visitor: &mut impl Visitor<F>,
    ) -> Result<&'a [u8], Malformed> {
        let rest = bytes.get(1..).unwrap_or_default();
        match (self.state, byte) {
            (ScanState::ValueOrEnd, b']') | (ScanState::NameOrEnd, b'}') => self.close(visitor),
            (ScanState::CommaOrEnd, _) => self.after_value(byte, visitor)?,
            (ScanState::Value | ScanState::ValueOrEnd, _) => {
                return self.value(byte, bytes, visitor);
            }
            (ScanState::Name | ScanState::NameOrEnd, b'"') => {
                return self.members_from(rest, visitor);
            }
            (ScanState::Colon, b':') => self.state = ScanState::Value,
            (ScanState::Between, b'{' | b'[') if self.can_begin(byte) => {
                self.target = Some(self.root);
                return self.value(byte, bytes, visitor);
            }
            _ => return Err(Malformed),
        }
        Ok(rest)
    }

    /// Reads members, of which the first opening quote has been read, as long as their names and
    /// values are complete strings, numbers and literals. That is faster than a step of the state
    /// machine for each token.
    fn members_from<'a>(
        &mut self,
        mut bytes: &'a [u8],
        visitor: &mut impl Visitor<F>,
    ) -> Result<&'a [u8], Malformed> {
        loop {
            bytes = self.begin_name(bytes, visitor)?;
            let (ScanState::Colon, [b':', rest @ ..]) = (self.state, bytes) else {
                return Ok(bytes);
            };
            self.state = ScanState::Value;
            bytes = after_space(rest);
            bytes = match bytes {
                [] => return Ok(bytes),
                [b'"', text @ ..] => self.begin_string(self.target, text, visitor)?,
                [byte, ..] => self.value(*byte, bytes, visitor)?,
            };
            if !matches!(self.state, ScanState::CommaOrEnd) {
                return Ok(bytes);
            }
            bytes = after_space(bytes);
            let [b',', rest @ ..] = bytes else {
                return Ok(bytes);
            };
            self.state = ScanState::Name;
            bytes = after_space(rest);
            let [b'"', rest @ ..] = bytes else {
                return Ok(bytes);
            };
            bytes = rest;
        }
    }

    /// Whether a document may begin here with this bracket.
    const fn can_begin(&self, bracket: u8) -> bool {
        !P::IS_STRICT || (self.complete_documents == 0 && (bracket == b'{' || P::ACCEPTS_ARRAY))
    }

    fn after_value(&mut self, byte: u8, visitor: &mut impl Visitor<F>) -> Result<(), Malformed> {
        match (self.container(), byte) {
            (Some(Frame::Object(_)), b'}') | (Some(Frame::Array(_)), b']') => self.close(visitor),
            (Some(Frame::Object(_)), b',') => self.state = ScanState::Name,
            (Some(Frame::Array(element)), b',') => {
                self.target = element;
                self.expect_element();
                self.state = ScanState::Value;
            }
            _ => return Err(Malformed),
        }
        Ok(())
    }

    /// Begins a value with `byte`, the first of `bytes`. Returns the rest.
    fn value<'a>(
        &mut self,
        byte: u8,
        bytes: &'a [u8],
        visitor: &mut impl Visitor<F>,
    ) -> Result<&'a [u8], Malformed> {
        let rest = bytes.get(1..).unwrap_or_default();
        if P::IS_STRICT && self.enters(byte, visitor)? {
            return Ok(rest);
        }
        match (byte, self.target) {
            (b'"', target) => return self.begin_string(target, rest, visitor),
            (b'{', Some(Wanted::Members(members))) => self.open(Frame::Object(members)),
            (b'{', Some(Wanted::ValueOrMembers(field, members))) => {
                visitor.value(field, Scalar::Other);
                self.open(Frame::Object(members));
            }
            (b'[', Some(_)) => self.open(Frame::Array(self.target)),
            (b'{', Some(Wanted::Value(field))) => {
                visitor.value(field, Scalar::Other);
                self.open_unwanted(Container::Object);
            }
            (b'{', None) => self.open_unwanted(Container::Object),
            (b'[', None) => self.open_unwanted(Container::Array),
            (b'-' | b'0'..=b'9' | b't' | b'f' | b'n', _) => {
                return self.begin_scalar(bytes, visitor);
            }
            _ => return Err(Malformed),
        }
        Ok(rest)
    }

    /// Reads a name, of which the opening quote has been read.
    fn begin_name<'a>(
        &mut self,
        bytes: &'a [u8],
        visitor: &mut impl Visitor<F>,
    ) -> Result<&'a [u8], Malformed> {
        let is_unwanted = P::IS_STRICT && self.scope.ignored > 0;
        if let Some((name, rest)) = unescaped_string::<P>(bytes)? {
            if is_unwanted {
                self.end_name(None);
            } else {
                let (members, level) = (self.members(), self.level());
                let (wanted, interest) =
                    wanted_of::<F, P>(members, level, short::<P>(name), visitor)?;
                self.scope.interest = interest;
                self.end_name(wanted);
            }
            return Ok(rest);
        }
        self.begin_partial(if is_unwanted {
            StringRole::UnwantedName
        } else {
            StringRole::Name
        });
        Ok(bytes)
    }

    fn end_name(&mut self, wanted: Option<Wanted<F>>) {
        self.target = wanted;
        self.state = ScanState::Colon;
    }

    /// Reads a string value, of which the opening quote has been read.
    fn begin_string<'a>(
        &mut self,
        target: Option<Wanted<F>>,
        bytes: &'a [u8],
        visitor: &mut impl Visitor<F>,
    ) -> Result<&'a [u8], Malformed> {
        let is_wanted = matches!(target, Some(Wanted::Value(_) | Wanted::ValueOrMembers(..)));
        if let Some((text, rest)) = unescaped_string::<P>(bytes)? {
            if is_wanted {
                let text = short::<P>(text).and_then(|text| std::str::from_utf8(text).ok());
                report(target, P::text(text)?, visitor);
            }
            self.end_value();
            return Ok(rest);
        }
        self.begin_partial(if is_wanted {
            StringRole::Value
        } else {
            StringRole::UnwantedValue
        });
        Ok(bytes)
    }

    /// Begins a string that has an escape or continues in the next piece.
    fn begin_partial(&mut self, role: StringRole) {
        self.token.begin_string();
        let escape = Escape::None;
        self.state = ScanState::InString { role, escape };
    }

    /// Continues a string.
    fn string<'a>(
        &mut self,
        role: StringRole,
        escape: Escape,
        bytes: &'a [u8],
        visitor: &mut impl Visitor<F>,
    ) -> Result<&'a [u8], Malformed> {
        let StringPart { open, rest } = match role {
            StringRole::Name | StringRole::Value => {
                let part = string_part::<P>(bytes, escape, &mut self.token)?;
                if P::IS_STRICT && self.token.is_too_long() {
                    return Err(Malformed);
                }
                part
            }
            StringRole::UnwantedName | StringRole::UnwantedValue | StringRole::Skipped { .. } => {
                string_part::<P>(bytes, escape, &mut ())?
            }
        };
        if let Some(escape) = open {
            self.state = ScanState::InString { role, escape };
            return Ok(rest);
        }
        match role {
            StringRole::Name => {
                let (members, level) = (self.members(), self.level());
                let (wanted, interest) =
                    wanted_of::<F, P>(members, level, self.token.name(), visitor)?;
                self.scope.interest = interest;
                self.end_name(wanted);
            }
            StringRole::UnwantedName => self.end_name(None),
            StringRole::Value => {
                report(self.target, P::text(self.token.text())?, visitor);
                self.end_value();
            }
            StringRole::UnwantedValue => self.end_value(),
            StringRole::Skipped { depth } => self.state = ScanState::Skip { depth },
        }
        Ok(rest)
    }

    /// Reads a number or a literal from its first byte on.
    fn begin_scalar<'a>(
        &mut self,
        bytes: &'a [u8],
        visitor: &mut impl Visitor<F>,
    ) -> Result<&'a [u8], Malformed> {
        let Some((scalar, rest)) = split_scalar(bytes) else {
            self.token.clear();
            self.token.push(bytes);
            self.state = ScanState::InScalar;
            return Ok(&[]);
        };
        let scalar = Some(scalar).filter(|scalar| scalar.len() <= P::MAX_TOKEN);
        report(self.target, parse_scalar::<P>(scalar)?, visitor);
        self.end_value();
        Ok(rest)
    }

    /// Continues a number or a literal.
    fn scalar<'a>(
        &mut self,
        bytes: &'a [u8],
        visitor: &mut impl Visitor<F>,
    ) -> Result<&'a [u8], Malformed> {
        let Some((end, rest)) = split_scalar(bytes) else {
            self.token.push(bytes);
            return Ok(&[]);
        };
        self.token.push(end);
        report(self.target, parse_scalar::<P>(self.token.raw())?, visitor);
        self.end_value();
        Ok(rest)
    }
}

/// What is wanted of the member with this name, itself and inside it. `None` stands for a name that is
/// too long or not UTF-8.
fn wanted_of<F: Copy, P: ScanPolicy>(
    members: &'static [Member<F>],
    level: u32,
    name: Option<&[u8]>,
    visitor: &mut impl Visitor<F>,
) -> Result<(Option<Wanted<F>>, Interest<F>), Malformed> {
    if P::IS_STRICT {
        let name = name.and_then(|name| std::str::from_utf8(name).ok());
        let interest = visitor.member(level, name.ok_or(Malformed)?);
        return Ok((interest.field().map(Wanted::Value), interest));
    }
    let mut members = members.iter();
    let member = name.and_then(|name| members.find(|member| member.name.as_bytes() == name));
    Ok((member.map(|member| member.wanted), Interest::Ignore))
}

const fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\n' | b'\r')
}

fn after_space(mut bytes: &[u8]) -> &[u8] {
    while let Some((byte, rest)) = bytes.split_first()
        && is_space(*byte)
    {
        bytes = rest;
    }
    bytes
}

/// Reports a value if it is wanted.
fn report<F>(target: Option<Wanted<F>>, value: Option<Scalar<'_>>, visitor: &mut impl Visitor<F>) {
    if let (Some(Wanted::Value(field) | Wanted::ValueOrMembers(field, _)), Some(value)) =
        (target, value)
    {
        visitor.value(field, value);
    }
}

#[cfg(test)]
mod tests;
