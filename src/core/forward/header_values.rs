//! The headers that are set on a request. All values share one allocation.

use std::borrow::Cow;
use std::fmt;

/// Header names and values, in order.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderValues {
    /// Each name with the end of its value in `values`.
    names: Vec<(Cow<'static, str>, usize)>,
    values: Vec<u8>,
}

/// The capacity for names. Most requests need no more; signed ones do.
const NAME_CAPACITY: usize = 10;

/// The capacity for values, in bytes: enough for a long path.
const VALUE_CAPACITY: usize = 512;

impl HeaderValues {
    /// Adds a header whose value is the concatenation of these parts.
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, parts: &[&[u8]]) {
        for part in parts {
            self.values.extend_from_slice(part);
        }
        self.names.push((name.into(), self.values.len()));
    }

    /// The name and value of each header.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &[u8])> {
        let mut start = 0;
        self.names.iter().map(move |(name, end)| {
            let value = self.values.get(start..*end).unwrap_or_default();
            start = *end;
            (name.as_ref(), value)
        })
    }
}

impl Default for HeaderValues {
    fn default() -> Self {
        Self {
            names: Vec::with_capacity(NAME_CAPACITY),
            values: Vec::with_capacity(VALUE_CAPACITY),
        }
    }
}

/// Omits the values, since one of them is the provider's key.
impl fmt::Debug for HeaderValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.iter().map(|(name, _)| name))
            .finish()
    }
}
