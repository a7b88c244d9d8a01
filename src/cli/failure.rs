//! How a command ends: the documented exit codes, and a message with what to do.

use std::fmt;
use std::process::ExitCode;

/// The kinds of failure, each an exit code of docs/command-line.md.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Kind {
    /// What was checked or done is not in order.
    Failed = 1,
    /// The command was called wrongly; clap's own code.
    Usage = 2,
    /// There is no token, or it was refused.
    Unauthenticated = 3,
    /// The token lacks a permission.
    Denied = 4,
    /// There is no such thing.
    NotFound = 5,
    /// A server cannot be reached.
    Unreachable = 6,
    /// The client to be started is not installed; a shell's own code.
    NotInstalled = 127,
}

/// Why a command ends early. The message and the hint have no secret in them.
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

    /// A file that could not be read or written.
    pub(super) fn file(path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::new(Kind::Failed, format!("{}: {error}", path.display()))
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind as u8)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}
