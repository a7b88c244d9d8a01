//! Label values.

/// A label value is no longer than this.
const MAX_VALUE: usize = 128;

/// A text of someone else's as a label value, without what separates labels.
pub(super) fn label_value(text: &str) -> String {
    let is_plain = |character: char| {
        character.is_ascii_alphanumeric() || matches!(character, '-' | '_' | '.' | ':' | '/' | '@')
    };
    text.chars()
        .take(MAX_VALUE)
        .map(|character| if is_plain(character) { character } else { '_' })
        .collect()
}
