//! Combines the values that are read from a response.

mod iterations;

use super::field::{Field, TokenList};
use super::response_usage::{
    CacheTokenConvention, OtherModels, ReasoningTokenConvention, ServiceClass, TokenConvention,
    TokenUsage, UnitUsage, service_name,
};
use crate::json::Scalar;
use iterations::Iterations;

/// The values read from a response so far.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct UsageAccumulator {
    pub(super) counted: Counted,
    pub(super) cost: Option<f64>,
    pub(super) service: ServiceClass,
    pub(super) model: Option<String>,
    pub(super) response_id: Option<String>,
    finish_reason: Option<String>,
    /// The status, in APIs that give a finish reason only for unusual ends.
    status: Option<String>,
    /// Whether the last status says that the work is not done yet.
    pub(super) is_pending: bool,
    /// Whether the provider has reported an error.
    pub(super) has_error: bool,
    /// Whether generated content has been read.
    pub(super) has_content: bool,
    /// Whether the last event has been read.
    pub(super) ended: bool,
    /// Whether usage in the current event is ignored, by its type.
    pub(super) is_ignored: bool,
    /// The breakdown in the current event.
    iterations: Iterations,
    /// The breakdown in the events before.
    earlier_iterations: Iterations,
    /// The model of the tools that have one.
    tool_model: Option<String>,
    cache_write_ttl: Option<Ttl>,
    cache_write_amount: Option<u64>,
    modality: Option<Modality>,
    modality_tokens: Option<(TokenList, u64)>,
}

/// The counts read so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) struct Counted {
    pub(super) tokens: TokenUsage,
    /// Not included in `tokens.input`.
    tool_use_input: Option<u64>,
    /// The reported total of input and output tokens.
    total: Option<u64>,
    units: UnitUsage,
    /// Searches of the current event that were counted here, because none are reported.
    searches_in_event: u64,
    /// The most that an event had.
    searches_counted: u64,
    /// What the names of the counts say about cached tokens. An inclusive input takes precedence.
    has_separate_cache: bool,
    has_inclusive_input: bool,
    has_separate_reasoning: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ttl {
    FiveMinutes,
    OneHour,
    Other,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Modality {
    Audio,
    Image,
    Other,
}

impl UsageAccumulator {
    /// Adds a value. Later counts and reasons replace earlier ones, a later model or ID does not.
    pub(super) fn add(
        &mut self,
        field: Field,
        value: Scalar<'_>,
        last_types: &[&str],
        usage_events: &[&str],
    ) {
        match (field, value) {
            (Field::Content, _) => self.has_content = true,
            (Field::LastEvent, _) => self.ended = true,
            (Field::Error, _) => self.has_error = true,
            (Field::Image, _) => self.add_image(),
            (Field::SearchQuery, _) | (Field::ToolAction, Scalar::Text("search")) => {
                self.counted.searches_in_event += 1;
            }
            (Field::ModalityEntry, _) => {
                self.modality = None;
                self.modality_tokens = None;
            }
            (Field::Iteration | Field::ModelTool, _) => {
                self.iterations.begin(field);
            }
            (_, Scalar::Number(number)) => self.add_number(field, number),
            (_, Scalar::Text(text)) => self.add_text(field, text, last_types, usage_events),
            _ => {}
        }
    }

    fn add_text(&mut self, field: Field, text: &str, last_types: &[&str], usage_events: &[&str]) {
        match field {
            Field::EventType => {
                if matches!(text, "image_generation.completed" | "image_edit.completed") {
                    self.add_image();
                }
                self.ended |= last_types.contains(&text);
                self.is_ignored = !usage_events.is_empty() && !usage_events.contains(&text);
            }
            Field::ServingModel => self.model = Some(text.to_owned()),
            Field::Model if self.model.is_none() => self.model = Some(text.to_owned()),
            Field::ResponseId if self.response_id.is_none() => {
                self.response_id = Some(text.to_owned());
            }
            Field::FinishReason => self.finish_reason = Some(text.to_owned()),
            Field::Status if text == "NONE" => {}
            Field::Status => {
                self.is_pending = is_pending(text);
                self.status = (!self.is_pending).then(|| text.to_owned());
            }
            Field::ResourceName => self.is_pending |= text.contains("operations/"),
            Field::ToolModel => self.tool_model = Some(text.to_owned()),
            Field::IterationKind => self.iterations.add_kind(text),
            Field::IterationModel => self.iterations.add_model(text),
            Field::CacheWriteTtl => {
                self.cache_write_ttl = Some(match text {
                    "5m" => Ttl::FiveMinutes,
                    "1h" => Ttl::OneHour,
                    _ => Ttl::Other,
                });
                self.pair_cache_write();
            }
            Field::Modality => {
                self.modality = Some(match text {
                    "AUDIO" | "audio" => Modality::Audio,
                    "IMAGE" | "image" => Modality::Image,
                    _ => Modality::Other,
                });
                self.pair_modality();
            }
            Field::ServiceTier => self.service.tier = service_name(text),
            Field::Geography => self.service.geography = service_name(text),
            Field::Speed => self.service.speed = service_name(text),
            _ => {}
        }
    }

    fn add_image(&mut self) {
        self.has_content = true;
        let images = self.counted.units.images.get_or_insert(0);
        *images = images.saturating_add(1);
    }

    fn add_number(&mut self, field: Field, number: &[u8]) {
        match field {
            Field::Cost => {
                self.cost = float(number).filter(|cost| cost.is_finite());
                return;
            }
            Field::CostTicks => {
                let ticks = float(number).filter(|ticks| ticks.is_finite());
                self.cost = ticks.map(|ticks| ticks / TICKS_PER_DOLLAR);
                return;
            }
            Field::AudioSeconds => {
                let seconds = float(number).filter(|seconds| (0.0..=MAX_SECONDS).contains(seconds));
                // In range, so the cast is exact. A second that has begun counts.
                let seconds = seconds.map(|seconds| seconds.ceil() as u64);
                self.counted.units.audio_seconds = seconds.or(self.counted.units.audio_seconds);
                return;
            }
            _ => {}
        }
        let Some(count) = count(number) else {
            return;
        };
        if self.iterations.add_number(field, count) {
            return;
        }
        let counted = &mut self.counted;
        counted.has_separate_cache |=
            matches!(field, Field::SeparateCachedRead | Field::SeparateCacheWrite);
        counted.has_inclusive_input |= field == Field::InclusiveInput;
        counted.has_separate_reasoning |= field == Field::SeparateReasoning;
        let (tokens, units) = (&mut counted.tokens, &mut counted.units);
        let slot = match field {
            Field::Input | Field::InclusiveInput => &mut tokens.input,
            Field::ToolUseInput => &mut counted.tool_use_input,
            Field::Total => &mut counted.total,
            Field::Output => &mut tokens.output,
            Field::CachedRead | Field::SeparateCachedRead => &mut tokens.cached_read,
            Field::CacheWrite | Field::SeparateCacheWrite => &mut tokens.cache_write,
            Field::CacheWrite5m => &mut tokens.cache_write_5m,
            Field::CacheWrite1h => &mut tokens.cache_write_1h,
            Field::CacheWriteAmount => &mut self.cache_write_amount,
            Field::Reasoning | Field::SeparateReasoning => &mut tokens.reasoning,
            Field::AudioInput => &mut tokens.audio_input,
            Field::CachedAudio => &mut tokens.cached_audio,
            Field::AudioOutput => &mut tokens.audio_output,
            Field::ImageInput => &mut tokens.image_input,
            Field::ImageOutput => &mut tokens.image_output,
            Field::Searches => &mut units.searches,
            Field::Images => &mut units.images,
            Field::Pages => &mut units.pages,
            Field::ModalityTokens(list) => {
                self.modality_tokens = Some((list, count));
                self.pair_modality();
                return;
            }
            _ => return,
        };
        replace(slot, count);
        if field == Field::CacheWriteAmount {
            self.pair_cache_write();
        }
    }

    /// Counts a cache write once both its amount and its lifetime are known.
    fn pair_cache_write(&mut self) {
        if let (Some(ttl), Some(_)) = (self.cache_write_ttl, self.cache_write_amount) {
            let amount = self.cache_write_amount.take();
            self.cache_write_ttl = None;
            match ttl {
                Ttl::FiveMinutes => self.counted.tokens.cache_write_5m = amount,
                Ttl::OneHour => self.counted.tokens.cache_write_1h = amount,
                Ttl::Other => {}
            }
        }
    }

    /// Counts the tokens of a modality once both are known.
    fn pair_modality(&mut self) {
        let (Some(modality), Some((list, count))) = (self.modality, self.modality_tokens) else {
            return;
        };
        let tokens = &mut self.counted.tokens;
        let slot = match (modality, list) {
            (Modality::Audio, TokenList::Input) => &mut tokens.audio_input,
            (Modality::Audio, TokenList::CachedInput) => &mut tokens.cached_audio,
            (Modality::Audio, TokenList::Output) => &mut tokens.audio_output,
            (Modality::Image, TokenList::Input) => &mut tokens.image_input,
            (Modality::Image, TokenList::Output) => &mut tokens.image_output,
            (Modality::Image, TokenList::CachedInput) | (Modality::Other, _) => return,
        };
        replace(slot, count);
    }

    /// Ends the current event. If usage in it is ignored, the counts are those `before` it.
    pub(super) fn end_event(&mut self, before: Counted) {
        let is_ignored = std::mem::take(&mut self.is_ignored);
        let mut iterations = std::mem::take(&mut self.iterations);
        if is_ignored {
            self.counted = before;
        } else {
            iterations.finish();
            iterations.inherit(std::mem::take(&mut self.earlier_iterations));
            self.earlier_iterations = iterations;
        }
        self.counted.end_searches();
    }

    /// The tokens of the model that answered, including those that the provider counts separately.
    pub(super) fn tokens(&mut self, convention: TokenConvention) -> TokenUsage {
        self.end_event(self.counted);
        let counted = &self.counted;
        let input = match (counted.tokens.input, counted.tool_use_input) {
            (Some(input), Some(tool_use)) => Some(input.saturating_add(tool_use)),
            // If nothing is generated, some servers report only a total.
            (None, _) if counted.tokens.output.is_none() => counted.total,
            (input, _) => input,
        };
        let tokens = self.earlier_iterations.of_answering_model(TokenUsage {
            input,
            convention: counted.convention(convention),
            ..counted.tokens
        });
        match counted.reasoning_beside_output() {
            Some(reasoning) => TokenUsage {
                reasoning: Some(reasoning),
                convention: TokenConvention {
                    reasoning: ReasoningTokenConvention::BesideOutput,
                    ..tokens.convention
                },
                ..tokens
            },
            None => tokens,
        }
    }

    /// What the provider bills besides tokens.
    pub(super) fn units(&self) -> UnitUsage {
        let Counted {
            units,
            searches_counted,
            ..
        } = self.counted;
        let counted = (searches_counted > 0).then_some(searches_counted);
        UnitUsage {
            searches: units.searches.or(counted),
            ..units
        }
    }

    /// The tokens of other models. Leaves none.
    pub(super) fn take_other_models(&mut self) -> OtherModels {
        let tool_model = self.tool_model.as_deref();
        self.earlier_iterations.take_other_models(tool_model)
    }

    /// Whether nothing of what a response consists of has been read.
    pub(super) fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Why the model stopped.
    pub(super) fn finish_reason(&self) -> Option<&String> {
        self.finish_reason.as_ref().or(self.status.as_ref())
    }

    /// Why the model stopped. Leaves `None`.
    pub(super) fn take_finish_reason(&mut self) -> Option<String> {
        self.finish_reason.take().or_else(|| self.status.take())
    }

    /// Heap memory in use, in bytes.
    pub(super) fn memory_usage(&self) -> usize {
        let texts = [
            &self.model,
            &self.response_id,
            &self.finish_reason,
            &self.status,
            &self.tool_model,
            &self.service.tier,
            &self.service.geography,
            &self.service.speed,
        ];
        let texts = texts.into_iter().flatten().map(String::capacity);
        let iterations = self.iterations.memory_usage() + self.earlier_iterations.memory_usage();
        iterations + texts.sum::<usize>()
    }
}

impl Counted {
    /// How the counts relate to each other, in an API or by their names.
    fn convention(&self, of_api: TokenConvention) -> TokenConvention {
        TokenConvention {
            cache: if self.has_separate_cache && !self.has_inclusive_input {
                CacheTokenConvention::BesideInput
            } else {
                of_api.cache
            },
            reasoning: if self.has_separate_reasoning {
                ReasoningTokenConvention::BesideOutput
            } else {
                of_api.reasoning
            },
        }
    }

    /// The part of the total that is neither input nor output, if that is the reasoning. OpenAI
    /// includes reasoning in the output. Some compatible servers do not, and some include it only in
    /// the total. With audio, the rest of the total is the audio.
    fn reasoning_beside_output(&self) -> Option<u64> {
        if self.units.audio_seconds.is_some() {
            return None;
        }
        let both = self.tokens.input?.checked_add(self.tokens.output?)?;
        let rest = self.total?.checked_sub(both).filter(|rest| *rest > 0)?;
        let reported = self.tokens.reasoning;
        reported
            .is_none_or(|reported| reported == rest)
            .then_some(rest)
    }

    /// Ends the searches of an event. Later events repeat those of earlier ones.
    fn end_searches(&mut self) {
        let searches = std::mem::take(&mut self.searches_in_event);
        self.searches_counted = self.searches_counted.max(searches);
    }
}

/// Replaces a count by a later one. Counts are cumulative, so a later 0 says nothing.
fn replace(slot: &mut Option<u64>, count: u64) {
    if count > 0 || slot.is_none() {
        *slot = Some(count);
    }
}

/// Whether a status says that the work is not done yet.
fn is_pending(status: &str) -> bool {
    const PENDING: [&str; 14] = [
        "cancelling",
        "created",
        "finalizing",
        "in_progress",
        "in_queue",
        "pending",
        "preparing",
        "processing",
        "queued",
        "running",
        "starting",
        "submitted",
        "validating",
        "validating_files",
    ];
    PENDING
        .iter()
        .any(|pending| pending.eq_ignore_ascii_case(status))
}

/// xAI's unit of costs.
const TICKS_PER_DOLLAR: f64 = 1e10;

/// Far more than any recording has.
const MAX_SECONDS: f64 = 1e9;

/// A token count, which may be written as `12.0` or `1e2`. `None` for an impossibly large one, which
/// would spoil every sum it is added to.
fn count(number: &[u8]) -> Option<u64> {
    const MAX: u64 = 1_000_000_000_000;
    let append = |count: u64, digit: &u8| 10 * count + u64::from(digit - b'0');
    let count = match number {
        [.., _] if number.len() <= MAX_DIGITS && number.iter().all(u8::is_ascii_digit) => {
            number.iter().fold(0, append)
        }
        _ => {
            let float = float(number)?;
            let is_integer = (0.0..=MAX as f64).contains(&float) && float.fract() == 0.0;
            // In range and an integer, so the cast is exact.
            is_integer.then_some(float as u64)?
        }
    };
    (count <= MAX).then_some(count)
}

/// The longest decimal that always fits a `u64`.
const MAX_DIGITS: usize = 19;

fn float(number: &[u8]) -> Option<f64> {
    std::str::from_utf8(number).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tokens for these values.
    fn tokens_of(numbers: [(Field, &str); 4]) -> TokenUsage {
        let mut accumulator = UsageAccumulator::default();
        for (field, number) in numbers {
            accumulator.add(field, Scalar::Number(number.as_bytes()), &[], &[]);
        }
        accumulator.tokens(TokenConvention::default())
    }

    #[test]
    fn a_total_alone_is_the_input_if_nothing_is_generated() {
        let mut accumulator = UsageAccumulator::default();
        accumulator.add(Field::Total, Scalar::Number(b"26"), &[], &[]);
        let tokens = accumulator.tokens(TokenConvention::default());
        assert_eq!((tokens.input, tokens.output), (Some(26), None));
        accumulator.add(Field::Output, Scalar::Number(b"6"), &[], &[]);
        assert_eq!(accumulator.tokens(TokenConvention::default()).input, None);
    }

    #[test]
    fn the_total_decides_whether_the_output_includes_reasoning() {
        for (output, reasoning, total, total_output, all_reasoning) in [
            ("50", "20", "150", 50, Some(20)),
            ("50", "20", "170", 70, Some(20)),
            ("0", "60", "160", 60, Some(60)),
            ("50", "null", "170", 70, Some(20)),
            ("50", "null", "150", 50, None),
            ("50", "20", "171", 50, Some(20)),
            ("50", "20", "100", 50, Some(20)),
            ("50", "20", "null", 50, Some(20)),
            ("50", "0", "150", 50, Some(0)),
        ] {
            let tokens = tokens_of([
                (Field::Input, "100"),
                (Field::Output, output),
                (Field::Reasoning, reasoning),
                (Field::Total, total),
            ]);
            let case = format!("{output} {reasoning} {total}");
            assert_eq!(tokens.total_output(), Some(total_output), "{case}");
            assert_eq!(tokens.total_input(), Some(100), "{case}");
            assert_eq!(tokens.reasoning, all_reasoning, "{case}");
        }
    }

    #[test]
    fn counts_are_integers_and_not_negative() {
        for (number, expected) in [
            ("0", Some(0)),
            ("1000000000000", Some(1_000_000_000_000)),
            ("9999999999999999999", None),
            ("18446744073709551615", None),
            ("00000000000000000000012", Some(12)),
            ("", None),
            ("12.0", Some(12)),
            ("1e2", Some(100)),
            ("-1", None),
            ("1.5", None),
            ("1e300", None),
            ("-inf", None),
        ] {
            assert_eq!(count(number.as_bytes()), expected, "{number}");
        }
    }
}
