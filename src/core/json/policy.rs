//! How much a scanner checks, and what it does with what it cannot read.

use super::{Malformed, Scalar};

/// The policy of a scanner: [`Lenient`] or [`Strict`].
pub trait ScanPolicy: sealed::Sealed {
    /// Whether everything is checked.
    const IS_STRICT: bool;

    /// Whether a document may be an array of objects.
    const ACCEPTS_ARRAY: bool = false;

    /// Whether numbers are reported as they are written. Only used if everything is checked.
    const REPORTS_NUMBERS: bool = false;

    /// The longest name or scalar that is looked at, in bytes as written, with quotes.
    const MAX_TOKEN: usize;

    /// How a wanted string is reported, if at all. `None` stands for one that is too long, not UTF-8,
    /// or has an invalid escape.
    fn text(text: Option<&str>) -> Result<Option<Scalar<'_>>, Malformed>;
}

/// For responses, whose usage is read as well as possible. Longer names are not wanted, and longer
/// scalars are reported as [`Scalar::Other`].
#[derive(Debug)]
pub enum Lenient {}

/// For requests, which are refused if two parsers could read them differently.
///
/// It accepts one object and checks the grammar of RFC 8259, with these limits:
///
/// - The names that it reports and the wanted strings must be UTF-8, without lone surrogates. Other
///   strings are not decoded.
/// - Reported names and wanted strings that are longer than
///   [`Self::MAX_TOKEN`](ScanPolicy::MAX_TOKEN) are malformed. Longer numbers are not checked.
/// - Containers more than 64 levels deep are skipped as [`Lenient`] does if their names are not
///   reported, and are malformed otherwise.
#[derive(Debug)]
pub enum Strict {}

/// Like [`Strict`], for JSON-RPC. A document may also be an array of objects, numbers are reported,
/// and names and strings may be longer, because URIs are.
#[derive(Debug)]
pub enum Messages {}

impl ScanPolicy for Lenient {
    const IS_STRICT: bool = false;
    const MAX_TOKEN: usize = 256;

    fn text(text: Option<&str>) -> Result<Option<Scalar<'_>>, Malformed> {
        Ok(match text {
            Some("") => None,
            Some(text) => Some(Scalar::Text(text)),
            None => Some(Scalar::Other),
        })
    }
}

impl ScanPolicy for Strict {
    const IS_STRICT: bool = true;
    const MAX_TOKEN: usize = 1024;

    fn text(text: Option<&str>) -> Result<Option<Scalar<'_>>, Malformed> {
        match text {
            Some("") => Ok(Some(Scalar::Other)),
            Some(text) => Ok(Some(Scalar::Text(text))),
            None => Err(Malformed),
        }
    }
}

impl ScanPolicy for Messages {
    const IS_STRICT: bool = true;
    const ACCEPTS_ARRAY: bool = true;
    const REPORTS_NUMBERS: bool = true;
    const MAX_TOKEN: usize = 8 * 1024;

    fn text(text: Option<&str>) -> Result<Option<Scalar<'_>>, Malformed> {
        Strict::text(text)
    }
}

mod sealed {
    pub trait Sealed {}

    impl Sealed for super::Lenient {}

    impl Sealed for super::Strict {}

    impl Sealed for super::Messages {}
}
