//! What is wrong with a configuration: every problem, each with its JSON path.

use std::fmt;

/// A configuration that cannot be used. Whoever wrote it is at fault; no secret is in it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    /// The problems, in the order of the document; at least one.
    pub problems: Vec<Problem>,
}

/// One thing that is wrong.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Where, as a JSON pointer (RFC 6901); empty for the document itself.
    pub path: String,
    /// What, and what to do.
    pub message: String,
}

impl ConfigError {
    /// One problem that shows only where the configuration is put to use.
    pub fn of_use(path: &str, message: &str) -> Self {
        Self {
            problems: vec![Problem {
                path: path.to_owned(),
                message: message.to_owned(),
            }],
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, Problem { path, message }) in self.problems.iter().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            let path = if path.is_empty() { "/" } else { path };
            write!(f, "{separator}{path}: {message}")?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigError {}

/// Collects problems while a document is read.
#[derive(Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn add(&mut self, path: impl fmt::Display, message: impl fmt::Display) {
        self.0.push(Problem {
            path: path.to_string(),
            message: message.to_string(),
        });
    }

    /// Takes the value of a result, or notes its error.
    pub(super) fn take<T, E: fmt::Display>(
        &mut self,
        path: impl fmt::Display,
        result: Result<T, E>,
    ) -> Option<T> {
        result.map_err(|error| self.add(path, error)).ok()
    }

    /// The value, if there was no problem.
    pub(super) fn finish<T>(self, value: T) -> Result<T, ConfigError> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(ConfigError { problems: self.0 })
        }
    }
}

/// A problem of shape, where serde met it.
pub(super) fn shape_error(error: &serde_path_to_error::Error<serde_json::Error>) -> ConfigError {
    use serde_path_to_error::Segment;
    let path = error
        .path()
        .iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", key.replace('~', "~0").replace('/', "~1")),
            Segment::Enum { variant } => format!("/{variant}"),
            Segment::Unknown => String::new(),
        })
        .collect();
    ConfigError {
        problems: vec![Problem {
            path,
            message: without_values(&error.inner().to_string()),
        }],
    }
}

/// serde quotes what it did not expect, which may be a secret in the wrong place. The name of an
/// unknown field stays, as it is in the path anyway.
fn without_values(message: &str) -> String {
    without_quoted(message).unwrap_or_else(|| message.to_owned())
}

/// The message without what is quoted before `, expected …`.
fn without_quoted(message: &str) -> Option<String> {
    if message.starts_with("unknown field") {
        return None;
    }
    let (before, quoted) = message.split_once(['"', '`'])?;
    let (_, expected) = quoted.rsplit_once(", expected ")?;
    Some(format!("{}, expected {expected}", before.trim_end()))
}
