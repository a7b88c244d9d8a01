//! Percent encoding and hexadecimal.

use memchr::memchr;

/// Bytes in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let digit = |nibble: u8| nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
    let mut text = vec![0; bytes.len() * 2];
    for (pair, byte) in text.as_chunks_mut().0.iter_mut().zip(bytes) {
        *pair = [digit(byte >> 4), digit(byte & 15)];
    }
    String::from_utf8(text).unwrap_or_default()
}

/// Percent-encodes all but the unreserved characters of RFC 3986 §2.3.
pub fn percent_encode(bytes: &[u8], into: &mut String) {
    let is_reserved =
        |byte: &u8| !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'_' | b'.' | b'~');
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = rest.iter().position(is_reserved).unwrap_or(rest.len());
        let (plain, reserved) = rest.split_at(end);
        into.push_str(std::str::from_utf8(plain).unwrap_or_default());
        rest = match reserved.split_first() {
            Some((byte, rest)) => {
                into.push('%');
                into.push_str(&hex(&[*byte]).to_ascii_uppercase());
                rest
            }
            None => reserved,
        };
    }
}

/// Percent-decodes a query parameter's name, so that no spelling of it goes unseen.
pub fn percent_decode(text: &[u8]) -> Vec<u8> {
    if memchr(b'%', text).is_none() {
        return text.to_vec();
    }
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((byte, tail)) = next_character(rest) {
        decoded.push(byte);
        rest = tail;
    }
    decoded
}

/// The first character of a path, percent-decoded once, and what follows it.
pub(crate) fn next_character(path: &[u8]) -> Option<(u8, &[u8])> {
    match path {
        [b'%', high, low, tail @ ..] => match (hex_digit(*high), hex_digit(*low)) {
            (Some(high), Some(low)) => Some((high << 4 | low, tail)),
            _ => path.split_first().map(|(byte, tail)| (*byte, tail)),
        },
        _ => path.split_first().map(|(byte, tail)| (*byte, tail)),
    }
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}
