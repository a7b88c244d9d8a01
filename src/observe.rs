//! What the gateway counts and logs, and by what names: those of OpenTelemetry's semantic conventions
//! for generative AI where there are any.
//!
//! A metric's name ([`metric`]) begins with its labels, `label=.=value;.;`, which `stats_tags` in the host's
//! configuration take out of it. Label values are words of the code and of the configuration; of
//! what clients and providers say only models, and of these a limited number.

pub mod metric;
pub mod tally;

use std::time::Duration;

use crate::price::Cost;
use crate::usage::report::{IncompleteReason, TokenUsage};
pub use metric::{Labels, Measurement, Metric};
use metric::{ModelLabel, TokenType};

/// All that is known of one forwarded request, or of one that was answered here.
#[derive(Clone, PartialEq, Debug, Default)]
#[allow(missing_docs, reason = "the fields are what they are called")]
pub struct Record {
    pub provider: String,
    /// The provider's kind, in the conventions' words.
    pub system: &'static str,
    pub operation: &'static str,
    pub subject: Option<String>,
    pub issuer: Option<String>,
    /// More of the caller's claims, as a JSON object.
    pub claims: Option<String>,
    pub conversation: Option<String>,
    pub requested_model: Option<String>,
    pub response_model: Option<String>,
    pub response_id: Option<String>,
    pub finish_reason: Option<String>,
    pub status: u16,
    pub tokens: TokenUsage,
    /// What they cost, where the operator says so.
    pub cost: Option<Cost>,
    /// What the provider says that they cost, in a unit of its own.
    pub reported_cost: Option<f64>,
    /// Why the tokens are not all that there are.
    pub incomplete: Option<IncompleteReason>,
    pub duration: Duration,
    pub time_to_first_token: Option<Duration>,
    pub time_per_output_token: Option<Duration>,
}

/// What has no name of its own.
const OTHER: &str = "other";

impl Record {
    /// What is measured of a request.
    pub fn measurements(&self, labels: &mut Labels) -> Vec<Measurement> {
        let model = self.model_label(labels);
        let set = labels.of_request(&self.provider, self.system, self.operation, model);
        let mut measurements = Vec::with_capacity(12);
        let mut measure = |metric, value: Option<u64>| {
            measurements.extend(value.map(|value| Measurement { metric, value }));
        };
        measure(Metric::Requests(set, self.status), Some(1));
        let duration = milliseconds(self.duration);
        measure(Metric::RequestDuration(set), Some(duration));
        for (token_type, tokens) in self.token_counts() {
            measure(Metric::TokenUsage(set, token_type), tokens);
            measure(Metric::Tokens(set, token_type), tokens);
        }
        let time = self.time_to_first_token.map(milliseconds);
        measure(Metric::TimeToFirstToken(set), time);
        let time = self.time_per_output_token.map(milliseconds);
        measure(Metric::TimePerOutputToken(set), time);
        let cost = self.cost.map(|cost| labels.whole_micros(set, cost));
        measure(Metric::Cost(set), cost);
        if let Some(reason) = self.incomplete {
            measure(Metric::UsageUnknown(set, reason), Some(1));
        }
        measurements
    }

    /// The label value of the model that answered, or else that was asked for.
    pub fn model_label(&self, labels: &mut Labels) -> ModelLabel {
        let model = self.response_model.as_ref();
        labels.model(model.or(self.requested_model.as_ref()).map(String::as_str))
    }

    /// The fields of the access log, each with what is known.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let known = |name, value: &Option<String>| Some((name, value.clone()?));
        let word = |name, value: &str| (!value.is_empty()).then(|| (name, value.to_owned()));
        let number = |name, value: Option<u64>| Some((name, value?.to_string()));
        let time = |name, value: Option<Duration>| number(name, value.map(milliseconds));
        [
            word("ai_gateway.provider", &self.provider),
            word("gen_ai.provider.name", self.system),
            word("gen_ai.operation.name", self.operation),
            known("enduser.id", &self.subject),
            known("ai_gateway.issuer", &self.issuer),
            known("ai_gateway.claims", &self.claims),
            known("gen_ai.conversation.id", &self.conversation),
            known("gen_ai.request.model", &self.requested_model),
            known("gen_ai.response.model", &self.response_model),
            known("gen_ai.response.id", &self.response_id),
            known("gen_ai.response.finish_reasons", &self.finish_reason),
            number("gen_ai.usage.input_tokens", self.tokens.total_input()),
            number("gen_ai.usage.output_tokens", self.tokens.total_output()),
            number(
                "gen_ai.usage.cache_read.input_tokens",
                self.tokens.cached_read,
            ),
            number(
                "gen_ai.usage.cache_creation.input_tokens",
                self.tokens.cache_write(),
            ),
            number(
                "gen_ai.usage.reasoning.output_tokens",
                self.tokens.reasoning,
            ),
            self.cost.map(|cost| ("gen_ai.cost", cost.to_string())),
            self.reported_cost
                .map(|cost| ("gen_ai.cost.reported", cost.to_string())),
            time(
                "gen_ai.server.time_to_first_token_ms",
                self.time_to_first_token,
            ),
            time(
                "gen_ai.server.time_per_output_token_ms",
                self.time_per_output_token,
            ),
            self.incomplete
                .map(|reason| ("ai_gateway.usage.incomplete", reason.code().to_owned())),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Tokens by type, as they are comparable across providers.
    fn token_counts(&self) -> [(TokenType, Option<u64>); 5] {
        [
            (TokenType::Input, self.tokens.total_input()),
            (TokenType::Output, self.tokens.total_output()),
            (TokenType::CachedRead, self.tokens.cached_read),
            (TokenType::CacheWrite, self.tokens.cache_write()),
            (TokenType::Reasoning, self.tokens.reasoning),
        ]
    }
}

/// What is asked of a provider, in the conventions' words, by the path's end.
pub fn operation(path: &[u8]) -> &'static str {
    let operations: [(&[u8], &str); 14] = [
        (b"chat/completions", "chat"),
        (b"completions", "text_completion"),
        (b"messages", "chat"),
        (b"responses", "chat"),
        (b"embeddings", "embeddings"),
        (b"mbedContent", "embeddings"),
        (b"mbedContents", "embeddings"),
        (b"enerateContent", "generate_content"),
        (b"converse", "chat"),
        (b"converse-stream", "chat"),
        (b"invoke", "text_completion"),
        (b"invoke-with-response-stream", "text_completion"),
        (b"images/generations", "image_generation"),
        (b"images/edits", "image_generation"),
    ];
    operations
        .into_iter()
        .find(|(end, _)| path.ends_with(end))
        .map_or(OTHER, |(_, operation)| operation)
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
