//! Hexadecimal, percent encoding and form encoding.

use memchr::memchr;

/// Bytes in lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = vec![0; bytes.len() * 2];
    for (pair, byte) in text.as_chunks_mut().0.iter_mut().zip(bytes) {
        *pair = hex_digits(*byte, b'a');
    }
    String::from_utf8(text).unwrap_or_default()
}

/// The bytes of a text in hexadecimal of either case; `None` if it is not one.
pub fn from_hex(text: &[u8]) -> Option<Vec<u8>> {
    let (pairs, []) = text.as_chunks() else {
        return None;
    };
    pairs
        .iter()
        .map(|[high, low]| Some(hex_digit(*high)? << 4 | hex_digit(*low)?))
        .collect()
}

/// Percent-encodes all but the unreserved characters of RFC 3986 §2.3.
pub fn percent_encode(bytes: &[u8], into: &mut String) {
    let is_unreserved =
        |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'~');
    let mut rest = bytes;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| !is_unreserved(*byte));
        let (plain, reserved) = rest.split_at(end.unwrap_or(rest.len()));
        into.push_str(std::str::from_utf8(plain).unwrap_or_default());
        rest = match reserved.split_first() {
            Some((byte, rest)) => {
                push_percent_encoded(*byte, into);
                rest
            }
            None => reserved,
        };
    }
}

/// Encodes a name or value of a form (`application/x-www-form-urlencoded`).
pub fn form_encode(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b' ' => encoded.push('+'),
            b'-' | b'.' | b'_' | b'*' => encoded.push(char::from(byte)),
            _ if byte.is_ascii_alphanumeric() => encoded.push(char::from(byte)),
            _ => push_percent_encoded(byte, &mut encoded),
        }
    }
    encoded
}

/// Percent-decodes a text once. What is not an escape stays as it is.
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

/// The first character of a text, percent-decoded once, and what follows it.
pub(crate) fn next_character(text: &[u8]) -> Option<(u8, &[u8])> {
    match text {
        [b'%', high, low, tail @ ..] => match (hex_digit(*high), hex_digit(*low)) {
            (Some(high), Some(low)) => Some((high << 4 | low, tail)),
            _ => text.split_first().map(|(byte, tail)| (*byte, tail)),
        },
        _ => text.split_first().map(|(byte, tail)| (*byte, tail)),
    }
}

fn push_percent_encoded(byte: u8, into: &mut String) {
    into.push('%');
    into.extend(hex_digits(byte, b'A').map(char::from));
}

/// Two digits; `ten` is the digit for 10.
const fn hex_digits(byte: u8, ten: u8) -> [u8; 2] {
    const fn digit(nibble: u8, ten: u8) -> u8 {
        if nibble < 10 {
            nibble + b'0'
        } else {
            nibble - 10 + ten
        }
    }
    [digit(byte >> 4, ten), digit(byte & 15, ten)]
}

fn hex_digit(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn hexadecimal_has_two_digits_for_each_byte() {
        assert_eq!(hex(b"\x00\x0f\xa9"), "000fa9");
        assert_eq!(from_hex(b"0fA9"), Some(vec![0x0f, 0xa9]));
        for wrong in ["0", "0g", "+1", "0x", "é"] {
            assert_eq!(from_hex(wrong.as_bytes()), None, "{wrong}");
        }
    }

    #[test]
    fn what_is_not_an_escape_stays() {
        assert_eq!(
            percent_decode(b"%41%2f%2F%%4%4g%zz%e9"),
            b"A//%%4%4g%zz\xe9"
        );
    }

    #[test]
    fn a_forms_space_is_a_plus() {
        assert_eq!(
            form_encode("a+b&c=d e/é%~"),
            "a%2Bb%26c%3Dd+e%2F%C3%A9%25%7E"
        );
    }

    proptest! {
        #[test]
        fn what_was_encoded_is_decoded(bytes: Vec<u8>) {
            let mut encoded = String::new();
            percent_encode(&bytes, &mut encoded);
            prop_assert_eq!(percent_decode(encoded.as_bytes()), bytes.clone());
            prop_assert_eq!(from_hex(hex(&bytes).as_bytes()), Some(bytes));
        }
    }
}
