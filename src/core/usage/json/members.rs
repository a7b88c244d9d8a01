//! Members that lie whole and plain in a piece of a document. Nearly all do, and are read in one go, with no
//! step of the state machine for each of their parts; whatever is cut or unusual is left to it.

use super::token::{is_scalar_byte, plain_end, short, text_scalar};
use super::{Field, MAX_TOKEN, Malformed, Scalar, Scanner, State, Target, Wanted, named, note};

impl Scanner {
    /// Reads members on, from behind a name's opening quote; what is left.
    pub(super) fn read_members<'a>(
        &mut self,
        mut bytes: &'a [u8],
        found: &mut impl FnMut(Field, Scalar<'_>),
    ) -> Result<&'a [u8], Malformed> {
        let members = self.members();
        loop {
            let Some((name, rest)) = plain_end(bytes).and_then(|end| bytes.split_at_checked(end))
            else {
                self.token.restart();
                self.state = State::InName { escaped: false };
                return Ok(bytes);
            };
            let member = named(members, name);
            let ([b'"', b':', b' ', value @ ..] | [b'"', b':', value @ ..]) = rest else {
                self.target = Target::of(member);
                self.state = State::Colon;
                return Ok(rest.get(1..).unwrap_or_default());
            };
            let Some(size) = plain_size(value) else {
                self.target = Target::of(member);
                self.state = State::Value;
                return match value.first() {
                    Some(byte @ (b'{' | b'[')) => self.value(*byte, value, found),
                    _ => Ok(value),
                };
            };
            let (value, rest) = value.split_at(size);
            if let Some(Wanted::Value(_)) = member.map(|member| member.wanted) {
                note(Target::of(member), plain_value(value), found);
            }
            let rest = after_space(rest);
            let Some((b',', rest)) = rest.split_first() else {
                self.state = State::CommaOrEnd;
                return Ok(rest);
            };
            let rest = after_space(rest);
            let Some((b'"', rest)) = rest.split_first() else {
                self.state = State::Name;
                return Ok(rest);
            };
            bytes = rest;
        }
    }
}

/// How long a value is that lies whole at the beginning: a string without escapes, a whole number, `null`.
fn plain_size(bytes: &[u8]) -> Option<usize> {
    match bytes {
        [b'"', text @ ..] => Some(plain_end(text)? + 2),
        [b'0'..=b'9', ..] => {
            let size = bytes.iter().position(|byte| !byte.is_ascii_digit())?;
            let ends = bytes.get(size).is_some_and(|byte| !is_scalar_byte(*byte));
            (ends && size <= MAX_TOKEN).then_some(size)
        }
        [b'n', b'u', b'l', b'l', next, ..] if !is_scalar_byte(*next) => Some(4),
        _ => None,
    }
}

/// Such a value, `None` where it is nothing.
fn plain_value(bytes: &[u8]) -> Option<Scalar<'_>> {
    match bytes {
        [b'"', text @ .., b'"'] => {
            let text = short(text).and_then(|text| std::str::from_utf8(text).ok());
            text_scalar(text)
        }
        [b'n', ..] => None,
        number => Some(Scalar::Number(number)),
    }
}

fn after_space(mut bytes: &[u8]) -> &[u8] {
    while let [b' ' | b'\t' | b'\n' | b'\r', rest @ ..] = bytes {
        bytes = rest;
    }
    bytes
}
