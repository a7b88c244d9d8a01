//! Text from clients and servers, made safe to show.

/// A name that was received, as valid UTF-8 and shortened, so that it can be logged or shown.
pub fn truncate_for_display(name: &[u8]) -> String {
    const MAX_BYTES: usize = 64;
    let text = String::from_utf8_lossy(name.get(..MAX_BYTES).unwrap_or(name));
    if name.len() > MAX_BYTES {
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
    }
}
