//! The one name or scalar that a scanner holds, as written.

use super::MAX_TOKEN;

/// Where the bytes of a string go.
pub(super) trait Keep {
    /// Takes some more.
    fn push(&mut self, bytes: &[u8]);
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
    /// The string that an escaped token stands for.
    unescaped: String,
}

impl Default for Token {
    fn default() -> Self {
        Self {
            bytes: [0; MAX_TOKEN],
            length: 0,
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
}

impl Token {
    pub(super) fn clear(&mut self) {
        self.length = 0;
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
        let raw = self.bytes.get(..self.length)?;
        if raw.contains(&b'\\') {
            self.unescaped = serde_json::from_slice(raw).ok()?;
            return Some(&self.unescaped);
        }
        let raw = raw.strip_prefix(b"\"")?.strip_suffix(b"\"")?;
        std::str::from_utf8(raw).ok()
    }
}
