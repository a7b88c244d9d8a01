//! The output of commands: a table for people, JSON or YAML for programs.

use std::borrow::Cow;
use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::ValueEnum;
use serde_json::Value;

use super::failure::{Failure, Kind};

/// The format of the output.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Format {
    /// Aligned columns.
    Table,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

impl Format {
    /// The given format, or else a table on a terminal and JSON in a pipe.
    pub(super) fn or_by_terminal(format: Option<Self>) -> Self {
        format.unwrap_or_else(|| {
            if std::io::stdout().is_terminal() {
                Self::Table
            } else {
                Self::Json
            }
        })
    }

    /// Prints the document, or the table with the same content.
    pub(super) fn print(
        self,
        document: &Value,
        table: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        let text = match self {
            Self::Table => table(),
            Self::Json => format!("{}\n", escaped(&format!("{document:#}"))),
            Self::Yaml => serde_yaml_ng::to_string(document)
                .map_err(|error| Failure::new(Kind::Failed, error.to_string()))?,
        };
        write(&text)
    }
}

/// Writes to standard output. A closed pipe (`| head`) is not a failure.
pub(super) fn write(text: &str) -> Result<(), Failure> {
    let mut stdout = std::io::stdout().lock();
    match stdout
        .write_all(text.as_bytes())
        .and_then(|()| stdout.flush())
    {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(Failure::new(
            Kind::Failed,
            format!("cannot write to standard output: {error}"),
        )),
        _ => Ok(()),
    }
}

static VERBOSE: AtomicBool = AtomicBool::new(false);

/// Enables [`detail`].
pub(super) fn set_verbose() {
    VERBOSE.store(true, Ordering::Relaxed);
}

/// Prints a message if the output is verbose. The message must not contain a secret.
pub(super) fn detail(message: &str) {
    if VERBOSE.load(Ordering::Relaxed) {
        eprintln!("{}", printable(message));
    }
}

/// Prints a warning.
pub(super) fn warn(message: &str) {
    eprintln!("warning: {}", printable(message));
}

/// Prints on a terminal what the command waits for.
pub(super) fn progress(message: &str) {
    if std::io::stderr().is_terminal() {
        eprintln!("{} …", printable(message));
    }
}

/// One line of text without characters that control a terminal. Text from a server or a file could
/// otherwise clear the screen, set the clipboard, or add a line that looks like this command's own.
pub(super) fn printable(text: &str) -> Cow<'_, str> {
    if !text.contains(is_control) {
        return Cow::Borrowed(text);
    }
    let mut line = text.replace(['\n', '\t'], " ");
    line.retain(|character| !is_control(character));
    Cow::Owned(line)
}

/// JSON with the control characters escaped that JSON allows in strings.
fn escaped(json: &str) -> String {
    let mut text = String::with_capacity(json.len());
    for character in json.chars() {
        if is_control(character) && character != '\n' {
            text.push_str(&format!("\\u{:04x}", u32::from(character)));
        } else {
            text.push(character);
        }
    }
    text
}

/// Controls (Unicode's category Cc), line separators, and characters that change the direction of
/// text.
fn is_control(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
        )
}

/// Aligns rows in columns, each as wide as its widest cell.
pub(super) fn table(rows: &[Vec<String>]) -> String {
    let rows: Vec<Vec<_>> = rows
        .iter()
        .map(|row| row.iter().map(|cell| printable(cell)).collect())
        .collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let mut text = String::new();
    for row in &rows {
        let mut line = String::new();
        for (cell, width) in row.iter().zip(&widths) {
            line.push_str(&format!("{cell:width$}  "));
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let rows = [
            vec!["NAME".to_owned(), "TYPE".to_owned()],
            vec!["größer".to_owned(), "b".to_owned()],
            vec!["x".to_owned(), String::new()],
        ];
        assert_eq!(table(&rows), "NAME    TYPE\ngrößer  b\nx\n");
    }

    #[test]
    fn text_from_outside_cannot_control_the_terminal() {
        for (text, shown) in [
            ("größer, 日本", "größer, 日本"),
            ("\u{1b}[2Jcleared", "[2Jcleared"),
            ("\u{1b}]52;c;eA==\u{7}", "]52;c;eA=="),
            ("a\r\n  hint: run this", "a   hint: run this"),
            ("\u{9b}2J\u{7f}\u{8}\0", "2J"),
            ("abc\u{202e}txt.exe\u{2028}", "abctxt.exe"),
        ] {
            assert_eq!(printable(text), shown);
            let rows = [vec![text.to_owned()]];
            assert_eq!(table(&rows), format!("{shown}\n"));
            let failure = Failure::new(Kind::Failed, text).hint(text);
            assert_eq!(
                failure.to_string(),
                format!("error: {shown}\n  hint: {shown}")
            );
        }
    }

    #[test]
    fn json_keeps_every_character_and_escapes_those_that_control_the_terminal() {
        let document = serde_json::json!({"a": "\u{1b}[2J\u{9b}\u{7f}\u{202e}\n\"ß"});
        let text = escaped(&format!("{document:#}"));
        assert!(
            !text.contains(|it| is_control(it) && it != '\n'),
            "{text:?}"
        );
        let read: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(read, document);
    }
}
