//! The spellings of a path. A server may decode it, ignore the case of its letters, and drop empty
//! segments and parameters. The policy decides on a normal form, so that no spelling of a path
//! avoids it.

use std::borrow::Cow;

use crate::http::encoding::next_character;

/// A path without empty segments, and with only the escapes that change its meaning if they are
/// decoded: those of separators, of `%`, and of everything else that a segment cannot contain as it
/// is. The case of letters is kept, because models have one.
pub(super) fn normal_form(path: &[u8]) -> Cow<'_, [u8]> {
    if is_normal(path) {
        return Cow::Borrowed(path);
    }
    let mut normal = Vec::with_capacity(path.len());
    let mut rest = path;
    while let Some((byte, tail)) = next_character(rest) {
        let escape = rest.get(..rest.len() - tail.len()).unwrap_or_default();
        rest = tail;
        if byte == b'/' && escape.len() == 1 {
            push_separator(&mut normal);
        } else if is_segment_character(byte) {
            normal.push(byte);
        } else {
            normal.extend_from_slice(escape);
        }
    }
    if normal.last() == Some(&b'/') {
        normal.pop();
    }
    Cow::Owned(normal)
}

/// The path that the most lenient server reads: every escape is decoded, `\` is a separator, and
/// segments have no parameters. `None` if it is the normal form.
pub(super) fn lenient_form(normal: &[u8]) -> Option<Vec<u8>> {
    if !normal
        .iter()
        .any(|byte| matches!(byte, b'%' | b';' | b'\\'))
    {
        return None;
    }
    let mut lenient = Vec::with_capacity(normal.len());
    let mut is_parameter = false;
    let mut rest = normal;
    while let Some((byte, tail)) = next_character(rest) {
        rest = tail;
        match byte {
            b'/' | b'\\' => {
                is_parameter = false;
                push_separator(&mut lenient);
            }
            b';' => is_parameter = true,
            _ if is_parameter => {}
            _ => lenient.push(byte),
        }
    }
    if lenient.last() == Some(&b'/') {
        lenient.pop();
    }
    Some(lenient)
}

/// Whether a text would change if it was decoded again.
pub(super) fn has_escape(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some((_, tail)) = next_character(rest) {
        if rest.len() - tail.len() > 1 {
            return true;
        }
        rest = tail;
    }
    false
}

fn push_separator(path: &mut Vec<u8>) {
    if path.last().is_some_and(|byte| *byte != b'/') {
        path.push(b'/');
    }
}

fn is_normal(path: &[u8]) -> bool {
    let mut before = b'/';
    let is_normal = path.iter().all(|byte| {
        let is_empty_segment = *byte == b'/' && before == b'/';
        before = *byte;
        *byte != b'%' && !is_empty_segment
    });
    is_normal && (before != b'/' || path.is_empty())
}

/// Whether an escape of this character means the same as the character (RFC 3986 §3.3: unreserved
/// characters, and those that separate nothing).
const fn is_segment_character(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'-' | b'.'
                | b'_'
                | b'~'
                | b'!'
                | b'$'
                | b'&'
                | b'\''
                | b'('
                | b')'
                | b'*'
                | b'+'
                | b','
                | b'='
                | b':'
                | b'@'
        )
}
