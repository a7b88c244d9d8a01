//! The shapes of all known APIs, for responses to requests whose path is not known.
//!
//! Which counts include which follows from their names: only Anthropic and Bedrock report cached
//! tokens that the input does not include, and only Google reports such reasoning.

use super::chat_completions::{
    BILLED_UNITS, CHOICE, COST, COST_TICKS, INPUT_DETAILS, META, OUTPUT_DETAILS, SEARCHES,
};
use super::messages::{
    CACHE_CREATION, CONTENT_BLOCK, GEOGRAPHY, ITERATIONS, SERVER_TOOL_USE, SERVICE_TIER, SPEED,
};
use super::{
    Dialect, ERROR, ERROR_MARKER, LastEvent, Marker, Payload, generate_content, members, responses,
    value,
};
use crate::usage::field::{Field, Member};
use crate::usage::response_usage::{
    CacheTokenConvention, ReasoningTokenConvention, TokenConvention,
};

/// The dialect.
pub static ANY_SHAPE: Dialect = Dialect {
    name: "any_shape",
    members: &[
        value("type", Field::EventType),
        value("event_type", Field::EventType),
        value("id", Field::ResponseId),
        value("responseId", Field::ResponseId),
        value("model", Field::Model),
        value("modelVersion", Field::Model),
        value("name", Field::ResourceName),
        value("status", Field::Status),
        value("processing_status", Field::Status),
        value("service_tier", Field::ServiceTier),
        ERROR,
        members("usage", USAGE),
        members("usage_info", USAGE),
        members("x_groq", &[members("usage", USAGE)]),
        generate_content::USAGE,
        META,
        // OpenAI
        members("choices", CHOICE),
        members("response", RESPONSE),
        members("data", responses::IMAGES),
        members(
            "incomplete_details",
            &[value("reason", Field::FinishReason)],
        ),
        responses::OUTPUT,
        responses::TOOLS,
        responses::TOOL_USAGE,
        responses::SVG_USAGE,
        // Anthropic, and Cohere's streams
        value("stop_reason", Field::FinishReason),
        members(
            "message",
            &[
                value("id", Field::ResponseId),
                value("model", Field::Model),
                members("usage", USAGE_AT_START),
            ],
        ),
        members("delta", DELTA_OF_ANY),
        members("content_block", CONTENT_BLOCK),
        // Google
        members(
            "candidates",
            &[
                value("finishReason", Field::FinishReason),
                generate_content::GROUNDING,
            ],
        ),
        members("predictions", &[value("bytesBase64Encoded", Field::Image)]),
        members(
            "interaction",
            &[
                value("id", Field::ResponseId),
                value("model", Field::Model),
                value("status", Field::Status),
                members("usage", USAGE),
            ],
        ),
        // Bedrock
        value("stopReason", Field::FinishReason),
        members("metadata", &[members("usage", USAGE)]),
        // Cohere
        value("finish_reason", Field::FinishReason),
        // Ollama, llama.cpp
        value("done_reason", Field::FinishReason),
        value("prompt_eval_count", Field::Input),
        value("eval_count", Field::Output),
        value("tokens_evaluated", Field::Input),
        value("tokens_predicted", Field::Output),
        // watsonx
        members(
            "results",
            &[
                value("input_token_count", Field::Input),
                value("generated_token_count", Field::Output),
                value("stop_reason", Field::FinishReason),
            ],
        ),
    ],
    convention: TokenConvention {
        cache: CacheTokenConvention::InsideInput,
        reasoning: ReasoningTokenConvention::InsideOutput,
    },
    markers: &[
        Marker::Bytes("\"usage"),
        Marker::Bytes("\"meta\""),
        Marker::Bytes("\"billed_units\""),
        Marker::Bytes("eval_count\""),
        Marker::Bytes("tokens_predicted\""),
        Marker::Bytes("finish"),
        Marker::Bytes("stop"),
        Marker::Bytes("\"response."),
        Marker::Bytes("\"interaction."),
        Marker::Bytes("\"conversation."),
        ERROR_MARKER,
    ],
    usage_events: &[],
    last_event: LastEvent::TypesOrFinishReason(&[
        "message_stop",
        "message-end",
        "stream-end",
        "response.completed",
        "response.incomplete",
        "response.failed",
        "response.cancelled",
        "interaction.completed",
        "conversation.response.done",
        "transcript.text.done",
        "transcription.done",
        "speech.audio.done",
        "metadata",
    ]),
    payload: Payload::Plain,
};

/// The members of `response` in events of OpenAI and Cohere.
const RESPONSE: &[Member] = &[
    value("id", Field::ResponseId),
    value("model", Field::Model),
    value("status", Field::Status),
    value("service_tier", Field::ServiceTier),
    value("finish_reason", Field::FinishReason),
    members("usage", USAGE),
    META,
    responses::OUTPUT,
    responses::TOOLS,
    responses::TOOL_USAGE,
    ERROR,
];

/// The members of `delta` in events of Anthropic and Cohere.
const DELTA_OF_ANY: &[Member] = &[
    value("text", Field::Content),
    value("stop_reason", Field::FinishReason),
    value("finish_reason", Field::FinishReason),
    members("usage", USAGE),
];

/// The members of `usage` in the event with which a stream of Anthropic begins. Its output tokens
/// are those until then.
const USAGE_AT_START: &[Member] = &[
    value("input_tokens", Field::Input),
    CACHED_READ,
    CACHE_WRITE,
    CACHE_WRITE_BY_TTL,
    SERVICE_TIER,
    GEOGRAPHY,
    SPEED,
];

const CACHED_READ: Member = value("cache_read_input_tokens", Field::SeparateCachedRead);
const CACHE_WRITE: Member = value("cache_creation_input_tokens", Field::SeparateCacheWrite);
const CACHE_WRITE_BY_TTL: Member = members("cache_creation", CACHE_CREATION);

/// The members of `usage`.
const USAGE: &[Member] = &[
    // OpenAI's chat completions
    value("prompt_tokens", Field::InclusiveInput),
    value("completion_tokens", Field::Output),
    value("total_tokens", Field::Total),
    value("prompt_cache_hit_tokens", Field::CachedRead),
    value("cached_tokens", Field::CachedRead),
    value("num_cached_tokens", Field::CachedRead),
    value("reasoning_tokens", Field::Reasoning),
    members("prompt_tokens_details", INPUT_DETAILS),
    members("prompt_token_details", INPUT_DETAILS),
    members("completion_tokens_details", OUTPUT_DETAILS),
    // OpenAI's responses, and Anthropic
    value("input_tokens", Field::Input),
    value("output_tokens", Field::Output),
    members("input_tokens_details", INPUT_DETAILS),
    members("input_token_details", INPUT_DETAILS),
    members("output_tokens_details", OUTPUT_DETAILS_OF_ANY),
    CACHED_READ,
    CACHE_WRITE,
    CACHE_WRITE_BY_TTL,
    ITERATIONS,
    SERVICE_TIER,
    GEOGRAPHY,
    SPEED,
    // Bedrock
    value("inputTokens", Field::Input),
    value("outputTokens", Field::Output),
    value("cacheReadInputTokens", Field::SeparateCachedRead),
    value("cacheWriteInputTokens", Field::SeparateCacheWrite),
    // Google's interactions
    value("total_input_tokens", Field::InclusiveInput),
    value("total_output_tokens", Field::Output),
    value("total_tool_use_tokens", Field::ToolUseInput),
    value("total_thought_tokens", Field::SeparateReasoning),
    value("total_cached_tokens", Field::CachedRead),
    // Cohere
    BILLED_UNITS,
    // Not tokens
    value("pages_processed", Field::Pages),
    value("seconds", Field::AudioSeconds),
    value("prompt_audio_seconds", Field::AudioSeconds),
    SEARCHES,
    SERVER_TOOL_USE,
    COST,
    COST_TICKS,
];

const OUTPUT_DETAILS_OF_ANY: &[Member] = &[
    value("reasoning_tokens", Field::Reasoning),
    value("thinking_tokens", Field::Reasoning),
    value("audio_tokens", Field::AudioOutput),
    value("image_tokens", Field::ImageOutput),
];
