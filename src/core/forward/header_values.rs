//! The headers that a request is given. All their values lie in one piece of memory.

use std::borrow::Cow;
use std::fmt;

/// Names and values, in order.
#[derive(Clone, PartialEq, Eq)]
pub struct HeaderValues {
    /// Each with the place in `values` where its value ends.
    names: Vec<(Cow<'static, str>, usize)>,
    values: Vec<u8>,
}

/// Headers that a request is given, as a rule no more than this; those for a signature come later.
const USUAL_COUNT: usize = 10;

/// As long as their values are together, with a long path.
const USUAL_SIZE: usize = 512;

impl HeaderValues {
    /// Adds a header, whose value is put together of these parts.
    pub fn push(&mut self, name: impl Into<Cow<'static, str>>, parts: &[&[u8]]) {
        for part in parts {
            self.values.extend_from_slice(part);
        }
        self.names.push((name.into(), self.values.len()));
    }

    /// Name and value of each.
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
            names: Vec::with_capacity(USUAL_COUNT),
            values: Vec::with_capacity(USUAL_SIZE),
        }
    }
}

/// Without the values: one of them is the provider's key.
impl fmt::Debug for HeaderValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list()
            .entries(self.iter().map(|(name, _)| name))
            .finish()
    }
}
