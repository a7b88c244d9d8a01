//! The usage of a response.

use crate::base::time::UnixTime;

/// What a response reported.
#[derive(Clone, PartialEq, Debug)]
pub struct ResponseUsage {
    /// The reported tokens, possibly only those before the response was cut short.
    pub tokens: TokenUsage,
    /// What the provider bills besides tokens.
    pub units: UnitUsage,
    /// What selects the price.
    pub service: ServiceClass,
    /// The tokens of other models that took part in the response.
    pub other_models: OtherModels,
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
    /// Input tokens that are audio, cached or not.
    pub audio_input: Option<u64>,
    /// Input tokens that are audio and were read from a cache.
    pub cached_audio: Option<u64>,
    /// Output tokens that are audio.
    pub audio_output: Option<u64>,
    /// Input tokens that are an image.
    pub image_input: Option<u64>,
    /// Output tokens that are an image.
    pub image_output: Option<u64>,
    /// How the counts relate to each other.
    pub convention: TokenConvention,
}

/// What a provider bills besides tokens. A count that was not reported is `None`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct UnitUsage {
    /// Web searches, or Cohere's search units.
    pub searches: Option<u64>,
    /// Generated or embedded images.
    pub images: Option<u64>,
    /// Pages of documents that were read.
    pub pages: Option<u64>,
    /// Seconds of audio that were read.
    pub audio_seconds: Option<u64>,
}

/// What selects the price of a response, in lower case. `None` if it is not reported or is what the
/// provider does by default.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ServiceClass {
    /// The service tier, such as `flex`.
    pub tier: Option<String>,
    /// Where the model ran, such as `us`.
    pub geography: Option<String>,
    /// The speed, such as `fast`.
    pub speed: Option<String>,
}

/// The tokens of the models that took part in a response besides the one that answered.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct OtherModels {
    /// The tokens by model, at most [`Self::MAX`].
    pub models: Vec<(String, TokenUsage)>,
    /// Whether there are tokens of which the model is not known.
    pub has_unknown: bool,
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
    /// The provider reported an error after it had begun to answer.
    UpstreamError,
    /// The work is done later, so the response has no usage yet.
    Background,
}

impl ResponseUsage {
    /// Whether anything was reported.
    pub const fn is_reported(&self) -> bool {
        self.tokens.is_reported() || self.units.is_reported()
    }
}

impl OtherModels {
    /// How many models are told apart.
    pub const MAX: usize = 4;

    /// Adds tokens of a model.
    pub fn add(&mut self, model: Option<&str>, tokens: TokenUsage) {
        let Some(model) = model else {
            self.has_unknown = true;
            return;
        };
        if let Some((_, sum)) = self.models.iter_mut().find(|(name, _)| name == model) {
            *sum = sum.plus(&tokens);
        } else if self.models.len() < Self::MAX {
            self.models.push((model.to_owned(), tokens));
        } else {
            self.has_unknown = true;
        }
    }

    /// Heap memory in use, in bytes.
    pub fn memory_usage(&self) -> usize {
        let names = self.models.iter().map(|(name, _)| name.capacity());
        self.models.capacity() * size_of::<(String, TokenUsage)>() + names.sum::<usize>()
    }
}

impl UnitUsage {
    /// Whether anything was reported.
    pub const fn is_reported(&self) -> bool {
        self.searches.is_some()
            || self.images.is_some()
            || self.pages.is_some()
            || self.audio_seconds.is_some()
    }
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
            audio_input: self.audio_input.or(other.audio_input),
            cached_audio: self.cached_audio.or(other.cached_audio),
            audio_output: self.audio_output.or(other.audio_output),
            image_input: self.image_input.or(other.image_input),
            image_output: self.image_output.or(other.image_output),
            convention: self.convention,
        }
    }

    /// The sums of the counts that an iteration has.
    fn plus(self, other: &Self) -> Self {
        let plus = |one: Option<u64>, more: Option<u64>| {
            one.or(more)?;
            Some(sum(one, more))
        };
        Self {
            input: plus(self.input, other.input),
            output: plus(self.output, other.output),
            cached_read: plus(self.cached_read, other.cached_read),
            cache_write: plus(self.cache_write, other.cache_write),
            image_output: plus(self.image_output, other.image_output),
            ..self
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

/// No longer names of tiers, places and speeds are kept.
const MAX_SERVICE_NAME: usize = 64;

/// The name of a tier, place or speed as it is in `prices`. `None` for the default.
pub fn service_name(text: &str) -> Option<String> {
    const DEFAULTS: [&str; 8] = [
        "auto",
        "default",
        "global",
        "not_available",
        "on_demand",
        "standard",
        "traffic_type_unspecified",
        "unspecified",
    ];
    let name = text.get(..MAX_SERVICE_NAME).unwrap_or(text);
    let name = name.to_ascii_lowercase();
    if DEFAULTS.contains(&name.as_str()) {
        return None;
    }
    // Vertex AI writes `ON_DEMAND_FLEX`.
    let short = name.strip_prefix("on_demand_");
    Some(short.map_or_else(|| name.clone(), str::to_owned))
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
            Self::UpstreamError => "upstream_error",
            Self::Background => "background",
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
