//! The one name or scalar that a scanner holds, as written.

use super::MAX_TOKEN;

/// Where the bytes of a string go.
pub(super) trait Keep {
    /// Takes some more.
    fn push(&mut self, bytes: &[u8]);

    /// Learns that there is an escape among them.
    fn note_escape(&mut self) {}
}

/// Nowhere.
impl Keep for () {
    fn push(&mut self, _: &[u8]) {}
}

/// A token, up to [`MAX_TOKEN`] bytes of it.
#[derive(Debug)]
pub(super) struct Token {
    bytes: [u8; MAX_TOKEN],
    /// Its whole length, also of what is not held.
    length: usize,
    has_escape: bool,
    /// The string that an escaped token stands for.
    unescaped: String,
}

impl Default for Token {
    fn default() -> Self {
        Self {
            bytes: [0; MAX_TOKEN],
            length: 0,
            has_escape: false,
            unescaped: String::new(),
        }
    }
}

impl Keep for Token {
    fn push(&mut self, bytes: &[u8]) {
        let end = self.length.saturating_add(bytes.len());
        if let Some(place) = self.bytes.get_mut(self.length..end) {
            place.copy_from_slice(bytes);
        }
        self.length = end;
    }

    fn note_escape(&mut self) {
        self.has_escape = true;
    }
}

impl Token {
    pub(super) fn clear(&mut self) {
        self.length = 0;
        self.has_escape = false;
    }

    /// Begins a string, at its opening quote.
    pub(super) fn restart(&mut self) {
        self.clear();
        self.push(b"\"");
    }

    /// The bytes as written; `None` when there are too many.
    pub(super) fn raw(&self) -> Option<&[u8]> {
        self.bytes.get(..self.length)
    }

    /// The string that it stands for; `None` when it is too long or no string.
    pub(super) fn text(&mut self) -> Option<&str> {
        if self.has_escape {
            self.unescape()?;
            return Some(&self.unescaped);
        }
        std::str::from_utf8(self.unquoted()?).ok()
    }

    /// The bytes of the string that it stands for; likewise.
    pub(super) fn name(&mut self) -> Option<&[u8]> {
        if self.has_escape {
            self.unescape()?;
            return Some(self.unescaped.as_bytes());
        }
        self.unquoted()
    }

    fn unescape(&mut self) -> Option<()> {
        let raw = self.bytes.get(..self.length)?;
        self.unescaped = serde_json::from_slice(raw).ok()?;
        Some(())
    }

    fn unquoted(&self) -> Option<&[u8]> {
        let raw = self.bytes.get(..self.length)?;
        raw.strip_prefix(b"\"")?.strip_suffix(b"\"")
    }
}
