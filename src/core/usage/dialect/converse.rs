//! Bedrock's Converse and ConverseStream: camel case, the event's type in its message's headers.
//!
//! Neither says which model answered. `metadata` is a stream's last event.

use super::{Dialect, LastEvent, Payload, Watch, members, value};
use crate::usage::json::{Field, Member};
use crate::usage::response_usage::{
    CacheTokenConvention, ReasoningTokenConvention, TokenConvention,
};

/// The dialect.
pub static CONVERSE: Dialect = Dialect {
    name: "converse",
    members: &[
        value("stopReason", Field::FinishReason),
        members("usage", USAGE),
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
    watch: &[Watch::Bytes("\"usage\""), Watch::Bytes("\"stopReason\"")],
    reporting: &[],
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
