//! Anthropic's Messages API.
//!
//! A stream's `message_start` has the input and the cache's share of it, its `message_delta` the
//! output and, lately, all of it again: what comes later counts. The output tokens of
//! `message_start` are those of that moment, one or two, and are not taken for the response's.
//!
//! Where the model asked for refuses, another may answer (a server-side fallback): a content block
//! says which. `usage.iterations` lists what the totals are made of, and two things that are not
//! within them: a compaction, which is added, and an advisor, whose tokens have another model's price.

use super::{Dialect, LastEvent, Payload, Watch, members, value};
use crate::usage::json::{Field, Member};
use crate::usage::response_usage::{
    CacheTokenConvention, ReasoningTokenConvention, TokenConvention,
};

/// The dialect.
pub static MESSAGES: Dialect = Dialect {
    name: "messages",
    members: &[
        value("type", Field::EventType),
        value("id", Field::ResponseId),
        value("model", Field::Model),
        value("stop_reason", Field::FinishReason),
        members("usage", USAGE),
        members("message", MESSAGE),
        members("delta", DELTA),
        members("content_block", CONTENT_BLOCK),
    ],
    convention: TokenConvention {
        cache: CacheTokenConvention::BesideInput,
        reasoning: ReasoningTokenConvention::InsideOutput,
    },
    watch: &[
        Watch::Bytes("\"usage\""),
        Watch::Bytes("\"message_stop\""),
        Watch::Bytes("\"fallback\""),
    ],
    reporting: &["message", "message_start", "message_delta"],
    last_event: LastEvent::Types(LAST_TYPES),
    payload: Payload::Plain,
};

/// The types of a stream's last event.
pub const LAST_TYPES: &[&str] = &["message_stop"];

/// What is wanted of `message` in `message_start`.
pub const MESSAGE: &[Member] = &[
    value("id", Field::ResponseId),
    value("model", Field::Model),
    members("usage", USAGE_AT_START),
];

/// What is wanted of `content_block` in `content_block_start`.
pub const CONTENT_BLOCK: &[Member] = &[members("to", &[value("model", Field::ServingModel)])];

/// What is wanted of `delta` in `content_block_delta` and `message_delta`.
pub const DELTA: &[Member] = &[
    value("text", Field::Content),
    value("thinking", Field::Content),
    value("partial_json", Field::Content),
    value("citation", Field::Content),
    value("stop_reason", Field::FinishReason),
];

const USAGE: &[Member] = &[
    value("output_tokens", Field::Output),
    OUTPUT_DETAILS,
    ITERATIONS,
    INPUT,
    CACHED_READ,
    CACHE_WRITE,
    CACHE_WRITE_BY_TTL,
];

const USAGE_AT_START: &[Member] = &[INPUT, CACHED_READ, CACHE_WRITE, CACHE_WRITE_BY_TTL];

const INPUT: Member = value("input_tokens", Field::Input);
const CACHED_READ: Member = value("cache_read_input_tokens", Field::CachedRead);
const CACHE_WRITE: Member = value("cache_creation_input_tokens", Field::CacheWrite);
const CACHE_WRITE_BY_TTL: Member = members("cache_creation", CACHE_CREATION);

/// What the output tokens were spent on.
pub const OUTPUT_DETAILS: Member = members(
    "output_tokens_details",
    &[value("thinking_tokens", Field::Reasoning)],
);

/// The requests that an answer took.
pub const ITERATIONS: Member = members(
    "iterations",
    &[
        value("type", Field::IterationKind),
        value("input_tokens", Field::IterationInput),
        value("output_tokens", Field::IterationOutput),
        value("cache_read_input_tokens", Field::IterationCachedRead),
        value("cache_creation_input_tokens", Field::IterationCacheWrite),
    ],
);

/// What is wanted of `cache_creation`.
pub const CACHE_CREATION: &[Member] = &[
    value("ephemeral_5m_input_tokens", Field::CacheWrite5m),
    value("ephemeral_1h_input_tokens", Field::CacheWrite1h),
];
