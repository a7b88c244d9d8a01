//! Where in a JSON text a JSON pointer points: line and column, for whoever has to correct it.
//!
//! Reads a text that is known to be JSON, and so may be lax about everything but structure.

/// Line and column of the member or element, or of what comes nearest above it; both count from 1,
/// the column in characters.
pub(super) fn locate(text: &str, pointer: &str) -> (usize, usize) {
    let mut scanner = Scanner {
        bytes: text.as_bytes(),
        at: 0,
    };
    scanner.skip_space();
    let mut found = scanner.at;
    for segment in pointer.split('/').skip(1) {
        let segment = segment.replace("~1", "/").replace("~0", "~");
        let Some(offset) = scanner.enter(&segment) else {
            break;
        };
        found = offset;
    }
    place(text, found)
}

fn place(text: &str, offset: usize) -> (usize, usize) {
    let before = text.get(..offset).unwrap_or(text);
    let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
    let line = before.get(line_start..).unwrap_or_default();
    (before.matches('\n').count() + 1, line.chars().count() + 1)
}

struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Scanner<'_> {
    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn skip_space(&mut self) {
        while self.peek().is_some_and(|byte| byte.is_ascii_whitespace()) {
            self.at += 1;
        }
    }

    /// Moves from the start of an object or array to the value that the segment names; returns
    /// where its key, or the element itself, stands.
    fn enter(&mut self, segment: &str) -> Option<usize> {
        let is_object = self.peek()? == b'{';
        if !is_object && self.peek()? != b'[' {
            return None;
        }
        self.at += 1;
        for index in 0_usize.. {
            self.skip_space();
            if matches!(self.peek()?, b'}' | b']') {
                return None;
            }
            let start = self.at;
            let is_wanted = if is_object {
                self.skip_value();
                let key = serde_json::from_slice::<String>(self.bytes.get(start..self.at)?);
                self.skip_to(b':');
                key.is_ok_and(|key| key == segment)
            } else {
                segment == index.to_string()
            };
            if is_wanted {
                return Some(start);
            }
            self.skip_value();
            self.skip_space();
            if self.peek()? == b',' {
                self.at += 1;
            }
        }
        None
    }

    fn skip_to(&mut self, mark: u8) {
        self.skip_space();
        if self.peek() == Some(mark) {
            self.at += 1;
        }
        self.skip_space();
    }

    fn skip_value(&mut self) {
        let mut depth = 0_usize;
        loop {
            match self.peek() {
                None => return,
                Some(b'"') => self.skip_string(),
                Some(b'{' | b'[') => {
                    depth += 1;
                    self.at += 1;
                }
                Some(b'}' | b']') => {
                    if depth == 0 {
                        return;
                    }
                    depth -= 1;
                    self.at += 1;
                }
                Some(b',' | b':') if depth == 0 => return,
                Some(_) => self.at += 1,
            }
            if depth == 0 && matches!(self.bytes.get(self.at - 1), Some(b'"' | b'}' | b']')) {
                return;
            }
        }
    }

    fn skip_string(&mut self) {
        self.at += 1;
        while let Some(byte) = self.peek() {
            self.at += if byte == b'\\' { 2 } else { 1 };
            if byte == b'"' {
                return;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r#"{
  "é": {"a\"}": [1, {"x": "]"}, "two"]},
  "b/c": true,
  "d": [ ]
}"#;

    #[test]
    fn every_value_has_its_place() {
        for (pointer, line, column) in [
            ("", 1, 1),
            ("/é", 2, 3),
            ("/é/a\"}", 2, 9),
            ("/é/a\"}/0", 2, 18),
            ("/é/a\"}/1", 2, 21),
            ("/é/a\"}/1/x", 2, 22),
            ("/é/a\"}/2", 2, 33),
            ("/b~1c", 3, 3),
            ("/d", 4, 3),
        ] {
            assert_eq!(locate(TEXT, pointer), (line, column), "{pointer}");
        }
    }

    #[test]
    fn what_is_missing_is_at_what_it_is_missing_from() {
        for (pointer, line, column) in [
            ("/nothing", 1, 1),
            ("/é/nothing", 2, 3),
            ("/d/0", 4, 3),
            ("/b~1c/deeper", 3, 3),
        ] {
            assert_eq!(locate(TEXT, pointer), (line, column), "{pointer}");
        }
    }

    #[test]
    fn a_text_that_is_cut_off_is_no_trouble() {
        for end in (0..TEXT.len()).filter(|end| TEXT.is_char_boundary(*end)) {
            let _ = locate(&TEXT[..end], "/é/a\"}/2");
            let _ = locate(&TEXT[..end], "/d/0");
        }
    }
}
