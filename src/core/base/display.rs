//! Text from clients and servers, made safe to show.

/// The most bytes of a name that are shown.
const MAX_NAME_BYTES: usize = 64;

/// The most bytes of a URL that are shown.
const MAX_URL_BYTES: usize = 512;

/// A name that was received, as valid UTF-8 and shortened, so that it can be logged or shown.
pub fn truncate_for_display(name: &[u8]) -> String {
    truncated(name, MAX_NAME_BYTES)
}

/// A URL that was received, without control characters and shortened.
pub fn url_for_display(url: &[u8]) -> String {
    let shown = |character: char| {
        if character.is_control() {
            char::REPLACEMENT_CHARACTER
        } else {
            character
        }
    };
    truncated(url, MAX_URL_BYTES).chars().map(shown).collect()
}

fn truncated(bytes: &[u8], max: usize) -> String {
    let text = String::from_utf8_lossy(bytes.get(..max).unwrap_or(bytes));
    if bytes.len() > max {
        format!("{text}…")
    } else {
        text.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_shortened_and_made_valid_utf_8() {
        assert_eq!(truncate_for_display(b"my-openai"), "my-openai");
        assert_eq!(truncate_for_display(b"\xff"), "\u{fffd}");
        assert!(truncate_for_display(&[b'a'; 10_000]).len() < 80);
        assert_eq!(
            url_for_display(b"https://a/\x1b[2J"),
            "https://a/\u{fffd}[2J"
        );
        assert!(url_for_display(&[b'a'; 10_000]).len() < 600);
    }
}
