//! Finding a claim in a token, and the texts that rules compare with it.

use std::borrow::Cow;

use serde_json::{Map, Value};

/// Whether a claim that is one string is also compared word by word.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Words {
    /// The string is one text.
    Whole,
    /// The words of the string, separated by spaces, are texts too (RFC 8693 §4.2: `scope`).
    Split,
}

/// The claims that are lists of words wherever they occur.
const WORD_LISTS: [&str; 2] = ["scope", "scp"];

impl Words {
    /// How a rule compares the claim of this name or JSON pointer.
    pub(super) fn of(claim: &str) -> Self {
        let name = claim.strip_prefix('/').unwrap_or(claim);
        if WORD_LISTS.contains(&name) {
            Self::Split
        } else {
            Self::Whole
        }
    }
}

/// The claim of this name or, if it starts with `/`, at this JSON pointer (RFC 6901 §4).
pub(super) fn find<'a>(claims: &'a Map<String, Value>, claim: &str) -> Option<&'a Value> {
    let Some(pointer) = claim.strip_prefix('/') else {
        return claims.get(claim);
    };
    let mut tokens = pointer.split('/').map(unescaped);
    let root = claims.get(tokens.next()?.as_ref())?;
    tokens.try_fold(root, |value, token| match value {
        Value::Object(members) => members.get(token.as_ref()),
        Value::Array(items) => items.get(array_index(&token)?),
        _ => None,
    })
}

/// Whether a text is a claim's name or a JSON pointer to one, with valid escapes (RFC 6901 §3).
pub fn is_claim_reference(claim: &str) -> bool {
    let has_valid_escapes = || {
        claim
            .split('~')
            .skip(1)
            .all(|after| after.starts_with(['0', '1']))
    };
    !claim.is_empty() && (!claim.starts_with('/') || has_valid_escapes())
}

/// Whether a rule matches a claim: `matches` is called with each text that the claim stands for,
/// until it returns true.
///
/// A string, a number or a boolean is one text, an array is the texts of its items, and an object
/// the names of its members. That is how some issuers write roles and organizations. A member
/// whose value is false or null does not count.
pub(super) fn any_text(value: &Value, words: Words, mut matches: impl FnMut(&str) -> bool) -> bool {
    match value {
        Value::String(text) if words == Words::Split => {
            matches(text) || text.split_ascii_whitespace().any(matches)
        }
        Value::Array(items) => items.iter().any(|item| is_text(item, &mut matches)),
        Value::Object(members) => members
            .iter()
            .filter(|(_, value)| !matches!(value, Value::Null | Value::Bool(false)))
            .any(|(name, _)| matches(name)),
        scalar => is_text(scalar, &mut matches),
    }
}

fn is_text(value: &Value, matches: &mut impl FnMut(&str) -> bool) -> bool {
    match value {
        Value::String(text) => matches(text),
        Value::Bool(true) => matches("true"),
        Value::Bool(false) => matches("false"),
        Value::Number(number) => matches(&number.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

/// A reference token with its escapes replaced. `~1` first, so that `~01` becomes `~1`.
fn unescaped(token: &str) -> Cow<'_, str> {
    if token.contains('~') {
        Cow::Owned(token.replace("~1", "/").replace("~0", "~"))
    } else {
        Cow::Borrowed(token)
    }
}

/// An index without sign and leading zeros.
fn array_index(token: &str) -> Option<usize> {
    let is_canonical = token == "0" || !token.starts_with(['0', '+']);
    is_canonical.then(|| token.parse().ok()).flatten()
}
