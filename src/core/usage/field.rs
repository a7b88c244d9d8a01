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
    /// The name of the response's resource. That of an operation stands for work that is done later.
    ResourceName,
    /// An error of the provider, instead of the rest of the response.
    Error,
    /// The type of an event.
    EventType,
    /// Generated content, at least one token.
    Content,
    /// Anything that only the last event of a stream has.
    LastEvent,
    /// Input tokens.
    Input,
    /// Input tokens, of which the cached ones are a part under any name.
    InclusiveInput,
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
    /// Input tokens read from a cache, which [`Self::Input`] does not include.
    SeparateCachedRead,
    /// Input tokens written to a cache, which [`Self::Input`] does not include.
    SeparateCacheWrite,
    /// Input tokens written to a cache for five minutes.
    CacheWrite5m,
    /// Input tokens written to a cache for an hour.
    CacheWrite1h,
    /// The lifetime, `5m` or `1h`, of the next or the previous [`Self::CacheWriteAmount`].
    CacheWriteTtl,
    /// Input tokens written to a cache for the lifetime in the [`Self::CacheWriteTtl`] beside it.
    CacheWriteAmount,
    /// The beginning of an iteration: a request that the provider made itself to answer.
    Iteration,
    /// The beginning of the usage of a tool that uses a model of its own.
    ModelTool,
    /// The model of such a tool, if its usage does not name it.
    ToolModel,
    /// The type of an iteration.
    IterationKind,
    /// The model of an iteration.
    IterationModel,
    /// Input tokens of an iteration.
    IterationInput,
    /// Output tokens of an iteration.
    IterationOutput,
    /// Input tokens of an iteration that were read from a cache.
    IterationCachedRead,
    /// Input tokens of an iteration that were written to a cache.
    IterationCacheWrite,
    /// Output tokens of an iteration that are an image.
    IterationImageOutput,
    /// Reasoning tokens.
    Reasoning,
    /// Reasoning tokens, which [`Self::Output`] does not include.
    SeparateReasoning,
    /// Input tokens that are audio.
    AudioInput,
    /// Cached input tokens that are audio.
    CachedAudio,
    /// Output tokens that are audio.
    AudioOutput,
    /// Input tokens that are an image.
    ImageInput,
    /// Output tokens that are an image.
    ImageOutput,
    /// The beginning of an element in a list of tokens by modality.
    ModalityEntry,
    /// The modality of such an element.
    Modality,
    /// The tokens of such an element.
    ModalityTokens(TokenList),
    /// Web searches, or Cohere's search units.
    Searches,
    /// One web search.
    SearchQuery,
    /// What a tool of the provider did. `search` is one web search.
    ToolAction,
    /// Images in the response.
    Images,
    /// One image in the response.
    Image,
    /// Pages of documents that were read.
    Pages,
    /// Seconds of audio that were read.
    AudioSeconds,
    /// The service tier that answered.
    ServiceTier,
    /// Where the model ran.
    Geography,
    /// The speed at which the model ran.
    Speed,
    /// The cost by the provider, in the provider's own unit.
    Cost,
    /// The cost by the provider, in ten-billionths of a dollar.
    CostTicks,
}

/// A list of tokens by modality.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenList {
    /// Of the input tokens.
    Input,
    /// Of the cached input tokens.
    CachedInput,
    /// Of the output tokens.
    Output,
}
