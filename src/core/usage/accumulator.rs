//! What is found in a response as it is read, brought together.

mod iterations;

use super::json::{Field, Scalar};
use super::response_usage::{ReasoningTokenConvention, TokenConvention, TokenUsage};
use iterations::Iterations;

/// What has been found in a response so far.
#[derive(Clone, PartialEq, Debug, Default)]
pub(super) struct UsageAccumulator {
    pub(super) tokens: TokenUsage,
    /// Beside `tokens.input`.
    tool_use_input: Option<u64>,
    /// Of input and output, where it is told beside them.
    total: Option<u64>,
    pub(super) cost: Option<f64>,
    pub(super) model: Option<String>,
    pub(super) response_id: Option<String>,
    finish_reason: Option<String>,
    /// What an API says that has a reason only for the unusual ends.
    status: Option<String>,
    /// A token has come.
    pub(super) content: bool,
    /// The last event has come.
    pub(super) ended: bool,
    /// The event being read is none whose usage counts.
    pub(super) is_foreign: bool,
    /// Of the event being read, and of those before.
    iterations: Iterations,
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
    /// Notes a value. Counts and reasons are replaced, since what comes later counts more; the
    /// model and the id are not.
    pub(super) fn note(
        &mut self,
        field: Field,
        value: Scalar<'_>,
        last_types: &[&str],
        reporting: &[&str],
    ) {
        match (field, value) {
            (Field::Content, _) => self.content = true,
            (Field::LastEvent, _) => self.ended = true,
            (_, Scalar::Number(number)) => self.note_number(field, number),
            (Field::IterationKind, kind) => self.iterations.note_kind(kind),
            (Field::EventType, Scalar::Text(kind)) => {
                self.ended |= last_types.contains(&kind);
                self.is_foreign = !reporting.is_empty() && !reporting.contains(&kind);
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

    fn note_number(&mut self, field: Field, number: &[u8]) {
        if field == Field::Cost {
            self.cost = float(number).filter(|cost| cost.is_finite());
            return;
        }
        let Some(count) = count(number) else {
            return;
        };
        if self.iterations.note_number(field, count) {
            return;
        }
        let tokens = &mut self.tokens;
        let place = match field {
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
        *place = Some(count);
        if field == Field::CacheWriteAmount {
            self.pair_cache_write();
        }
    }

    /// Counts an amount whose time is known.
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

    /// Takes an event's end.
    pub(super) fn event_end(&mut self) {
        let is_foreign = std::mem::take(&mut self.is_foreign);
        let mut iterations = std::mem::take(&mut self.iterations);
        if !is_foreign {
            iterations.replace(self.earlier_iterations);
            self.earlier_iterations = iterations;
        }
    }

    /// The tokens, those counted elsewhere by the provider put where they belong.
    pub(super) fn tokens(&self, convention: TokenConvention) -> TokenUsage {
        let input = match (self.tokens.input, self.tool_use_input) {
            (Some(input), Some(more)) => Some(input.saturating_add(more)),
            // Where nothing is generated some servers tell of a total alone.
            (None, _) if self.tokens.output.is_none() => self.total,
            (input, _) => input,
        };
        let mut iterations = self.iterations;
        iterations.replace(self.earlier_iterations);
        let tokens = iterations.added_to(TokenUsage {
            input,
            convention,
            ..self.tokens
        });
        match self.beside_output() {
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

    /// What a total has beyond input and output, where that is the reasoning: some servers of an
    /// API that counts it within the output count it beside, and some tell of it in the total alone.
    fn beside_output(&self) -> Option<u64> {
        let told = self.tokens.input?.checked_add(self.tokens.output?)?;
        let more = self.total?.checked_sub(told).filter(|more| *more > 0)?;
        let is_reasoning = self.tokens.reasoning.is_none_or(|told| told == more);
        is_reasoning.then_some(more)
    }

    /// Why the model stopped.
    pub(super) fn finish_reason(&self) -> Option<&String> {
        self.finish_reason.as_ref().or(self.status.as_ref())
    }

    /// The same, taken out.
    pub(super) fn take_finish_reason(&mut self) -> Option<String> {
        self.finish_reason.take().or_else(|| self.status.take())
    }

    /// Bytes that it holds in memory.
    pub(super) fn held(&self) -> usize {
        let texts = [
            &self.model,
            &self.response_id,
            &self.finish_reason,
            &self.status,
        ];
        texts.into_iter().flatten().map(String::capacity).sum()
    }
}

/// A number of tokens, also where it is written as `12.0` or `1e2`. More than any response can have
/// is none: one such number would spoil every sum that it goes into.
fn count(number: &[u8]) -> Option<u64> {
    const MOST: u64 = 1_000_000_000_000;
    let append = |count: u64, digit: &u8| 10 * count + u64::from(digit - b'0');
    let count = match number {
        [.., _] if number.len() <= DIGITS && number.iter().all(u8::is_ascii_digit) => {
            number.iter().fold(0, append)
        }
        _ => {
            let float = float(number)?;
            let is_whole = (0.0..=MOST as f64).contains(&float) && float.fract() == 0.0;
            // In range and whole, so that nothing is cut off.
            is_whole.then_some(float as u64)?
        }
    };
    (count <= MOST).then_some(count)
}

/// So many digits are a number of 64 bits, whatever they are.
const DIGITS: usize = 19;

fn float(number: &[u8]) -> Option<f64> {
    std::str::from_utf8(number).ok()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The numbers of a usage, noted; what they are.
    fn noted(numbers: [(Field, &str); 4]) -> TokenUsage {
        let mut accumulator = UsageAccumulator::default();
        for (field, number) in numbers {
            accumulator.note(field, Scalar::Number(number.as_bytes()), &[], &[]);
        }
        accumulator.tokens(TokenConvention::default())
    }

    #[test]
    fn a_total_alone_is_the_input_of_what_generates_nothing() {
        let mut accumulator = UsageAccumulator::default();
        accumulator.note(Field::Total, Scalar::Number(b"26"), &[], &[]);
        let tokens = accumulator.tokens(TokenConvention::default());
        assert_eq!((tokens.input, tokens.output), (Some(26), None));
        accumulator.note(Field::Output, Scalar::Number(b"6"), &[], &[]);
        assert_eq!(accumulator.tokens(TokenConvention::default()).input, None);
    }

    #[test]
    fn reasoning_is_beside_the_output_where_the_total_says_so() {
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
            let tokens = noted([
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
    fn counts_are_whole_and_not_negative() {
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
