//! Data that the workers of one host share.

/// A store that all workers of one host share: small values by key, each with a version.
pub trait SharedData {
    /// A value and its version.
    fn read(&self, key: &str) -> Option<(Vec<u8>, u32)>;

    /// Replaces a value if its version is still `expected`, or unconditionally if that is `None`.
    /// Returns whether it did.
    fn write(&self, key: &str, value: &[u8], expected: Option<u32>) -> bool;
}
