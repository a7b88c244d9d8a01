//! The usage of the requests that a provider made itself to answer, and of tools with a model.

use crate::usage::field::Field;
use crate::usage::response_usage::{
    CacheTokenConvention, OtherModels, ReasoningTokenConvention, TokenConvention, TokenUsage,
};

/// The breakdown of a usage by iteration.
///
/// The totals do not include compactions and advisors. Compactions are added to the totals. An
/// advisor is another model, so its tokens are kept apart. If another model took over (a fallback),
/// so are those of the model that refused, which the totals may include. Of an iteration of an
/// unknown kind it is not known whether the totals include it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Iterations {
    current: Option<Iteration>,
    /// The sum of the compactions.
    compaction: Counts,
    other_models: OtherModels,
    /// The sum of the messages and the fallback.
    included: Counts,
    /// The messages by model.
    messages: OtherModels,
    /// The model that took over.
    fallback: Option<String>,
    /// The sum of the tools whose usage does not name their model.
    unnamed: Counts,
    is_reported: bool,
}

#[derive(Clone, PartialEq, Eq, Debug, Default)]
struct Iteration {
    kind: IterationKind,
    model: Option<String>,
    counts: Counts,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum IterationKind {
    Message,
    /// The message of a model that took over.
    Fallback,
    Compaction,
    /// An advisor, or a tool with a model.
    OtherModel,
    /// Not known here.
    #[default]
    Unknown,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
struct Counts {
    input: u64,
    output: u64,
    cached_read: u64,
    cache_write: u64,
    image_output: u64,
}

impl Iterations {
    /// Begins an iteration, or the usage of a tool. Returns whether the field is one of them.
    pub(super) fn begin(&mut self, field: Field) -> bool {
        let kind = match field {
            Field::Iteration => IterationKind::Unknown,
            Field::ModelTool => IterationKind::OtherModel,
            _ => return false,
        };
        self.finish();
        self.is_reported = true;
        self.current = Some(Iteration {
            kind,
            ..Iteration::default()
        });
        true
    }

    /// Adds the kind of an iteration.
    pub(super) fn add_kind(&mut self, kind: &str) {
        if let Some(current) = &mut self.current {
            current.kind = match kind {
                "message" => IterationKind::Message,
                "fallback_message" => IterationKind::Fallback,
                "compaction" => IterationKind::Compaction,
                "advisor_message" => IterationKind::OtherModel,
                _ => IterationKind::Unknown,
            };
        }
    }

    /// Adds the model of an iteration.
    pub(super) fn add_model(&mut self, model: &str) {
        if let Some(current) = &mut self.current {
            current.model = Some(model.to_owned());
        }
    }

    /// Adds a count of an iteration. Returns whether the field is one.
    pub(super) fn add_number(&mut self, field: Field, count: u64) -> bool {
        let mut ignored = Iteration::default();
        let counts = &mut self.current.as_mut().unwrap_or(&mut ignored).counts;
        let slot = match field {
            Field::IterationInput => &mut counts.input,
            Field::IterationOutput => &mut counts.output,
            Field::IterationCachedRead => &mut counts.cached_read,
            Field::IterationCacheWrite => &mut counts.cache_write,
            Field::IterationImageOutput => &mut counts.image_output,
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

    /// Ends the last iteration.
    pub(super) fn finish(&mut self) {
        let Some(Iteration {
            kind,
            model,
            counts,
        }) = self.current.take()
        else {
            return;
        };
        if counts == Counts::default() {
            return;
        }
        match (kind, model) {
            (IterationKind::Message, model) => {
                self.included.add(counts);
                if let Some(model) = model {
                    self.messages.add(Some(&model), counts.tokens());
                }
            }
            (IterationKind::Fallback, model) => {
                self.included.add(counts);
                self.fallback = model;
            }
            (IterationKind::Compaction, _) => self.compaction.add(counts),
            (IterationKind::OtherModel, Some(model)) => {
                self.other_models.add(Some(&model), counts.tokens());
            }
            (IterationKind::OtherModel, None) => self.unnamed.add(counts),
            (IterationKind::Unknown, _) => self.other_models.has_unknown = true,
        }
    }

    /// The tokens of the model that answered, including compactions.
    pub(super) fn of_answering_model(&self, totals: TokenUsage) -> TokenUsage {
        let sum = self.compaction;
        let includes_refusals =
            [totals.input, totals.output] == [self.included.input, self.included.output].map(Some);
        let mut refused = Counts::default();
        for tokens in self.refusals().map(|(_, tokens)| tokens) {
            refused.add(Counts::of(tokens));
        }
        if !includes_refusals {
            refused = Counts::default();
        }
        TokenUsage {
            input: plus(totals.input, sum.input, refused.input),
            output: plus(totals.output, sum.output, refused.output),
            cached_read: plus(totals.cached_read, sum.cached_read, refused.cached_read),
            cache_write: plus(totals.cache_write, sum.cache_write, refused.cache_write),
            ..totals
        }
    }

    /// The tokens of the models that refused, if another one took over.
    fn refusals(&self) -> impl Iterator<Item = &(String, TokenUsage)> {
        let took_over = self.fallback.as_ref();
        let messages = self.messages.models.iter();
        messages.filter(move |(model, _)| took_over.is_some_and(|it| it != model))
    }

    /// The tokens of other models. `tool_model` is the model of the tools whose usage names none.
    pub(super) fn take_other_models(&mut self, tool_model: Option<&str>) -> OtherModels {
        let refusals: Vec<_> = self.refusals().cloned().collect();
        for (model, tokens) in refusals {
            self.other_models.add(Some(&model), tokens);
        }
        let unnamed = std::mem::take(&mut self.unnamed);
        if unnamed != Counts::default() {
            self.other_models.add(tool_model, unnamed.tokens());
        }
        std::mem::take(&mut self.other_models)
    }

    /// Heap memory in use, in bytes.
    pub(super) fn memory_usage(&self) -> usize {
        let current = self.current.as_ref().and_then(|it| it.model.as_ref());
        let names = [current, self.fallback.as_ref()];
        let names = names.into_iter().flatten().map(String::capacity);
        self.other_models.memory_usage() + self.messages.memory_usage() + names.sum::<usize>()
    }
}

impl Counts {
    fn add(&mut self, other: Self) {
        self.input = self.input.saturating_add(other.input);
        self.output = self.output.saturating_add(other.output);
        self.cached_read = self.cached_read.saturating_add(other.cached_read);
        self.cache_write = self.cache_write.saturating_add(other.cache_write);
        self.image_output = self.image_output.saturating_add(other.image_output);
    }

    fn of(tokens: &TokenUsage) -> Self {
        Self {
            input: tokens.input.unwrap_or(0),
            output: tokens.output.unwrap_or(0),
            cached_read: tokens.cached_read.unwrap_or(0),
            cache_write: tokens.cache_write.unwrap_or(0),
            image_output: tokens.image_output.unwrap_or(0),
        }
    }

    fn tokens(self) -> TokenUsage {
        let some = |count: u64| (count > 0).then_some(count);
        TokenUsage {
            input: Some(self.input),
            output: Some(self.output),
            cached_read: some(self.cached_read),
            cache_write: some(self.cache_write),
            image_output: some(self.image_output),
            convention: TokenConvention {
                cache: CacheTokenConvention::BesideInput,
                reasoning: ReasoningTokenConvention::InsideOutput,
            },
            ..TokenUsage::default()
        }
    }
}

/// The tokens with others added and removed. An unknown count stays unknown if nothing is added.
fn plus(tokens: Option<u64>, added: u64, removed: u64) -> Option<u64> {
    match (tokens, added) {
        (None, 0) => None,
        (tokens, added) => {
            let sum = tokens.unwrap_or(0).saturating_add(added);
            Some(sum.saturating_sub(removed))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A value of an iteration.
    #[derive(Clone, Copy)]
    enum Value {
        Begin,
        Kind(&'static str),
        Model(&'static str),
        Counts(u64, u64),
    }

    use Value::{Begin as B, Counts as N, Kind as K, Model as M};

    fn read(values: &[Value]) -> Iterations {
        let mut iterations = Iterations::default();
        for value in values {
            match value {
                Value::Begin => assert!(iterations.begin(Field::Iteration)),
                Value::Kind(kind) => iterations.add_kind(kind),
                Value::Model(model) => iterations.add_model(model),
                Value::Counts(input, output) => {
                    iterations.add_number(Field::IterationInput, *input);
                    iterations.add_number(Field::IterationOutput, *output);
                }
            }
        }
        iterations.finish();
        iterations
    }

    #[test]
    fn a_compaction_is_counted_wherever_its_kind_is() {
        for (values, expected) in [
            (vec![], (Some(1), None)),
            (vec![B, N(5, 6), K("message")], (Some(1), None)),
            (vec![B, K("message"), N(5, 6)], (Some(1), None)),
            (vec![B, N(5, 6), K("compaction")], (Some(6), Some(6))),
            (vec![B, K("compaction"), N(5, 6)], (Some(6), Some(6))),
            (
                vec![B, N(5, 6), K("compaction"), B, N(7, 8), K("message")],
                (Some(6), Some(6)),
            ),
            (
                vec![B, K("message"), N(5, 6), B, K("compaction"), N(7, 8)],
                (Some(8), Some(8)),
            ),
            (
                vec![
                    B,
                    N(5, 6),
                    K("advisor_message"),
                    B,
                    N(7, 8),
                    K("compaction"),
                ],
                (Some(8), Some(8)),
            ),
            (
                vec![B, N(1, 1), K("compaction"), B, N(2, 2), K("compaction")],
                (Some(4), Some(3)),
            ),
        ] {
            let tokens = read(&values).of_answering_model(TokenUsage {
                input: Some(1),
                ..TokenUsage::default()
            });
            assert_eq!((tokens.input, tokens.output), expected);
        }
    }

    #[test]
    fn the_tokens_of_other_models_are_kept_apart() {
        let mut iterations = read(&[
            B,
            K("message"),
            M("main"),
            N(1, 1),
            B,
            K("advisor_message"),
            M("advisor"),
            N(5, 6),
            B,
            N(7, 8),
            M("advisor"),
            K("advisor_message"),
            B,
            K("advisor_message"),
            M("none"),
            N(0, 0),
        ]);
        let OtherModels {
            models,
            has_unknown,
        } = iterations.take_other_models(None);
        let [(model, tokens)] = &models[..] else {
            panic!("{models:?}")
        };
        assert_eq!(model, "advisor");
        assert_eq!((tokens.input, tokens.output), (Some(12), Some(14)));
        assert!(!has_unknown);
    }

    #[test]
    fn the_tokens_of_a_model_that_refused_are_its_own() {
        let values = [
            B,
            K("message"),
            M("refused"),
            N(31, 9),
            B,
            K("fallback_message"),
            M("took-over"),
            N(33, 70),
        ];
        for (input, output) in [(33, 70), (64, 79)] {
            let mut iterations = read(&values);
            let tokens = iterations.of_answering_model(TokenUsage {
                input: Some(input),
                output: Some(output),
                ..TokenUsage::default()
            });
            assert_eq!((tokens.input, tokens.output), (Some(33), Some(70)));
            let others = iterations.take_other_models(None).models;
            assert_eq!(others.len(), 1);
            assert_eq!(
                (others[0].0.as_str(), others[0].1.input),
                ("refused", Some(31))
            );
        }
    }

    #[test]
    fn an_iteration_of_an_unknown_kind_or_model_is_noted() {
        for values in [
            vec![B, K("other_message"), M("m"), N(1, 1)],
            vec![B, K("advisor_message"), N(1, 1)],
        ] {
            assert!(read(&values).take_other_models(None).has_unknown);
        }
        let advisor = vec![B, K("advisor_message"), N(1, 1)];
        let of_tool = read(&advisor).take_other_models(Some("m"));
        assert_eq!(of_tool.models.len(), 1);
        let many: Vec<_> = ["a", "b", "c", "d", "e"]
            .into_iter()
            .flat_map(|model| [B, K("advisor_message"), M(model), N(1, 1)])
            .collect();
        let many = read(&many).take_other_models(None);
        assert_eq!(many.models.len(), OtherModels::MAX);
        assert!(many.has_unknown);
    }

    #[test]
    fn a_later_breakdown_replaces_an_earlier_one() {
        let first = read(&[B, N(5, 0), K("compaction")]);
        let mut later = Iterations::default();
        later.inherit(first.clone());
        assert_eq!(later, first);
        let mut later = read(&[B, N(7, 0), K("compaction")]);
        let kept = later.clone();
        later.inherit(first);
        assert_eq!(later, kept);
    }
}
