//! The output of commands: a table for people, JSON or YAML for programs.

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
            Self::Json => format!("{document:#}\n"),
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
        eprintln!("{message}");
    }
}

/// Prints on a terminal what the command waits for.
pub(super) fn progress(message: &str) {
    if std::io::stderr().is_terminal() {
        eprintln!("{message} …");
    }
}

/// Aligns rows in columns, each as wide as its widest cell.
pub(super) fn table(rows: &[Vec<String>]) -> String {
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
    for row in rows {
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
}
