//! What can be read from a response.

use crate::json;

/// A member of a response that is read.
pub type Member = json::Member<Field>;

/// What a value in a response means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// The model that answered.
    Model,
    /// The model that answered instead of the one reported before.
    ServingModel,
    /// The ID of the response.
    ResponseId,
    /// Why the model stopped.
    FinishReason,
    /// The status of the response, in APIs that give a finish reason only for unusual ends.
    Status,
    /// The type of an event.
    EventType,
    /// Generated content, at least one token.
    Content,
    /// Anything that only the last event of a stream has.
    LastEvent,
    /// Input tokens.
    Input,
    /// Input tokens for the results of the provider's own tools, not included in [`Self::Input`].
    ToolUseInput,
    /// Output tokens.
    Output,
    /// Input and output tokens, and what some servers count in addition to both.
    Total,
    /// Input tokens read from a cache.
    CachedRead,
    /// Input tokens written to a cache.
    CacheWrite,
    /// Input tokens written to a cache for five minutes.
    CacheWrite5m,
    /// Input tokens written to a cache for an hour.
    CacheWrite1h,
    /// The lifetime, `5m` or `1h`, of the next or the previous [`Self::CacheWriteAmount`].
    CacheWriteTtl,
    /// Input tokens written to a cache for the lifetime in the [`Self::CacheWriteTtl`] beside it.
    CacheWriteAmount,
    /// The type of an iteration: a request that the provider made itself to answer.
    IterationKind,
    /// Input tokens of an iteration.
    IterationInput,
    /// Output tokens of an iteration.
    IterationOutput,
    /// Input tokens of an iteration that were read from a cache.
    IterationCachedRead,
    /// Input tokens of an iteration that were written to a cache.
    IterationCacheWrite,
    /// Reasoning tokens.
    Reasoning,
    /// The cost by the provider, in the provider's own unit.
    Cost,
}
