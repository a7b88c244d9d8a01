//! Names of members as lenient parsers read them.

use std::borrow::Cow;

/// The name that lenient parsers take this one for, up to the case of ASCII letters. Parsers in C end
/// a name at a NUL. Those that ignore case in Go fold the long s and the Kelvin sign too.
pub fn as_leniently_read(name: &str) -> Cow<'_, str> {
    let seen = name.split('\0').next().unwrap_or_default();
    if seen.is_ascii() {
        return Cow::Borrowed(seen);
    }
    let folded = seen.chars().map(|character| match character {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        other => other,
    });
    Cow::Owned(folded.collect())
}
