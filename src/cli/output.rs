//! What a command prints: a table for people, JSON and YAML for programs.

use std::io::{IsTerminal, Write};

use clap::ValueEnum;
use serde_json::Value;

use super::failure::{Failure, Kind};

/// The form of an answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum Format {
    /// Columns for people.
    Table,
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

impl Format {
    /// Prints the document, or the table that says the same.
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

/// Writes to standard output; a reader that has gone (`| head`) is no failure.
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

/// Says on a terminal what is being waited for.
pub(super) fn progress(what: &str) {
    if std::io::stderr().is_terminal() {
        eprintln!("{what} …");
    }
}
