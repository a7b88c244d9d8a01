//! Gemini's generateContent, streamGenerateContent and embedContent.
//!
//! Each chunk of a stream has the usage so far, so the last one counts. Thoughts are not included in
//! the output tokens, and tool results are not included in the input tokens. Only a finish reason
//! marks the end of a stream. Without `alt=sse`, a stream is one JSON array. Google bills searches by
//! query, or by response that has any.

use super::{
    Dialect, ERROR, ERROR_MARKER, LastEvent, Marker, Payload, members, value, value_or_members,
};
use crate::usage::field::{Field, Member, TokenList};
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
                GROUNDING,
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
        USAGE,
        ERROR,
    ],
    convention: TokenConvention {
        cache: CacheTokenConvention::InsideInput,
        reasoning: ReasoningTokenConvention::BesideOutput,
    },
    markers: &[
        Marker::Bytes("\"usageMetadata\""),
        Marker::Bytes("\"finishReason\""),
        ERROR_MARKER,
    ],
    usage_events: &[],
    last_event: LastEvent::FinishReason,
    payload: Payload::Plain,
};

/// The searches of a response.
pub(super) const GROUNDING: Member = members(
    "groundingMetadata",
    &[value("webSearchQueries", Field::SearchQuery)],
);

/// The usage.
pub(super) const USAGE: Member = members(
    "usageMetadata",
    &[
        value("promptTokenCount", Field::Input),
        value("toolUsePromptTokenCount", Field::ToolUseInput),
        value("candidatesTokenCount", Field::Output),
        value("thoughtsTokenCount", Field::SeparateReasoning),
        value("cachedContentTokenCount", Field::CachedRead),
        value("trafficType", Field::ServiceTier),
        value("serviceTier", Field::ServiceTier),
        modalities(
            "promptTokensDetails",
            &[
                value("modality", Field::Modality),
                value("tokenCount", Field::ModalityTokens(TokenList::Input)),
            ],
        ),
        modalities(
            "cacheTokensDetails",
            &[
                value("modality", Field::Modality),
                value("tokenCount", Field::ModalityTokens(TokenList::CachedInput)),
            ],
        ),
        modalities(
            "candidatesTokensDetails",
            &[
                value("modality", Field::Modality),
                value("tokenCount", Field::ModalityTokens(TokenList::Output)),
            ],
        ),
    ],
);

/// A list of tokens by modality.
const fn modalities(name: &'static str, entry: &'static [Member]) -> Member {
    value_or_members(name, Field::ModalityEntry, entry)
}
