//! What the workers of one host share.

/// What the workers of one host share: small texts of bytes, each with a version.
pub trait SharedData {
    /// A text and its version, if it is there.
    fn read(&self, key: &str) -> Option<(Vec<u8>, u32)>;

    /// Replaces a text, if its version is still `expected` (`None`: whatever it is); says whether
    /// it did.
    fn write(&self, key: &str, text: &[u8], expected: Option<u32>) -> bool;
}
