//! The usage of a response.

use crate::base::time::UnixTime;

/// What a response reported.
#[derive(Clone, PartialEq, Debug)]
pub struct ResponseUsage {
    /// The reported tokens, possibly only those before the response was cut short.
    pub tokens: TokenUsage,
    /// The cost by the provider, in the provider's own unit.
    pub cost: Option<f64>,
    /// Why tokens may be missing. `None` if they are complete.
    pub incomplete: Option<IncompleteReason>,
    /// Whether the response is complete by the rules of its API.
    pub ended: bool,
    /// The model that answered.
    pub model: Option<String>,
    /// The ID of the response.
    pub response_id: Option<String>,
    /// Why the model stopped, as the provider wrote it.
    pub finish_reason: Option<String>,
    /// When its events arrived.
    pub timing: Timing,
}

/// When the events of a stream arrived. Empty for other responses.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Timing {
    /// The first event with generated content.
    pub first_token: Option<UnixTime>,
    /// The last event that was read. In a complete stream that is one of its last events.
    ///
    /// The time per output token is the time between both, divided by the output tokens less one.
    pub last_event: Option<UnixTime>,
}

/// Tokens as reported by a provider. A count that was not reported is `None`, never zero.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TokenUsage {
    /// Input tokens. [`Self::convention`] says whether they include cached ones.
    pub input: Option<u64>,
    /// Output tokens. [`Self::convention`] says whether they include reasoning.
    pub output: Option<u64>,
    /// Input tokens read from a cache.
    pub cached_read: Option<u64>,
    /// Input tokens written to a cache, for any lifetime.
    pub cache_write: Option<u64>,
    /// Input tokens written to a cache for five minutes.
    pub cache_write_5m: Option<u64>,
    /// Input tokens written to a cache for an hour.
    pub cache_write_1h: Option<u64>,
    /// Reasoning tokens.
    pub reasoning: Option<u64>,
    /// How the counts relate to each other.
    pub convention: TokenConvention,
}

/// Which counts of a provider include which.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct TokenConvention {
    /// Whether input tokens include cached ones.
    pub cache: CacheTokenConvention,
    /// Whether output tokens include reasoning.
    pub reasoning: ReasoningTokenConvention,
}

/// Whether input tokens include those read from or written to a cache.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CacheTokenConvention {
    /// They do.
    #[default]
    InsideInput,
    /// They do not.
    BesideInput,
}

/// Whether output tokens include reasoning.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ReasoningTokenConvention {
    /// They do.
    #[default]
    InsideOutput,
    /// They do not.
    BesideOutput,
}

/// Why usage is unknown or incomplete.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[non_exhaustive]
pub enum IncompleteReason {
    /// The client disconnected before the end.
    ClientDisconnect,
    /// The upstream ended the response before it was complete.
    UpstreamReset,
    /// The response is complete and reports no usage.
    NotReported,
    /// The encoding or the format is unsupported or malformed.
    Undecodable,
    /// Reading it would take more memory or time than allowed.
    OverCap,
}

impl TokenUsage {
    /// All input tokens, including cached ones. Comparable across providers.
    pub fn total_input(&self) -> Option<u64> {
        let beside = match self.convention.cache {
            CacheTokenConvention::InsideInput => 0,
            CacheTokenConvention::BesideInput => sum(self.cached_read, self.cache_write()),
        };
        Some(self.input?.saturating_add(beside))
    }

    /// All output tokens, including reasoning. Comparable across providers.
    pub fn total_output(&self) -> Option<u64> {
        match self.convention.reasoning {
            ReasoningTokenConvention::InsideOutput => self.output,
            ReasoningTokenConvention::BesideOutput => {
                self.output.or(self.reasoning)?;
                Some(sum(self.output, self.reasoning))
            }
        }
    }

    /// Input tokens neither read from nor written to a cache.
    pub fn uncached_input(&self) -> Option<u64> {
        let inside = match self.convention.cache {
            CacheTokenConvention::InsideInput => sum(self.cached_read, self.cache_write()),
            CacheTokenConvention::BesideInput => 0,
        };
        Some(self.input?.saturating_sub(inside))
    }

    /// Input tokens written to a cache. The sum by lifetime if only that was reported.
    pub fn cache_write(&self) -> Option<u64> {
        self.cache_write.or_else(|| {
            self.cache_write_5m.or(self.cache_write_1h)?;
            Some(sum(self.cache_write_5m, self.cache_write_1h))
        })
    }

    /// These counts, and those of `other` where they are `None`.
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
    /// A stable code for logs and metrics.
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
    fn totals_are_comparable_across_conventions() {
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
    fn unknown_counts_are_not_zero() {
        let nothing = TokenUsage::default();
        assert_eq!(nothing.total_input(), None);
        assert_eq!(nothing.total_output(), None);
        assert_eq!(nothing.cache_write(), None);
        assert!(!nothing.is_reported());
    }
}
