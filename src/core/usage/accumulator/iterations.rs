//! The usage of the requests that a provider made itself to answer.

use crate::json::Scalar;
use crate::usage::field::Field;
use crate::usage::response_usage::TokenUsage;

/// The breakdown of a usage by iteration.
///
/// The totals do not include compactions and advisors. Compactions are added. Advisors are not,
/// because another model has another price.
///
/// The kind of an iteration is before its counts or after them, the same in all iterations.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Iterations {
    /// The kind of the current iteration, if it was before the counts.
    current: Option<IterationKind>,
    /// The counts of the current iteration.
    pending: Counts,
    /// The sum of the compactions.
    compaction: Counts,
    is_reported: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum IterationKind {
    Compaction,
    Other,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Counts {
    input: u64,
    output: u64,
    cached_read: u64,
    cache_write: u64,
}

impl Iterations {
    /// Adds the kind of an iteration.
    pub(super) fn add_kind(&mut self, kind: Scalar<'_>) {
        let kind = match kind {
            Scalar::Text("compaction") => IterationKind::Compaction,
            _ => IterationKind::Other,
        };
        self.is_reported = true;
        let is_after_counts = self.current.is_none() && self.pending != Counts::default();
        if is_after_counts {
            self.close(kind);
        } else {
            self.finish();
            self.current = Some(kind);
        }
    }

    /// Adds a count of an iteration. Returns whether the field is one.
    pub(super) fn add_number(&mut self, field: Field, count: u64) -> bool {
        let slot = match field {
            Field::IterationInput => &mut self.pending.input,
            Field::IterationOutput => &mut self.pending.output,
            Field::IterationCachedRead => &mut self.pending.cached_read,
            Field::IterationCacheWrite => &mut self.pending.cache_write,
            _ => return false,
        };
        *slot = count;
        true
    }

    /// Takes the breakdown of an earlier event if this one has none.
    pub(super) fn inherit(&mut self, earlier: Self) {
        if !self.is_reported {
            *self = earlier;
        }
    }

    /// The tokens including compactions.
    pub(super) fn added_to(mut self, tokens: TokenUsage) -> TokenUsage {
        self.finish();
        let Counts {
            input,
            output,
            cached_read,
            cache_write,
        } = self.compaction;
        TokenUsage {
            input: plus(tokens.input, input),
            output: plus(tokens.output, output),
            cached_read: plus(tokens.cached_read, cached_read),
            cache_write: plus(tokens.cache_write, cache_write),
            ..tokens
        }
    }

    fn finish(&mut self) {
        if let Some(kind) = self.current.take() {
            self.close(kind);
        }
    }

    fn close(&mut self, kind: IterationKind) {
        let counts = std::mem::take(&mut self.pending);
        if kind == IterationKind::Compaction {
            let sum = &mut self.compaction;
            sum.input = sum.input.saturating_add(counts.input);
            sum.output = sum.output.saturating_add(counts.output);
            sum.cached_read = sum.cached_read.saturating_add(counts.cached_read);
            sum.cache_write = sum.cache_write.saturating_add(counts.cache_write);
        }
    }
}

/// A sum. An unknown count stays unknown if nothing is added.
fn plus(tokens: Option<u64>, added: u64) -> Option<u64> {
    match (tokens, added) {
        (None, 0) => None,
        (tokens, added) => Some(tokens.unwrap_or(0).saturating_add(added)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The kind of an iteration, or its counts.
    enum Value {
        Kind(&'static str),
        Counts(u64, u64),
    }

    fn added(values: &[Value]) -> (Option<u64>, Option<u64>) {
        let mut iterations = Iterations::default();
        for value in values {
            match value {
                Value::Kind(kind) => iterations.add_kind(Scalar::Text(kind)),
                Value::Counts(input, output) => {
                    iterations.add_number(Field::IterationInput, *input);
                    iterations.add_number(Field::IterationOutput, *output);
                }
            }
        }
        let tokens = iterations.added_to(TokenUsage {
            input: Some(1),
            ..TokenUsage::default()
        });
        (tokens.input, tokens.output)
    }

    #[test]
    fn a_compaction_is_counted_wherever_its_kind_is() {
        use Value::{Counts as N, Kind as K};
        for (values, expected) in [
            (vec![], (Some(1), None)),
            (vec![N(5, 6), K("message")], (Some(1), None)),
            (vec![K("message"), N(5, 6)], (Some(1), None)),
            (vec![N(5, 6), K("compaction")], (Some(6), Some(6))),
            (vec![K("compaction"), N(5, 6)], (Some(6), Some(6))),
            (
                vec![N(5, 6), K("compaction"), N(7, 8), K("message")],
                (Some(6), Some(6)),
            ),
            (
                vec![K("compaction"), N(5, 6), K("message"), N(7, 8)],
                (Some(6), Some(6)),
            ),
            (
                vec![K("message"), N(5, 6), K("compaction"), N(7, 8)],
                (Some(8), Some(8)),
            ),
            (
                vec![N(5, 6), K("advisor_message"), N(7, 8), K("compaction")],
                (Some(8), Some(8)),
            ),
            (
                vec![N(1, 1), K("compaction"), N(2, 2), K("compaction")],
                (Some(4), Some(3)),
            ),
        ] {
            assert_eq!(added(&values), expected);
        }
    }

    #[test]
    fn a_later_breakdown_replaces_an_earlier_one() {
        let mut first = Iterations::default();
        first.add_number(Field::IterationInput, 5);
        first.add_kind(Scalar::Text("compaction"));
        let mut later = Iterations::default();
        later.inherit(first);
        assert_eq!(later, first);
        let mut later = Iterations::default();
        later.add_number(Field::IterationInput, 7);
        later.add_kind(Scalar::Text("compaction"));
        let kept = later;
        later.inherit(first);
        assert_eq!(later, kept);
    }
}
