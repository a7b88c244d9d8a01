//! What can be wanted of a document, and what of it is found.

/// A member that is wanted, by name.
#[derive(Debug)]
pub struct Member {
    /// The name.
    pub name: &'static str,
    /// What is wanted of its value.
    pub wanted: Wanted,
}

/// What is wanted of a value. Arrays are transparent: it is wanted of each of their elements.
#[derive(Clone, Copy, Debug)]
pub enum Wanted {
    /// The value itself.
    Value(Field),
    /// These members of it.
    Members(&'static [Member]),
}

/// What a wanted value means.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Field {
    /// The model that answered.
    Model,
    /// The model that answered instead of the one that was named before.
    ServingModel,
    /// The response's id.
    ResponseId,
    /// Why the model stopped.
    FinishReason,
    /// How the response fares, where a finish reason is given for unusual ends only.
    Status,
    /// The kind of event.
    EventType,
    /// Something that the model generated, a token at least.
    Content,
    /// Anything that stands in a stream's last event only.
    LastEvent,
    /// Input tokens.
    Input,
    /// Input tokens that the results of the provider's own tools cost, beside [`Self::Input`].
    ToolUseInput,
    /// Output tokens.
    Output,
    /// Input and output tokens, and what a server counts beside both.
    Total,
    /// Input tokens read from a cache.
    CachedRead,
    /// Input tokens written to a cache.
    CacheWrite,
    /// Those of them that are kept for five minutes.
    CacheWrite5m,
    /// Those of them that are kept for an hour.
    CacheWrite1h,
    /// How long the tokens of the next or the last [`Self::CacheWriteAmount`] are kept: `5m`, `1h`.
    CacheWriteTtl,
    /// Tokens written to a cache for the time that a [`Self::CacheWriteTtl`] beside it says.
    CacheWriteAmount,
    /// What one of the requests was for that a provider made for itself on the way.
    IterationKind,
    /// Its input tokens.
    IterationInput,
    /// Its output tokens.
    IterationOutput,
    /// Its input tokens read from a cache.
    IterationCachedRead,
    /// Its input tokens written to a cache.
    IterationCacheWrite,
    /// Reasoning tokens.
    Reasoning,
    /// What the provider says that it cost, in its own unit.
    Cost,
}

/// A wanted value.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Scalar<'a> {
    /// A string, its escapes resolved; never empty.
    Text(&'a str),
    /// A number, as written.
    Number(&'a [u8]),
    /// Any other value but `null`, `false`, an empty string and an empty array.
    Other,
}
