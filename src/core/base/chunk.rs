//! A body as it arrives: in chunks of any size.

/// A chunk of a body.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Chunk<'a> {
    /// Bytes that are not known to be the last.
    More(&'a [u8]),
    /// The last bytes, possibly none.
    Last(&'a [u8]),
}

impl<'a> Chunk<'a> {
    /// The bytes.
    pub const fn bytes(self) -> &'a [u8] {
        match self {
            Self::More(bytes) | Self::Last(bytes) => bytes,
        }
    }

    /// Whether the body ends after these bytes.
    pub const fn is_last(self) -> bool {
        matches!(self, Self::Last(_))
    }
}
