//! Values that look like a credential, wherever they are.
//!
//! A JSON Web Token is recognized by its form, whoever has issued it: at least three parts in
//! base64url, of which the first decodes to a JSON object. A JWE has five.

use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use memchr::memchr;

use crate::http::encoding::percent_decode;

/// Shorter values hold no token that a server accepts.
const MIN_TOKEN: usize = 32;

/// The shortest first part of a token: `{"alg":""}`.
const MIN_HEADER: usize = 12;

/// Longer words in base64 are not decoded. A proxy limits all headers together to about this size.
const MAX_ENCODED: usize = 96 * 1024;

/// Texts can be encoded in each other, such as a token in `Basic`. No more levels are decoded.
const MAX_DEPTH: usize = 4;

/// Lenient, as servers are.
const LENIENT: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const BASE64_STANDARD: GeneralPurpose = GeneralPurpose::new(&STANDARD, LENIENT);
const BASE64_URL_SAFE: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, LENIENT);

/// Schemes of credentials that one word follows (RFC 9110 §11.1), besides `Basic`.
const SCHEMES: [&str; 3] = ["bearer", "dpop", "negotiate"];

/// Whether a header's value is a credential by its form: a scheme word and more, or a value that
/// contains a JSON Web Token.
pub fn is_credential(value: &[u8]) -> bool {
    has_scheme(value) || holds_token(value)
}

/// Whether a value contains a JSON Web Token, as one word among others, percent-encoded, or inside
/// base64.
pub fn holds_token(value: &[u8]) -> bool {
    value.len() >= MIN_TOKEN && holds_token_at(value, MAX_DEPTH)
}

fn holds_token_at(value: &[u8], depth: usize) -> bool {
    let Some(depth) = depth.checked_sub(1) else {
        return false;
    };
    if memchr(b'%', value).is_some() {
        let decoded = percent_decode(value);
        if decoded != value && holds_token_at(&decoded, depth) {
            return true;
        }
    }
    value
        .split(|byte| !is_word_byte(*byte))
        .filter(|word| word.len() >= MIN_TOKEN)
        .any(|word| is_token(word) || is_encoded_token(word, depth))
}

/// Whether a word is a token, perhaps after a name and `=`, or after a prefix and a dot.
fn is_token(word: &[u8]) -> bool {
    let mut parts = word.split(|byte| *byte == b'.');
    while let Some(part) = parts.next() {
        if parts.clone().nth(1).is_none() {
            return false;
        }
        if is_header(part) {
            return true;
        }
    }
    false
}

/// Whether a part decodes to a JSON object. It may be padded, and follow a name and `=`, or a path.
fn is_header(part: &[u8]) -> bool {
    let end = part.iter().rposition(|byte| *byte != b'=');
    let part = part.get(..=end.unwrap_or_default()).unwrap_or_default();
    let mut pieces = part.rsplit(|byte| matches!(byte, b'=' | b'/' | b'+'));
    let part = pieces.next().unwrap_or_default();
    // A JSON object begins with a brace, or with white space before it.
    let may_be_object = matches!(part.first(), Some(b'e' | b'I' | b'C' | b'D'));
    part.len() >= MIN_HEADER
        && may_be_object
        && decode(part).is_some_and(|text| text.trim_ascii_start().starts_with(b"{"))
}

/// Whether a word is base64 of something with a token, perhaps after a name and `=`, or after a `+`
/// that stands for a space. A token itself has dots, which base64 has not.
fn is_encoded_token(word: &[u8], depth: usize) -> bool {
    let mut pieces = word.rsplit(|byte| *byte == b'=');
    let word = pieces.find(|piece| !piece.is_empty()).unwrap_or_default();
    let after_space = memchr(b'+', word).and_then(|space| word.get(space + 1..));
    let words = [Some(word), after_space];
    words.into_iter().flatten().any(|word| {
        (MIN_TOKEN * 4 / 3..MAX_ENCODED).contains(&word.len())
            && memchr(b'.', word).is_none()
            && decode(word).is_some_and(|text| holds_token_at(&text, depth))
    })
}

/// Decodes either alphabet, padded or not.
fn decode(text: &[u8]) -> Option<Vec<u8>> {
    let is_standard = text.iter().any(|byte| matches!(byte, b'+' | b'/'));
    let engine = if is_standard {
        &BASE64_STANDARD
    } else {
        &BASE64_URL_SAFE
    };
    // One character more than whole bytes need cannot be decoded; it is no part of the text.
    let whole = if text.len() % 4 == 1 {
        text.len() - 1
    } else {
        text.len()
    };
    engine.decode(text.get(..whole)?).ok()
}

/// Whether a value is one of the schemes and one word, or `Basic` and a name with a password.
fn has_scheme(value: &[u8]) -> bool {
    let value = value.trim_ascii();
    let Some(end) = value.iter().position(|byte| matches!(byte, b' ' | b'\t')) else {
        return false;
    };
    let (scheme, word) = value.split_at(end);
    let word = word.trim_ascii();
    if scheme.eq_ignore_ascii_case(b"basic") {
        return decode(word.trim_ascii_end()).is_some_and(|pair| memchr(b':', &pair).is_some());
    }
    let is_word = !word.iter().any(|byte| matches!(byte, b' ' | b'\t'));
    let is_known = |known: &str| scheme.eq_ignore_ascii_case(known.as_bytes());
    is_word && SCHEMES.iter().any(|known| is_known(known))
}

/// A byte of a token or of base64. `=` pads, and separates a name from a value.
const fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'=' | b'+' | b'/')
}

#[cfg(test)]
mod tests {
    use base64::prelude::{BASE64_STANDARD as PADDED, BASE64_URL_SAFE_NO_PAD};
    use proptest::prelude::*;

    use super::*;
    use crate::http::encoding::percent_encode;
    use crate::testing::{SigningKey, base64url, claims};
    use serde_json::json;

    fn token() -> String {
        SigningKey::new("k").token(&claims(json!({})))
    }

    fn encoded(text: &str) -> String {
        let mut encoded = String::new();
        percent_encode(text.as_bytes(), &mut encoded);
        encoded
    }

    #[test]
    fn a_json_web_token_is_recognized_in_every_form() {
        let token = token();
        let white = SigningKey::new("k").sign(b" \n{\"alg\":\"EdDSA\"}", b"{}");
        let padded = format!(
            "{}==.{}=.c2lnbmF0dXJl",
            base64url("{\"alg\":\"none\"}"),
            base64url("{}")
        );
        let jwe = format!("{}.a.b.c.d", base64url(r#"{"alg":"dir","enc":"A128GCM"}"#));
        for value in [
            token.clone(),
            white,
            padded,
            jwe,
            format!("Bearer {token}"),
            format!("  {token}  "),
            format!("token={token}"),
            format!("a=b; session=\"{token}\"; c=d"),
            format!("one,{token},two"),
            format!("prefix.{token}"),
            format!("https://x.test/sso/{token}?a=b"),
            format!(r#"{{"jwt":"{token}"}}"#),
            encoded(&format!("Bearer {token}")),
            encoded(&encoded(&format!("{{{token}}}"))),
            token.replace('.', "%2E"),
            format!("Basic {}", PADDED.encode(format!("user:{token}"))),
            PADDED.encode(&token),
            BASE64_URL_SAFE_NO_PAD.encode(format!("{token}\n")),
            encoded(&PADDED.encode(format!("{token}?"))),
            PADDED.encode(PADDED.encode(&token)),
            format!("Bearer+{token}"),
            format!("Basic+{}", PADDED.encode(format!("user:{token}"))),
        ] {
            assert!(holds_token(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn what_sdks_send_is_no_token() {
        for value in [
            "",
            "2023-06-01",
            "application/json; charset=utf-8; boundary=a.b.c.d.e.f.g.h.i.j.k.l.m",
            "AsyncOpenAI/Python 2.14.0",
            "claude-cli/2.1.18 (external, sdk-py, agent-sdk/0.1.20)",
            "google-genai-sdk/1.56.0 gl-python/3.13.5 google-genai-sdk/1.56.0",
            "interleaved-thinking-2025-05-14,context-management-2025-06-27,effort-2025-11-24",
            "aws-sdk-js/3.958.0 ua/2.1 os/linux#6.8 lang/js md/nodejs#22.12.0 api/bedrock-runtime#3.958.0",
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "stainless-node-retry-c1b5c9b7-6ab9-4c55-8df3-0ad4c5ae22b0",
            "dGhlIHNhbXBsZSBub25jZSBvZiBhIGhhbmRzaGFrZSB3aXRob3V0IGEgdG9rZW4=",
            "www.elsewhere.example.com.au/eastern/elephants.html.gz",
            "Extraordinarily.long.sentence.Without.spaces.Concerning.dots",
        ] {
            assert!(!is_credential(value.as_bytes()), "{value}");
        }
    }

    #[test]
    fn a_scheme_with_one_word_is_a_credential() {
        for value in [
            "Bearer opaque",
            "bEARER\topaque",
            "DPoP opaque",
            "Negotiate YII",
            "Basic dXNlcjpwYXNzd29yZA==",
            "basic dXNlcjpwYXNzd29yZA",
        ] {
            assert!(is_credential(value.as_bytes()), "{value}");
        }
        for value in [
            "Bearer",
            "Basic",
            "Basic Assistant",
            "Bearer of good news",
            "Bearers x",
        ] {
            assert!(!is_credential(value.as_bytes()), "{value}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_can_be_examined(value: Vec<u8>, dots in "[eICD%=./+ a-z0-9]{0,200}") {
            is_credential(&value);
            is_credential(dots.as_bytes());
        }

        #[test]
        fn a_token_is_found_between_any_other_words(before in "[ -~]{0,20}", after in "[ -~]{0,20}") {
            let value = format!("{before} {} {after}", token());
            prop_assert!(holds_token(value.as_bytes()));
        }
    }
}
