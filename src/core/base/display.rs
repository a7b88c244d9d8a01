//! Text of others, fit to be shown.

/// A name that came over the wire, fit to be shown: text, and not too long.
pub fn truncate_for_display(name: &[u8]) -> String {
    const LONGEST: usize = 64;
    let text = String::from_utf8_lossy(name.get(..LONGEST).unwrap_or(name));
    if name.len() > LONGEST {
        format!("{text}…")
    } else {
        text.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_the_wire_are_shown_short_and_as_text() {
        assert_eq!(truncate_for_display(b"my-openai"), "my-openai");
        assert_eq!(truncate_for_display(b"\xff"), "\u{fffd}");
        assert!(truncate_for_display(&[b'a'; 10_000]).len() < 80);
    }
}
