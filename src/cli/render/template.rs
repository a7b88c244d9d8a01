//! Changes to the shipped Envoy files, as texts, so that their comments come along. Each change
//! replaces a passage that stands there exactly as often as is said; else the file has changed.

use crate::failure::{Failure, Kind};

/// A file as it is shipped, being changed.
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

    /// Replaces the one passage.
    pub(super) fn replace(&mut self, passage: &str, with: &str) -> Result<(), Failure> {
        if self.text.matches(passage).count() != 1 {
            return Err(unexpected(passage));
        }
        self.text = self.text.replacen(passage, with, 1);
        Ok(())
    }

    /// Replaces the passage wherever it stands.
    pub(super) fn replace_all(&mut self, passage: &str, with: &str) -> Result<(), Failure> {
        if !self.text.contains(passage) {
            return Err(unexpected(passage));
        }
        self.text = self.text.replace(passage, with);
        Ok(())
    }

    /// Replaces all from the one passage to before the next that begins with `end`.
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

    /// Replaces all from the passage to the end.
    pub(super) fn replace_rest(&mut self, start: &str, with: &str) -> Result<(), Failure> {
        let Some((before, _)) = self.text.split_once(start) else {
            return Err(unexpected(start));
        };
        self.text = format!("{before}{with}");
        Ok(())
    }
}

/// The lines, each behind that many spaces; empty ones stay empty.
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

/// A text as YAML writes it in any place: in JSON's quotes.
pub(super) fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn unexpected(passage: &str) -> Failure {
    let line = passage.trim().lines().next().unwrap_or_default();
    Failure::new(
        Kind::Failed,
        format!("the built-in template has no place \"{line}\""),
    )
    .hint("this is a bug of the command: please report it")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passage_that_is_not_there_once_is_not_replaced() {
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
    fn a_passage_is_replaced_up_to_the_next() {
        let mut template = Template::new("one two three two");
        template.replace_until("one", "two", "1 ").unwrap();
        assert_eq!(template.into_text(), "1 two three two");
    }
}
