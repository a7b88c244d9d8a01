//! Textual changes to the Envoy files in envoy/, which keep their comments. A change fails if the
//! text that it replaces is missing, because the file has been edited then.

use crate::failure::{Failure, Kind};

/// A file that is being changed.
pub(super) struct Template {
    text: String,
}

impl Template {
    pub(super) fn new(text: &str) -> Self {
        Self {
            text: text.to_owned(),
        }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// Replaces a passage that occurs exactly once.
    pub(super) fn replace(&mut self, passage: &str, with: &str) -> Result<(), Failure> {
        if self.text.matches(passage).count() != 1 {
            return Err(unexpected(passage));
        }
        self.text = self.text.replacen(passage, with, 1);
        Ok(())
    }

    /// Replaces every occurrence of a passage.
    pub(super) fn replace_all(&mut self, passage: &str, with: &str) -> Result<(), Failure> {
        if !self.text.contains(passage) {
            return Err(unexpected(passage));
        }
        self.text = self.text.replace(passage, with);
        Ok(())
    }

    /// Replaces the text from `start` up to the next `end`, which stays.
    pub(super) fn replace_until(
        &mut self,
        start: &str,
        end: &str,
        with: &str,
    ) -> Result<(), Failure> {
        let Some((before, rest)) = self.text.split_once(start) else {
            return Err(unexpected(start));
        };
        let Some((_, after)) = rest.split_once(end) else {
            return Err(unexpected(end));
        };
        self.text = format!("{before}{with}{end}{after}");
        Ok(())
    }

    /// Replaces the text from `start` to the end of the file.
    pub(super) fn replace_rest(&mut self, start: &str, with: &str) -> Result<(), Failure> {
        let Some((before, _)) = self.text.split_once(start) else {
            return Err(unexpected(start));
        };
        self.text = format!("{before}{with}");
        Ok(())
    }
}

/// Indents each line by a number of spaces, except empty ones.
pub(super) fn indented(text: &str, columns: usize) -> String {
    let mut indented = String::new();
    for line in text.lines() {
        if !line.is_empty() {
            indented.push_str(&" ".repeat(columns));
        }
        indented.push_str(line);
        indented.push('\n');
    }
    indented
}

/// A text as a JSON string, which is also a YAML string in every context.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn unexpected(passage: &str) -> Failure {
    let line = passage.trim().lines().next().unwrap_or_default();
    Failure::new(
        Kind::Failed,
        format!("the built-in template has no line \"{line}\""),
    )
    .hint("this is a bug of the command; please report it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_or_repeated_passage_is_an_error() {
        let mut template = Template::new("a b a");
        assert!(template.replace("a", "x").is_err());
        assert!(template.replace("c", "x").is_err());
        assert!(template.replace_all("c", "x").is_err());
        assert!(template.replace_rest("c", "x").is_err());
        assert!(template.replace_until("b", "c", "x").is_err());
        template.replace("b", "x").unwrap();
        template.replace_all("a", "y").unwrap();
        assert_eq!(template.into_text(), "y x y");
    }

    #[test]
    fn text_is_replaced_up_to_the_end_passage() {
        let mut template = Template::new("one two three two");
        template.replace_until("one", "two", "1 ").unwrap();
        assert_eq!(template.into_text(), "1 two three two");
    }
}
