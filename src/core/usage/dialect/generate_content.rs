//! Gemini's generateContent, streamGenerateContent and embedContent.
//!
//! Each chunk of a stream has the usage so far, so the last one counts. Thoughts are not included in
//! the output tokens, and tool results are not included in the input tokens. Only a finish reason
//! marks the end of a stream. Without `alt=sse`, a stream is one JSON array.

use super::{Dialect, LastEvent, Marker, Payload, members, value};
use crate::usage::field::Field;
use crate::usage::response_usage::{
    CacheTokenConvention, ReasoningTokenConvention, TokenConvention,
};

/// The dialect.
pub static GENERATE_CONTENT: Dialect = Dialect {
    name: "generate_content",
    members: &[
        value("modelVersion", Field::Model),
        value("responseId", Field::ResponseId),
        members(
            "candidates",
            &[
                value("finishReason", Field::FinishReason),
                members(
                    "content",
                    &[members(
                        "parts",
                        &[
                            value("text", Field::Content),
                            value("functionCall", Field::Content),
                            value("inlineData", Field::Content),
                            value("executableCode", Field::Content),
                        ],
                    )],
                ),
            ],
        ),
        members(
            "promptFeedback",
            &[value("blockReason", Field::FinishReason)],
        ),
        members(
            "usageMetadata",
            &[
                value("promptTokenCount", Field::Input),
                value("toolUsePromptTokenCount", Field::ToolUseInput),
                value("candidatesTokenCount", Field::Output),
                value("thoughtsTokenCount", Field::Reasoning),
                value("cachedContentTokenCount", Field::CachedRead),
            ],
        ),
    ],
    convention: TokenConvention {
        cache: CacheTokenConvention::InsideInput,
        reasoning: ReasoningTokenConvention::BesideOutput,
    },
    markers: &[
        Marker::Bytes("\"usageMetadata\""),
        Marker::Bytes("\"finishReason\""),
    ],
    usage_events: &[],
    last_event: LastEvent::FinishReason,
    payload: Payload::Plain,
};
