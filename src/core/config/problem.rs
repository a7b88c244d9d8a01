//! The problems of a configuration, each with its JSON path.

use std::fmt;

/// A configuration that cannot be used. It contains no secret.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConfigError {
    /// The problems, in the order of the document; at least one.
    pub problems: Vec<Problem>,
}

/// One problem of a configuration.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// The JSON pointer (RFC 6901) of the value; empty for the document itself.
    pub path: String,
    /// What is wrong, and what to do about it.
    pub message: String,
}

impl Problem {
    pub(super) fn new(path: impl fmt::Display, message: impl fmt::Display) -> Self {
        Self {
            path: path.to_string(),
            message: message.to_string(),
        }
    }
}

impl ConfigError {
    /// A configuration with one problem, such as one that the host's abilities decide.
    pub fn new(path: &str, message: &str) -> Self {
        Self {
            problems: vec![Problem::new(path, message)],
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

/// Collects the problems found while a document is validated, so that all are reported at once.
#[derive(Default)]
pub(super) struct Problems(Vec<Problem>);

impl Problems {
    pub(super) fn add(&mut self, path: impl fmt::Display, message: impl fmt::Display) {
        self.0.push(Problem::new(path, message));
    }

    /// Returns the value of a result, or adds its error.
    pub(super) fn ok_or_add<T, E: fmt::Display>(
        &mut self,
        path: impl fmt::Display,
        result: Result<T, E>,
    ) -> Option<T> {
        result.map_err(|error| self.add(path, error)).ok()
    }

    /// Returns the value if no problem was added.
    pub(super) fn finish<T>(self, value: T) -> Result<T, ConfigError> {
        if self.0.is_empty() {
            Ok(value)
        } else {
            Err(ConfigError { problems: self.0 })
        }
    }
}

/// A name as a segment of a JSON pointer.
pub(super) fn pointer_segment(name: &str) -> String {
    name.replace('~', "~0").replace('/', "~1")
}

/// The error of a document that serde could not parse.
pub(super) fn shape_error(error: &serde_path_to_error::Error<serde_json::Error>) -> ConfigError {
    use serde_path_to_error::Segment;
    let path: String = error
        .path()
        .iter()
        .map(|segment| match segment {
            Segment::Seq { index } => format!("/{index}"),
            Segment::Map { key } => format!("/{}", pointer_segment(key)),
            Segment::Enum { variant } => format!("/{variant}"),
            Segment::Unknown => String::new(),
        })
        .collect();
    ConfigError::new(&path, &without_values(&error.inner().to_string()))
}

/// Removes the value that serde quotes, because it may be a secret in the wrong place. The name of
/// an unknown field stays, because it is in the path anyway.
fn without_values(message: &str) -> String {
    without_quoted(message).unwrap_or_else(|| message.to_owned())
}

/// The message without the value that is quoted before `, expected …`.
fn without_quoted(message: &str) -> Option<String> {
    if message.starts_with("unknown field") {
        return None;
    }
    let (before, quoted) = message.split_once(['"', '`'])?;
    let (_, expected) = quoted.rsplit_once(", expected ")?;
    Some(format!("{}, expected {expected}", before.trim_end()))
}
