//! Combines the values that are read from a response.

mod iterations;

use super::field::Field;
use super::response_usage::{ReasoningTokenConvention, TokenConvention, TokenUsage};
use crate::json::Scalar;
use iterations::Iterations;

/// The values read from a response so far.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct UsageAccumulator {
    pub(super) tokens: TokenUsage,
    /// Not included in `tokens.input`.
    tool_use_input: Option<u64>,
    /// The reported total of input and output tokens.
    total: Option<u64>,
    pub(super) cost: Option<f64>,
    pub(super) model: Option<String>,
    pub(super) response_id: Option<String>,
    finish_reason: Option<String>,
    /// The status, in APIs that give a finish reason only for unusual ends.
    status: Option<String>,
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
    cache_write_ttl: Option<Ttl>,
    cache_write_amount: Option<u64>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Ttl {
    FiveMinutes,
    OneHour,
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
            (_, Scalar::Number(number)) => self.add_number(field, number),
            (Field::IterationKind, kind) => self.iterations.add_kind(kind),
            (Field::EventType, Scalar::Text(kind)) => {
                self.ended |= last_types.contains(&kind);
                self.is_ignored = !usage_events.is_empty() && !usage_events.contains(&kind);
            }
            (Field::ServingModel, Scalar::Text(model)) => self.model = Some(model.to_owned()),
            (Field::Model, Scalar::Text(model)) if self.model.is_none() => {
                self.model = Some(model.to_owned());
            }
            (Field::ResponseId, Scalar::Text(id)) if self.response_id.is_none() => {
                self.response_id = Some(id.to_owned());
            }
            (Field::FinishReason, Scalar::Text(reason)) => {
                self.finish_reason = Some(reason.to_owned());
            }
            (Field::Status, Scalar::Text("in_progress" | "queued" | "NONE")) => {}
            (Field::Status, Scalar::Text(status)) => {
                self.status = Some(status.to_owned());
            }
            (Field::CacheWriteTtl, Scalar::Text(ttl)) => {
                self.cache_write_ttl = Some(match ttl {
                    "5m" => Ttl::FiveMinutes,
                    "1h" => Ttl::OneHour,
                    _ => Ttl::Other,
                });
                self.pair_cache_write();
            }
            _ => {}
        }
    }

    fn add_number(&mut self, field: Field, number: &[u8]) {
        if field == Field::Cost {
            self.cost = float(number).filter(|cost| cost.is_finite());
            return;
        }
        let Some(count) = count(number) else {
            return;
        };
        if self.iterations.add_number(field, count) {
            return;
        }
        let tokens = &mut self.tokens;
        let slot = match field {
            Field::Input => &mut tokens.input,
            Field::ToolUseInput => &mut self.tool_use_input,
            Field::Total => &mut self.total,
            Field::Output => &mut tokens.output,
            Field::CachedRead => &mut tokens.cached_read,
            Field::CacheWrite => &mut tokens.cache_write,
            Field::CacheWrite5m => &mut tokens.cache_write_5m,
            Field::CacheWrite1h => &mut tokens.cache_write_1h,
            Field::CacheWriteAmount => &mut self.cache_write_amount,
            Field::Reasoning => &mut tokens.reasoning,
            _ => return,
        };
        *slot = Some(count);
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
                Ttl::FiveMinutes => self.tokens.cache_write_5m = amount,
                Ttl::OneHour => self.tokens.cache_write_1h = amount,
                Ttl::Other => {}
            }
        }
    }

    /// Ends the current event.
    pub(super) fn end_event(&mut self) {
        let is_ignored = std::mem::take(&mut self.is_ignored);
        let mut iterations = std::mem::take(&mut self.iterations);
        if !is_ignored {
            iterations.inherit(self.earlier_iterations);
            self.earlier_iterations = iterations;
        }
    }

    /// The tokens, including those that the provider counts separately.
    pub(super) fn tokens(&self, convention: TokenConvention) -> TokenUsage {
        let input = match (self.tokens.input, self.tool_use_input) {
            (Some(input), Some(tool_use)) => Some(input.saturating_add(tool_use)),
            // If nothing is generated, some servers report only a total.
            (None, _) if self.tokens.output.is_none() => self.total,
            (input, _) => input,
        };
        let mut iterations = self.iterations;
        iterations.inherit(self.earlier_iterations);
        let tokens = iterations.added_to(TokenUsage {
            input,
            convention,
            ..self.tokens
        });
        match self.reasoning_beside_output() {
            Some(reasoning) => TokenUsage {
                reasoning: Some(reasoning),
                convention: TokenConvention {
                    reasoning: ReasoningTokenConvention::BesideOutput,
                    ..convention
                },
                ..tokens
            },
            None => tokens,
        }
    }

    /// The part of the total that is neither input nor output, if that is the reasoning. OpenAI
    /// includes reasoning in the output. Some compatible servers do not, and some include it only in
    /// the total.
    fn reasoning_beside_output(&self) -> Option<u64> {
        let both = self.tokens.input?.checked_add(self.tokens.output?)?;
        let rest = self.total?.checked_sub(both).filter(|rest| *rest > 0)?;
        let reported = self.tokens.reasoning;
        reported
            .is_none_or(|reported| reported == rest)
            .then_some(rest)
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
        ];
        texts.into_iter().flatten().map(String::capacity).sum()
    }
}

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
