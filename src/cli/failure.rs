//! Failures of a command: the documented exit codes, and a message that says what to do.

use std::fmt;
use std::process::ExitCode;

use super::output::printable;

/// The kinds of failure, each an exit code of docs/command-line.md.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// The check found errors, or the command failed.
    Failed = 1,
    /// The arguments are wrong; clap uses the same code.
    Usage = 2,
    /// There is no token, or it was refused.
    Unauthenticated = 3,
    /// The token lacks a permission.
    Denied = 4,
    /// The provider, model or environment does not exist.
    NotFound = 5,
    /// A server cannot be reached, or fails.
    Unreachable = 6,
    /// The client to start is not installed; shells use the same code.
    NotInstalled = 127,
}

/// Why a command fails. The message and the hint contain no secret.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) kind: Kind,
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Failure {
    pub(super) fn new(kind: Kind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            hint: None,
        }
    }

    pub(super) fn hint(self, hint: impl Into<String>) -> Self {
        Self {
            hint: Some(hint.into()),
            ..self
        }
    }

    /// The failure of a file that cannot be read or written.
    pub(super) fn file(path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(Kind::Failed, format!("{}: {error}", path.display()))
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", printable(&self.message))?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {}", printable(hint)),
            None => Ok(()),
        }
    }
}
