//! Label values.

/// The maximum length of a label value, in characters.
const MAX_VALUE: usize = 128;

/// Turns a text into a label value. Characters that separate labels are replaced.
pub(super) fn label_value(text: &str) -> String {
    let is_plain = |character: char| {
        character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.' | ':' | '/' | '@')
    };
    text.chars()
        .take(MAX_VALUE)
        .map(|character| if is_plain(character) { character } else { '_' })
        .collect()
}
