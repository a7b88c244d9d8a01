//! What an answer cost in requests that the provider made for itself on the way.

use crate::usage::json::{Field, Scalar};
use crate::usage::response_usage::TokenUsage;

/// The list that a usage breaks down into. Of its entries those of a compaction are counted, which
/// are not within the totals beside the list. An advisor's are not: another model has another price.
///
/// An entry's kind stands before its numbers or behind them, alike in all entries.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Iterations {
    /// Of the entry whose kind came before its numbers.
    open: Option<Kind>,
    /// Numbers whose kind is not known, or of the open entry.
    pending: Amounts,
    compaction: Amounts,
    has_any: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Kind {
    Compaction,
    Other,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Amounts {
    input: u64,
    output: u64,
    cached_read: u64,
    cache_write: u64,
}

impl Iterations {
    /// Notes an entry's kind.
    pub(super) fn note_kind(&mut self, kind: Scalar<'_>) {
        let kind = match kind {
            Scalar::Text("compaction") => Kind::Compaction,
            _ => Kind::Other,
        };
        self.has_any = true;
        let is_behind = self.open.is_none() && self.pending != Amounts::default();
        if is_behind {
            self.close(kind);
        } else {
            self.finish();
            self.open = Some(kind);
        }
    }

    /// Notes a number of an entry; whether it is one.
    pub(super) fn note_number(&mut self, field: Field, count: u64) -> bool {
        let place = match field {
            Field::IterationInput => &mut self.pending.input,
            Field::IterationOutput => &mut self.pending.output,
            Field::IterationCachedRead => &mut self.pending.cached_read,
            Field::IterationCacheWrite => &mut self.pending.cache_write,
            _ => return false,
        };
        *place = count;
        true
    }

    /// Takes the place of what an earlier event listed, unless it listed nothing itself.
    pub(super) fn replace(&mut self, earlier: Self) {
        if !self.has_any {
            *self = earlier;
        }
    }

    /// The tokens, those of compactions added.
    pub(super) fn added_to(mut self, tokens: TokenUsage) -> TokenUsage {
        self.finish();
        let Amounts {
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
        if let Some(kind) = self.open.take() {
            self.close(kind);
        }
    }

    fn close(&mut self, kind: Kind) {
        let amounts = std::mem::take(&mut self.pending);
        if kind == Kind::Compaction {
            let sum = &mut self.compaction;
            sum.input = sum.input.saturating_add(amounts.input);
            sum.output = sum.output.saturating_add(amounts.output);
            sum.cached_read = sum.cached_read.saturating_add(amounts.cached_read);
            sum.cache_write = sum.cache_write.saturating_add(amounts.cache_write);
        }
    }
}

/// A sum; what was unknown stays so where there is nothing to add.
fn plus(tokens: Option<u64>, more: u64) -> Option<u64> {
    match (tokens, more) {
        (None, 0) => None,
        (tokens, more) => Some(tokens.unwrap_or(0).saturating_add(more)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An entry's kind, or the numbers of one.
    enum Said {
        Kind(&'static str),
        Numbers(u64, u64),
    }

    fn added(said: &[Said]) -> (Option<u64>, Option<u64>) {
        let mut iterations = Iterations::default();
        for said in said {
            match said {
                Said::Kind(kind) => iterations.note_kind(Scalar::Text(kind)),
                Said::Numbers(input, output) => {
                    iterations.note_number(Field::IterationInput, *input);
                    iterations.note_number(Field::IterationOutput, *output);
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
    fn a_compaction_is_counted_wherever_its_kind_stands() {
        use Said::{Kind as K, Numbers as N};
        for (said, expected) in [
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
            assert_eq!(added(&said), expected);
        }
    }

    #[test]
    fn a_later_list_takes_the_place_of_an_earlier_one() {
        let mut first = Iterations::default();
        first.note_number(Field::IterationInput, 5);
        first.note_kind(Scalar::Text("compaction"));
        let mut later = Iterations::default();
        later.replace(first);
        assert_eq!(later, first);
        let mut later = Iterations::default();
        later.note_number(Field::IterationInput, 7);
        later.note_kind(Scalar::Text("compaction"));
        let kept = later;
        later.replace(first);
        assert_eq!(later, kept);
    }
}
