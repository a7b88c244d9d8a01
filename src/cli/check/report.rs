//! The findings of a check, as text and as JSON.

use ai_gateway_core::config::Problem;
use serde::Serialize;

use super::hints::hint;
use super::locate::locate;
use super::source::{Position, Source};
use crate::output::printable;

/// How serious a finding is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Severity {
    /// The filter refuses the configuration, or cannot work with it.
    Error,
    /// It works but is insecure or fragile.
    Warning,
    /// A test succeeded.
    Ok,
}

/// A finding.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub(super) struct Finding {
    pub(super) severity: Severity,
    /// A JSON pointer into the configuration, or the dotted name of a plugin's setting.
    pub(super) path: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) column: Option<usize>,
    pub(super) message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hint: Option<String>,
}

impl Finding {
    /// A finding about the configuration.
    pub(super) fn new(severity: Severity, source: &Source, problem: Problem) -> Self {
        // serde's line and column refer to the text only if that is not JSON.
        let syntax_error = serde_json::from_str::<serde::de::IgnoredAny>(&source.text).err();
        let position = match source.position {
            Position::After { lines, columns } => {
                let (line, column) = match &syntax_error {
                    Some(error) => (error.line(), error.column()),
                    None => locate(&source.text, &problem.path),
                };
                Some((line + lines, column + columns))
            }
            Position::Unknown => None,
        };
        let hint = match syntax_error {
            Some(error) if error.is_eof() => {
                Some("the text ends too early; check that it is complete".to_owned())
            }
            Some(_) => Some("JSON has no comments and no comma after the last member".to_owned()),
            None => hint(&problem),
        };
        Self {
            severity,
            path: if problem.path.is_empty() {
                "/".to_owned()
            } else {
                problem.path
            },
            line: position.map(|(line, _)| line),
            column: position.map(|(_, column)| column),
            message: without_position(&problem.message).to_owned(),
            hint,
        }
    }

    /// A finding about the plugin that contains the configuration.
    pub(super) fn of_plugin(severity: Severity, path: &str, message: String, hint: &str) -> Self {
        Self {
            severity,
            path: path.to_owned(),
            line: None,
            column: None,
            message,
            hint: Some(hint.to_owned()),
        }
    }

    /// `file:line:column: error: path: message`, a format that editors and CI systems parse.
    pub(super) fn text(&self, file: &str) -> String {
        let mut position = file.to_owned();
        for number in [self.line, self.column].into_iter().flatten() {
            position.push_str(&format!(":{number}"));
        }
        let severity = match self.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Ok => "ok",
        };
        let [position, path, message] =
            [&position, &self.path, &self.message].map(|it| printable(it));
        let mut text = format!("{position}: {severity}: {path}: {message}\n");
        if let Some(hint) = &self.hint {
            text.push_str(&format!("  hint: {}\n", printable(hint)));
        }
        text
    }
}

/// The message without serde's ` at line 3 column 7`.
fn without_position(message: &str) -> &str {
    match message.rsplit_once(" at line ") {
        Some((message, position)) if position.contains(" column ") => message,
        _ => message,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(text: &str, position: Position, message: &str) -> Finding {
        let source = Source {
            text: text.to_owned(),
            position,
            plugin: None,
            clusters: None,
        };
        let problem = Problem {
            path: "/a".to_owned(),
            message: message.to_owned(),
        };
        Finding::new(Severity::Error, &source, problem)
    }

    #[test]
    fn lines_and_columns_are_those_of_the_file() {
        let text = "{\n  \"a\": 1\n}";
        let position = Position::After {
            lines: 10,
            columns: 4,
        };
        assert_eq!(
            finding(text, position, "is wrong at line 1 column 1").text("f.yaml"),
            "f.yaml:12:7: error: /a: is wrong\n"
        );
        assert_eq!(
            finding(text, Position::Unknown, "is wrong").text("f.yaml"),
            "f.yaml: error: /a: is wrong\n"
        );
    }

    #[test]
    fn a_syntax_error_has_the_parsers_line_and_column() {
        let position = Position::After {
            lines: 0,
            columns: 0,
        };
        let found = finding("{\n \"a\" 1}", position, "expected `:` at line 2 column 6");
        assert_eq!((found.line, found.column), (Some(2), Some(6)));
        assert_eq!(found.message, "expected `:`");
        assert!(found.hint.unwrap().contains("no comma"));
        for text in ["", "{\"a\":"] {
            let found = finding(text, position, "EOF while parsing a value");
            assert!(found.hint.unwrap().contains("ends too early"));
        }
    }
}
