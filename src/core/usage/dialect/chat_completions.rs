//! OpenAI's chat completions, legacy completions and embeddings, and compatible servers.
//!
//! Usage can be in any chunk: in a separate one without choices (`stream_options.include_usage`), in
//! the last one with choices, or in each (vLLM's `continuous_usage_stats`). It is `null` in the
//! others. Groq repeats it in `x_groq`. OpenRouter adds the cost. DeepSeek, Moonshot, Mistral,
//! Databricks and Alibaba have their own names for cached tokens.
//!
//! OpenAI includes reasoning in the output tokens, xAI does not, and Google includes it in the total
//! only. So the total decides. Voyage reports only a total. A stream ends with `[DONE]`, which some
//! servers omit. Kimi's streams have the usage in the choice. Perplexity's and xAI's usage has the
//! cost, and Cohere's counts are in `meta`.

use super::messages::SERVER_TOOL_USE;
use super::{
    Dialect, ERROR, ERROR_MARKER, LastEvent, Marker, Payload, members, value, value_or_members,
};
use crate::usage::field::{Field, Member};
use crate::usage::response_usage::{
    CacheTokenConvention, ReasoningTokenConvention, TokenConvention,
};

/// The dialect.
pub static CHAT_COMPLETIONS: Dialect = Dialect {
    name: "chat_completions",
    members: &[
        value("id", Field::ResponseId),
        value("model", Field::Model),
        members("choices", CHOICE),
        members("usage", USAGE),
        members("x_groq", &[members("usage", USAGE)]),
        META,
        value("service_tier", Field::ServiceTier),
        ERROR,
    ],
    convention: TokenConvention {
        cache: CacheTokenConvention::InsideInput,
        reasoning: ReasoningTokenConvention::InsideOutput,
    },
    markers: &[
        Marker::Member("\"usage\""),
        Marker::Member("\"finish_reason\""),
        ERROR_MARKER,
    ],
    usage_events: &[],
    last_event: LastEvent::FinishReason,
    payload: Payload::Plain,
};

pub(super) const CHOICE: &[Member] = &[
    value("finish_reason", Field::FinishReason),
    members("usage", USAGE),
    value("text", Field::Content),
    members(
        "delta",
        &[
            value("content", Field::Content),
            value("reasoning_content", Field::Content),
            value("reasoning", Field::Content),
            value("refusal", Field::Content),
            value("tool_calls", Field::Content),
            value("function_call", Field::Content),
            value("audio", Field::Content),
        ],
    ),
];

/// The members of `usage`.
pub(super) const USAGE: &[Member] = &[
    value("prompt_tokens", Field::Input),
    value("completion_tokens", Field::Output),
    value("total_tokens", Field::Total),
    value("prompt_cache_hit_tokens", Field::CachedRead),
    value("cached_tokens", Field::CachedRead),
    value("num_cached_tokens", Field::CachedRead),
    value("cache_read_input_tokens", Field::CachedRead),
    value("reasoning_tokens", Field::Reasoning),
    COST,
    COST_TICKS,
    SEARCHES,
    SERVER_TOOL_USE,
    value("prompt_audio_seconds", Field::AudioSeconds),
    members("prompt_tokens_details", INPUT_DETAILS),
    members("prompt_token_details", INPUT_DETAILS),
    members("completion_tokens_details", OUTPUT_DETAILS),
];

/// The cost: a number, or Perplexity's breakdown.
pub(super) const COST: Member =
    value_or_members("cost", Field::Cost, &[value("total_cost", Field::Cost)]);

/// xAI's cost.
pub(super) const COST_TICKS: Member = value("cost_in_usd_ticks", Field::CostTicks);

/// Perplexity's searches.
pub(super) const SEARCHES: Member = value("num_search_queries", Field::Searches);

/// Cohere's billed units, in `meta` or in `usage`. Its `tokens` include those that are not billed.
pub(super) const BILLED_UNITS: Member = members(
    "billed_units",
    &[
        value("input_tokens", Field::Input),
        value("output_tokens", Field::Output),
        value("search_units", Field::Searches),
        value("images", Field::Images),
        value("pages", Field::Pages),
    ],
);

/// The `meta` of Cohere's embeddings and rerankings.
pub(super) const META: Member = members("meta", &[BILLED_UNITS]);

/// The breakdown of the input tokens.
pub(super) const INPUT_DETAILS: &[Member] = &[
    value("cached_tokens", Field::CachedRead),
    value("cache_write_tokens", Field::CacheWrite),
    value("cache_creation_input_tokens", Field::CacheWrite),
    value("audio_tokens", Field::AudioInput),
    value("image_tokens", Field::ImageInput),
    members(
        "cached_tokens_details",
        &[value("audio_tokens", Field::CachedAudio)],
    ),
];

/// The breakdown of the output tokens.
pub(super) const OUTPUT_DETAILS: &[Member] = &[
    value("reasoning_tokens", Field::Reasoning),
    value("audio_tokens", Field::AudioOutput),
    value("image_tokens", Field::ImageOutput),
];
