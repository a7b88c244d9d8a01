//! Gemini's Interactions API.
//!
//! `interaction.completed` has the usage of a stream. Thoughts are not included in the output tokens,
//! and tool results are not included in the input tokens, as in `generateContent`.

use super::{
    Dialect, ERROR, ERROR_MARKER, LastEvent, Marker, Payload, members, value, value_or_members,
};
use crate::usage::field::{Field, Member, TokenList};
use crate::usage::response_usage::{
    CacheTokenConvention, ReasoningTokenConvention, TokenConvention,
};

/// The dialect.
pub static INTERACTIONS: Dialect = Dialect {
    name: "interactions",
    members: &[
        value("id", Field::ResponseId),
        value("model", Field::Model),
        value("status", Field::Status),
        members("usage", USAGE),
        value("event_type", Field::EventType),
        members(
            "interaction",
            &[
                value("id", Field::ResponseId),
                value("model", Field::Model),
                value("status", Field::Status),
                members("usage", USAGE),
            ],
        ),
        members(
            "delta",
            &[
                value("text", Field::Content),
                value("content", Field::Content),
                value("arguments", Field::Content),
                value("data", Field::Content),
            ],
        ),
        value("service_tier", Field::ServiceTier),
        ERROR,
    ],
    convention: TokenConvention {
        cache: CacheTokenConvention::InsideInput,
        reasoning: ReasoningTokenConvention::BesideOutput,
    },
    markers: &[
        Marker::Bytes("\"usage\""),
        Marker::Bytes("\"interaction.completed\""),
        ERROR_MARKER,
    ],
    usage_events: &[],
    last_event: LastEvent::Types(&["interaction.completed"]),
    payload: Payload::Plain,
};

const USAGE: &[Member] = &[
    value("total_input_tokens", Field::Input),
    value("total_tool_use_tokens", Field::ToolUseInput),
    value("total_output_tokens", Field::Output),
    value("total_thought_tokens", Field::Reasoning),
    value("total_cached_tokens", Field::CachedRead),
    value_or_members(
        "input_tokens_by_modality",
        Field::ModalityEntry,
        &[
            value("modality", Field::Modality),
            value("tokens", Field::ModalityTokens(TokenList::Input)),
        ],
    ),
    value_or_members(
        "cached_tokens_by_modality",
        Field::ModalityEntry,
        &[
            value("modality", Field::Modality),
            value("tokens", Field::ModalityTokens(TokenList::CachedInput)),
        ],
    ),
    value_or_members(
        "output_tokens_by_modality",
        Field::ModalityEntry,
        &[
            value("modality", Field::Modality),
            value("tokens", Field::ModalityTokens(TokenList::Output)),
        ],
    ),
    members("grounding_tool_count", &[value("count", Field::Searches)]),
];
