//! The model that a JSON body names, read while the body comes, so that it can be held to a catalog.
//!
//! A request passes only if every reader of JSON (RFC 8259), strict or lenient, takes the same model
//! from it. So a name that some readers take for `model` (another case, a NUL in it), a second
//! `model`, and a list of models to fall back on are refused wherever they stand, also after the
//! model: what came until then has gone on, but the last of the body has not, and no API acts on
//! half a document.
//!
//! Inside of what is not looked at only strings and brackets are told apart.

use memchr::memchr2;

use super::catalog::{Allowed, ModelFault};

/// A name or a model that is longer, as written, is refused.
const MAX_TOKEN: usize = 1024;

/// Members by which some servers are told of more models.
const FALLBACKS: [&str; 2] = ["models", "fallbacks"];

/// Reads one body.
pub struct BodyCheck {
    allowed: Allowed,
    /// The member that names the model.
    member: &'static str,
    /// What stands before a model's id in it, or does not.
    prefix: &'static str,
    /// How far the model may be from the beginning.
    limit: u64,
    read: u64,
    state: State,
    token: Vec<u8>,
    model: Option<String>,
}

/// Whether the model is known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Progress {
    /// More is needed.
    AwaitingModel,
    /// It is, and may be used; the rest of the body is to be handed in as it passes.
    Named,
}

#[derive(Clone, Copy, Debug)]
enum State {
    Start,
    NameOrEnd,
    Name,
    InName { escaped: bool },
    Colon { is_model: bool },
    Value { is_model: bool },
    InModel { escaped: bool },
    InScalar,
    Skip { depth: u64 },
    SkipString { depth: u64, escaped: bool },
    CommaOrEnd,
    End,
}

impl BodyCheck {
    /// A check of a body whose `member` names the model, `prefix` before it or not, in its first
    /// `limit` bytes.
    pub fn new(allowed: Allowed, member: &'static str, prefix: &'static str, limit: u64) -> Self {
        Self {
            allowed,
            member,
            prefix,
            limit,
            read: 0,
            state: State::Start,
            token: Vec::new(),
            model: None,
        }
    }

    /// The model, once it is known.
    pub fn model(&self) -> Option<&str> {
        self.model.as_deref()
    }

    /// Reads on.
    pub fn push(&mut self, bytes: &[u8], is_last: bool) -> Result<Progress, ModelFault> {
        self.read = self.read.saturating_add(bytes.len() as u64);
        let mut rest = bytes;
        while !rest.is_empty() {
            rest = self.step(rest)?;
        }
        match self.model {
            Some(_) => Ok(Progress::Named),
            None if matches!(self.state, State::End) => Err(self.missing()),
            None if is_last && self.read == 0 => Err(self.missing()),
            None if is_last => Err(self.not_json()),
            None if self.read > self.limit => Err(ModelFault::TooLate(self.limit)),
            None => Ok(Progress::AwaitingModel),
        }
    }

    /// Takes a part of the bytes; the rest.
    fn step<'a>(&mut self, bytes: &'a [u8]) -> Result<&'a [u8], ModelFault> {
        let Some((&byte, rest)) = bytes.split_first() else {
            return Ok(bytes);
        };
        match self.state {
            State::InName { escaped } => {
                let (part, taken, rest) = string_part(bytes, escaped);
                self.keep(taken)?;
                self.state = match part {
                    StringPart::Whole => {
                        let is_model = self.is_model()?;
                        State::Colon { is_model }
                    }
                    StringPart::Open { escaped } => State::InName { escaped },
                };
                Ok(rest)
            }
            State::InModel { escaped } => {
                let (part, taken, rest) = string_part(bytes, escaped);
                self.keep(taken)?;
                self.state = match part {
                    StringPart::Whole => {
                        self.name_model()?;
                        State::CommaOrEnd
                    }
                    StringPart::Open { escaped } => State::InModel { escaped },
                };
                Ok(rest)
            }
            State::SkipString { depth, escaped } => {
                let (part, _, rest) = string_part(bytes, escaped);
                self.state = match (part, depth) {
                    (StringPart::Open { escaped }, _) => State::SkipString { depth, escaped },
                    (StringPart::Whole, 0) => State::CommaOrEnd,
                    (StringPart::Whole, _) => State::Skip { depth },
                };
                Ok(rest)
            }
            State::Skip { depth } => {
                let (state, rest) = skip(bytes, depth);
                self.state = state;
                Ok(rest)
            }
            State::InScalar if is_scalar_byte(byte) => Ok(rest),
            State::InScalar => {
                self.state = State::CommaOrEnd;
                Ok(bytes)
            }
            _ if matches!(byte, b' ' | b'\t' | b'\n' | b'\r') => Ok(rest),
            state => {
                self.state = self.after(state, byte)?;
                Ok(rest)
            }
        }
    }

    /// The state after a byte that is neither within a token nor white space.
    fn after(&mut self, state: State, byte: u8) -> Result<State, ModelFault> {
        let escaped = false;
        Ok(match (state, byte) {
            (State::Start, b'{') => State::NameOrEnd,
            (State::NameOrEnd | State::CommaOrEnd, b'}') => State::End,
            (State::CommaOrEnd, b',') => State::Name,
            (State::NameOrEnd | State::Name, b'"') => {
                self.begin_token();
                State::InName { escaped }
            }
            (State::Colon { is_model }, b':') => State::Value { is_model },
            (State::Value { is_model: true }, b'"') => {
                self.begin_token();
                State::InModel { escaped }
            }
            (State::Value { is_model: true }, _) => return Err(self.missing()),
            (State::Value { .. }, b'"') => State::SkipString { depth: 0, escaped },
            (State::Value { .. }, b'{' | b'[') => State::Skip { depth: 1 },
            (State::Value { .. }, _) if is_scalar_byte(byte) => State::InScalar,
            _ => return Err(self.not_json()),
        })
    }

    fn begin_token(&mut self) {
        self.token.clear();
        self.token.push(b'"');
    }

    /// Keeps a part of a name or of the model.
    fn keep(&mut self, part: &[u8]) -> Result<(), ModelFault> {
        self.token.extend_from_slice(part);
        if self.token.len() > MAX_TOKEN {
            return Err(self.not_json());
        }
        Ok(())
    }

    /// The string that the token stands for.
    fn text(&self) -> Result<String, ModelFault> {
        serde_json::from_slice(&self.token).map_err(|_| self.not_json())
    }

    /// Whether the name that has been read is the model's.
    fn is_model(&self) -> Result<bool, ModelFault> {
        let name = self.text()?;
        // Readers in C end a name at a NUL, others look at no case.
        let seen = name.split('\0').next().unwrap_or_default();
        let resembles = |other: &&str| seen.eq_ignore_ascii_case(other);
        if FALLBACKS.iter().any(resembles) {
            return Err(ModelFault::Ambiguous(seen.to_owned()));
        }
        if !resembles(&self.member) {
            return Ok(false);
        }
        if name != self.member || self.model.is_some() {
            return Err(ModelFault::Ambiguous(seen.to_owned()));
        }
        Ok(true)
    }

    fn name_model(&mut self) -> Result<(), ModelFault> {
        let text = self.text()?;
        let model = text.strip_prefix(self.prefix).unwrap_or(&text);
        if model.is_empty() {
            return Err(self.missing());
        }
        self.allowed.check(model)?;
        self.model = Some(model.to_owned());
        Ok(())
    }

    fn missing(&self) -> ModelFault {
        ModelFault::Missing(self.allowed.provider().to_owned())
    }

    fn not_json(&self) -> ModelFault {
        ModelFault::NotJson(self.allowed.provider().to_owned())
    }
}

/// How much of a string has been read.
enum StringPart {
    Whole,
    Open { escaped: bool },
}

/// Reads a string on, up to and with its closing quote: how far it came, what it read, the rest.
fn string_part(bytes: &[u8], mut escaped: bool) -> (StringPart, &[u8], &[u8]) {
    let mut end = 0;
    loop {
        if escaped && end < bytes.len() {
            end += 1;
            escaped = false;
        }
        let rest = bytes.get(end..).unwrap_or_default();
        let Some(index) = memchr2(b'"', b'\\', rest) else {
            return (StringPart::Open { escaped }, bytes, &[]);
        };
        end += index + 1;
        if bytes.get(end - 1) == Some(&b'"') {
            let (taken, rest) = bytes.split_at(end);
            return (StringPart::Whole, taken, rest);
        }
        escaped = true;
    }
}

/// Passes over a container; `depth` counts it and those open within it.
fn skip(bytes: &[u8], mut depth: u64) -> (State, &[u8]) {
    for (index, byte) in bytes.iter().enumerate() {
        let state = match byte {
            b'"' => State::SkipString {
                depth,
                escaped: false,
            },
            b'}' | b']' if depth == 1 => State::CommaOrEnd,
            b'{' | b'[' => {
                depth += 1;
                continue;
            }
            b'}' | b']' => {
                depth -= 1;
                continue;
            }
            _ => continue,
        };
        return (state, bytes.get(index + 1..).unwrap_or_default());
    }
    (State::Skip { depth }, &[])
}

const fn is_scalar_byte(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'E' | b'+' | b'-' | b'.')
}

impl std::fmt::Debug for BodyCheck {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BodyCheck")
            .field("read", &self.read)
            .field("model", &self.model)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
