//! What is known of a response at its end.

use crate::base::time::UnixTime;

/// What a response said of itself.
#[derive(Clone, PartialEq, Debug)]
pub struct ResponseUsage {
    /// The tokens that it reported, all that there are or what had been reported when it was cut.
    pub tokens: TokenUsage,
    /// What the provider said that it cost, in the provider's own unit.
    pub cost: Option<f64>,
    /// Why the tokens are not all that there are; `None` when they are.
    pub incomplete: Option<IncompleteReason>,
    /// Whether the response ended as its dialect wants it, so that nothing is missing.
    pub ended: bool,
    /// The model that answered.
    pub model: Option<String>,
    /// The response's id.
    pub response_id: Option<String>,
    /// Why the model stopped, in the provider's words.
    pub finish_reason: Option<String>,
    /// When its parts came.
    pub timing: Timing,
}

/// When the parts of a response came.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Timing {
    /// The first event that holds something that the model generated; streams only.
    pub first_token: Option<UnixTime>,
    /// The last event that was read; streams only. What a whole stream ends with is read. Divided by the output tokens less one, the time
    /// between the first token and this one is the time per output token.
    pub last_event: Option<UnixTime>,
}

/// Tokens as a provider reported them. What it did not report is `None`, never zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TokenUsage {
    /// Input tokens; whether they include cached ones, [`Self::convention`] says.
    pub input: Option<u64>,
    /// Output tokens; whether they include reasoning, [`Self::convention`] says.
    pub output: Option<u64>,
    /// Input tokens that were read from a cache.
    pub cached_read: Option<u64>,
    /// Input tokens that were written to a cache, for however long.
    pub cache_write: Option<u64>,
    /// Those of them that are kept for five minutes.
    pub cache_write_5m: Option<u64>,
    /// Those of them that are kept for an hour.
    pub cache_write_1h: Option<u64>,
    /// Output tokens that were spent on reasoning.
    pub reasoning: Option<u64>,
    /// How the numbers are to be added.
    pub convention: TokenConvention,
}

/// What a provider counts within what.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TokenConvention {
    /// Where cached input is counted.
    pub cache: CacheTokenConvention,
    /// Where reasoning is counted.
    pub reasoning: ReasoningTokenConvention,
}

/// Where a provider counts the input tokens that it read from or wrote to a cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CacheTokenConvention {
    /// Within the input tokens.
    #[default]
    InsideInput,
    /// Beside them.
    BesideInput,
}

/// Where a provider counts reasoning tokens.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ReasoningTokenConvention {
    /// Within the output tokens.
    #[default]
    InsideOutput,
    /// Beside them.
    BesideOutput,
}

/// Why usage is not, or not wholly, known.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum IncompleteReason {
    /// The client went away before the end.
    ClientDisconnect,
    /// The upstream ended the response before its proper end.
    UpstreamReset,
    /// The response is whole, and says nothing of usage.
    NotReported,
    /// It is in an encoding or a form that is not what it should be.
    Undecodable,
    /// To read it would take more memory or time than a response is given.
    OverCap,
}

impl TokenUsage {
    /// All input tokens, cached ones included: comparable across providers.
    pub fn total_input(&self) -> Option<u64> {
        let beside = match self.convention.cache {
            CacheTokenConvention::InsideInput => 0,
            CacheTokenConvention::BesideInput => sum(self.cached_read, self.cache_write()),
        };
        Some(self.input?.saturating_add(beside))
    }

    /// All output tokens, reasoning included: comparable across providers.
    pub fn total_output(&self) -> Option<u64> {
        match self.convention.reasoning {
            ReasoningTokenConvention::InsideOutput => self.output,
            ReasoningTokenConvention::BesideOutput => {
                self.output.or(self.reasoning)?;
                Some(sum(self.output, self.reasoning))
            }
        }
    }

    /// Input tokens that were neither read from nor written to a cache.
    pub fn uncached_input(&self) -> Option<u64> {
        let inside = match self.convention.cache {
            CacheTokenConvention::InsideInput => sum(self.cached_read, self.cache_write()),
            CacheTokenConvention::BesideInput => 0,
        };
        Some(self.input?.saturating_sub(inside))
    }

    /// Input tokens written to a cache, where only their parts were reported, the parts' sum.
    pub fn cache_write(&self) -> Option<u64> {
        self.cache_write.or_else(|| {
            self.cache_write_5m.or(self.cache_write_1h)?;
            Some(sum(self.cache_write_5m, self.cache_write_1h))
        })
    }

    /// These numbers, and where there are none, those of `other`.
    pub fn or(self, other: Self) -> Self {
        Self {
            input: self.input.or(other.input),
            output: self.output.or(other.output),
            cached_read: self.cached_read.or(other.cached_read),
            cache_write: self.cache_write.or(other.cache_write),
            cache_write_5m: self.cache_write_5m.or(other.cache_write_5m),
            cache_write_1h: self.cache_write_1h.or(other.cache_write_1h),
            reasoning: self.reasoning.or(other.reasoning),
            convention: self.convention,
        }
    }

    /// Whether anything was reported.
    pub const fn is_reported(&self) -> bool {
        self.input.is_some() || self.output.is_some()
    }
}

fn sum(one: Option<u64>, other: Option<u64>) -> u64 {
    one.unwrap_or(0).saturating_add(other.unwrap_or(0))
}

impl IncompleteReason {
    /// A stable word for logs and metrics.
    pub const fn code(self) -> &'static str {
        match self {
            Self::ClientDisconnect => "client_disconnect",
            Self::UpstreamReset => "upstream_reset",
            Self::NotReported => "not_reported",
            Self::Undecodable => "undecodable",
            Self::OverCap => "over_cap",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn totals_compare_across_conventions() {
        let inside = TokenUsage {
            input: Some(100),
            output: Some(50),
            cached_read: Some(60),
            reasoning: Some(20),
            ..TokenUsage::default()
        };
        assert_eq!(inside.total_input(), Some(100));
        assert_eq!(inside.uncached_input(), Some(40));
        assert_eq!(inside.total_output(), Some(50));

        let beside = TokenUsage {
            input: Some(30),
            cache_write_5m: Some(4),
            cache_write_1h: Some(6),
            convention: TokenConvention {
                cache: CacheTokenConvention::BesideInput,
                reasoning: ReasoningTokenConvention::BesideOutput,
            },
            ..inside
        };
        assert_eq!(beside.cache_write(), Some(10));
        assert_eq!(beside.total_input(), Some(100));
        assert_eq!(beside.uncached_input(), Some(30));
        assert_eq!(beside.total_output(), Some(70));
    }

    #[test]
    fn what_is_unknown_is_not_zero() {
        let nothing = TokenUsage::default();
        assert_eq!(nothing.total_input(), None);
        assert_eq!(nothing.total_output(), None);
        assert_eq!(nothing.cache_write(), None);
        assert!(!nothing.is_reported());
    }
}
