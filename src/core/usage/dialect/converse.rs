//! Bedrock's Converse and ConverseStream.
//!
//! The type of an event is in the headers of its message. `metadata` is the last event. The model is
//! reported only by a prompt router.

use super::{Dialect, LastEvent, Marker, Payload, members, value};
use crate::usage::field::{Field, Member};
use crate::usage::response_usage::{
    CacheTokenConvention, ReasoningTokenConvention, TokenConvention,
};

/// The dialect.
pub static CONVERSE: Dialect = Dialect {
    name: "converse",
    members: &[
        value("stopReason", Field::FinishReason),
        members("usage", USAGE),
        members("serviceTier", &[value("type", Field::ServiceTier)]),
        members("performanceConfig", &[value("latency", Field::Speed)]),
        members(
            "delta",
            &[
                value("text", Field::Content),
                members("toolUse", &[value("input", Field::Content)]),
                members("reasoningContent", &[value("text", Field::Content)]),
            ],
        ),
        members(
            "trace",
            &[members(
                "promptRouter",
                &[value("invokedModelId", Field::Model)],
            )],
        ),
    ],
    convention: TokenConvention {
        cache: CacheTokenConvention::BesideInput,
        reasoning: ReasoningTokenConvention::InsideOutput,
    },
    markers: &[Marker::Bytes("\"usage\""), Marker::Bytes("\"stopReason\"")],
    usage_events: &[],
    last_event: LastEvent::Types(&["metadata"]),
    payload: Payload::Plain,
};

const USAGE: &[Member] = &[
    value("inputTokens", Field::Input),
    value("outputTokens", Field::Output),
    value("cacheReadInputTokens", Field::CachedRead),
    value("cacheWriteInputTokens", Field::CacheWrite),
    members(
        "cacheDetails",
        &[
            value("ttl", Field::CacheWriteTtl),
            value("inputTokens", Field::CacheWriteAmount),
        ],
    ),
];
