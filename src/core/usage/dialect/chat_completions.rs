//! OpenAI's chat completions, legacy completions and embeddings, and compatible servers.
//!
//! Usage can be in any chunk: in a separate one without choices (`stream_options.include_usage`), in
//! the last one with choices, or in each (vLLM's `continuous_usage_stats`). It is `null` in the
//! others. Groq repeats it in `x_groq`. OpenRouter adds the cost. DeepSeek, Moonshot, Mistral,
//! Databricks and Alibaba have their own names for cached tokens.
//!
//! OpenAI includes reasoning in the output tokens, xAI does not, and Google includes it in the total
//! only. So the total decides. Voyage reports only a total. A stream ends with `[DONE]`, which some
//! servers omit.

use super::{Dialect, LastEvent, Marker, Payload, members, value};
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
    ],
    convention: TokenConvention {
        cache: CacheTokenConvention::InsideInput,
        reasoning: ReasoningTokenConvention::InsideOutput,
    },
    markers: &[
        Marker::Member("\"usage\""),
        Marker::Member("\"finish_reason\""),
    ],
    usage_events: &[],
    last_event: LastEvent::FinishReason,
    payload: Payload::Plain,
};

const CHOICE: &[Member] = &[
    value("finish_reason", Field::FinishReason),
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
    value("cost", Field::Cost),
    members("prompt_tokens_details", INPUT_DETAILS),
    members("prompt_token_details", INPUT_DETAILS),
    members(
        "completion_tokens_details",
        &[value("reasoning_tokens", Field::Reasoning)],
    ),
];

const INPUT_DETAILS: &[Member] = &[
    value("cached_tokens", Field::CachedRead),
    value("cache_write_tokens", Field::CacheWrite),
    value("cache_creation_input_tokens", Field::CacheWrite),
];
