//! Whether more of a request or response follows.

/// Whether a head or a piece of a body is the last of its request or response.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum EndOfStream {
    /// More follows.
    #[default]
    No,
    /// Nothing follows.
    Yes,
}

impl From<bool> for EndOfStream {
    fn from(is_last: bool) -> Self {
        if is_last { Self::Yes } else { Self::No }
    }
}
