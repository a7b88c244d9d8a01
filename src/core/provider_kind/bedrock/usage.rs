//! Usage of Bedrock's InvokeModel, whose responses have the shape of the model's own API.
//!
//! InvokeModel also reports usage in response headers, and its stream in the last chunk's
//! `amazon-bedrock-invocationMetrics`, in addition to the model's own chunks.

use crate::usage::HeaderUsage;
use crate::usage::dialect::{Dialect, LastEvent, Payload, members, messages, value};
use crate::usage::field::{Field, Member};
use crate::usage::response_usage::{
    CacheTokenConvention, ReasoningTokenConvention, ServiceClass, TokenConvention, TokenUsage,
    service_name,
};

/// What the headers of InvokeModel's response report.
pub(super) fn reported_in_headers(header: &dyn Fn(&str) -> Option<Vec<u8>>) -> HeaderUsage {
    let count = |name| {
        let digits = header(name)?;
        std::str::from_utf8(&digits).ok()?.trim().parse().ok()
    };
    let name = |header_name| service_name(std::str::from_utf8(&header(header_name)?).ok()?.trim());
    HeaderUsage {
        tokens: TokenUsage {
            input: count("x-amzn-bedrock-input-token-count"),
            output: count("x-amzn-bedrock-output-token-count"),
            cached_read: count("x-amzn-bedrock-cache-read-input-token-count"),
            cache_write: count("x-amzn-bedrock-cache-write-input-token-count"),
            ..TokenUsage::default()
        },
        service: ServiceClass {
            tier: name("x-amzn-bedrock-service-tier"),
            geography: None,
            speed: name("x-amzn-bedrock-performanceconfig-latency"),
        },
    }
}

/// InvokeModel and InvokeModelWithResponseStream, for the models of Anthropic, Amazon (Nova,
/// Titan), Meta, Mistral, DeepSeek and all whose responses have OpenAI's shape.
pub(crate) static INVOKE_MODEL: Dialect = Dialect {
    name: "invoke_model",
    members: &[
        members("amazon-bedrock-invocationMetrics", METRICS),
        value("amazon-bedrock-guardrailAction", Field::Status),
        // Anthropic
        value("type", Field::EventType),
        value("id", Field::ResponseId),
        value("model", Field::Model),
        value("stop_reason", Field::FinishReason),
        members("message", messages::MESSAGE),
        members("delta", messages::DELTA),
        members("content_block", messages::CONTENT_BLOCK),
        // Anthropic, Nova, and as OpenAI
        members("usage", USAGE),
        // Nova
        value("stopReason", Field::FinishReason),
        members("messageStop", &[value("stopReason", Field::FinishReason)]),
        members(
            "contentBlockDelta",
            &[members("delta", &[value("text", Field::Content)])],
        ),
        members("metadata", &[members("usage", USAGE)]),
        // Titan
        value("inputTextTokenCount", Field::Input),
        value("totalOutputTextTokenCount", Field::Output),
        value("completionReason", Field::FinishReason),
        value("outputText", Field::Content),
        members(
            "results",
            &[
                value("tokenCount", Field::Output),
                value("completionReason", Field::FinishReason),
            ],
        ),
        // Meta
        value("prompt_token_count", Field::Input),
        value("generation_token_count", Field::Output),
        value("generation", Field::Content),
        // Mistral, DeepSeek, and as OpenAI
        members("outputs", CHOICE),
        members("choices", CHOICE),
    ],
    convention: TokenConvention {
        cache: CacheTokenConvention::BesideInput,
        reasoning: ReasoningTokenConvention::InsideOutput,
    },
    markers: &[],
    usage_events: &[],
    last_event: LastEvent::Types(&[]),
    payload: Payload::Base64Bytes,
};

const METRICS: &[Member] = &[
    value("inputTokenCount", Field::Input),
    value("outputTokenCount", Field::Output),
    value("cacheReadInputTokenCount", Field::CachedRead),
    value("cacheWriteInputTokenCount", Field::CacheWrite),
    value("invocationLatency", Field::LastEvent),
];

const USAGE: &[Member] = &[
    value("input_tokens", Field::Input),
    value("output_tokens", Field::Output),
    messages::OUTPUT_DETAILS,
    messages::ITERATIONS,
    messages::SERVER_TOOL_USE,
    messages::SERVICE_TIER,
    messages::GEOGRAPHY,
    messages::SPEED,
    value("cache_read_input_tokens", Field::CachedRead),
    value("cache_creation_input_tokens", Field::CacheWrite),
    members("cache_creation", messages::CACHE_CREATION),
    value("inputTokens", Field::Input),
    value("outputTokens", Field::Output),
    value("cacheReadInputTokenCount", Field::CachedRead),
    value("cacheWriteInputTokenCount", Field::CacheWrite),
    value("prompt_tokens", Field::Input),
    value("completion_tokens", Field::Output),
];

const CHOICE: &[Member] = &[
    value("stop_reason", Field::FinishReason),
    value("finish_reason", Field::FinishReason),
    value("text", Field::Content),
    members("delta", &[value("content", Field::Content)]),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_path_determines_the_dialect() {
        let name = |path: &str| {
            let dialect = super::super::PROFILE.operation(path.as_bytes()).dialect();
            dialect.map(|dialect| dialect.name)
        };
        assert_eq!(name("model/m%3A0/converse"), Some("converse"));
        assert_eq!(name("model/m:0/converse-stream"), Some("converse"));
        assert_eq!(name("model/m/invoke"), Some("invoke_model"));
        assert_eq!(
            name("model/arn:aws%2Fm/invoke-with-response-stream"),
            Some("invoke_model")
        );
        assert_eq!(name("model/m/count-tokens"), None);
        assert_eq!(name("inference-profiles"), None);
    }

    #[test]
    fn missing_and_invalid_headers_report_nothing() {
        let header = |name: &str| match name {
            "x-amzn-bedrock-input-token-count" => Some(b"12".to_vec()),
            "x-amzn-bedrock-output-token-count" => Some(b"x".to_vec()),
            "x-amzn-bedrock-service-tier" => Some(b"priority".to_vec()),
            "x-amzn-bedrock-performanceconfig-latency" => Some(b"standard".to_vec()),
            _ => None,
        };
        let expected = HeaderUsage {
            tokens: TokenUsage {
                input: Some(12),
                ..TokenUsage::default()
            },
            service: ServiceClass {
                tier: Some("priority".to_owned()),
                ..ServiceClass::default()
            },
        };
        assert_eq!(reported_in_headers(&header), expected);
    }
}
