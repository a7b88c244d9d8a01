//! What the gateway counts and logs, and by what names: those of OpenTelemetry's semantic conventions
//! for generative AI where there are any.
//!
//! A metric's name ([`metric`]) begins with its labels, `label=.=value;.;`, which `stats_tags` in the host's
//! configuration take out of it. Label values are words of the code and of the configuration; of
//! what clients and providers say only models, and of these a limited number.

pub mod counters;
pub mod high_water_marks;
mod label;
mod log_field;
pub mod metric;
mod models;
pub mod usage_totals;

use std::time::Duration;

use crate::base::shared_data::SharedData;
use crate::models::price::Cost;
use crate::usage::response_usage::{IncompleteReason, TokenUsage};
pub use log_field::{LogField, LogFields};
pub use metric::{Labels, Measurement, Metric};
use metric::{ModelLabel, TokenType};

/// All that is known of one forwarded request, or of one that was answered here.
#[derive(Clone, PartialEq, Debug, Default)]
#[allow(missing_docs, reason = "the fields are what they are called")]
pub struct AccessLogEntry {
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

impl AccessLogEntry {
    /// Hands on what is measured of a request for this model.
    pub fn measure(
        &self,
        model: ModelLabel,
        labels: &mut Labels,
        take: &mut impl FnMut(Measurement),
    ) {
        let set = labels.of_request(&self.provider, self.system, self.operation, model);
        let mut measure = |metric, value: Option<u64>| {
            if let Some(value) = value {
                take(Measurement { metric, value });
            }
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
    }

    /// The label value of the model that answered, or else that was asked for.
    pub fn model_label(&self, labels: &mut Labels, shared_data: &dyn SharedData) -> ModelLabel {
        let model = self.response_model.as_ref();
        let model = model.or(self.requested_model.as_ref());
        labels.model(model.map(String::as_str), shared_data)
    }

    /// What the access log is told: of the fields that are wanted those that are known.
    pub fn fields(&self, wanted: LogFields) -> Vec<(&'static str, String)> {
        if wanted.is_empty() {
            return Vec::new();
        }
        let word = |word: &str| (!word.is_empty()).then(|| word.to_owned());
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        let time = |time: Option<Duration>| number(time.map(milliseconds));
        let tokens = &self.tokens;
        let mut fields = Vec::with_capacity(LogField::ALL.len());
        for field in LogField::ALL.into_iter().filter(|it| wanted.contains(*it)) {
            let value = match field {
                LogField::Provider => word(&self.provider),
                LogField::System => word(self.system),
                LogField::Operation => word(self.operation),
                LogField::Subject => self.subject.clone(),
                LogField::Issuer => self.issuer.clone(),
                LogField::Claims => self.claims.clone(),
                LogField::Conversation => self.conversation.clone(),
                LogField::RequestModel => self.requested_model.clone(),
                LogField::ResponseModel => self.response_model.clone(),
                LogField::ResponseId => self.response_id.clone(),
                LogField::FinishReasons => self.finish_reason.clone(),
                LogField::InputTokens => number(tokens.total_input()),
                LogField::OutputTokens => number(tokens.total_output()),
                LogField::CacheReadTokens => number(tokens.cached_read),
                LogField::CacheWriteTokens => number(tokens.cache_write()),
                LogField::ReasoningTokens => number(tokens.reasoning),
                LogField::Cost => self.cost.map(|cost| cost.to_string()),
                LogField::ReportedCost => self.reported_cost.map(|cost| cost.to_string()),
                LogField::TimeToFirstToken => time(self.time_to_first_token),
                LogField::TimePerOutputToken => time(self.time_per_output_token),
                LogField::UsageIncomplete => self.incomplete.map(|why| why.code().to_owned()),
            };
            fields.extend(value.map(|value| (field.name(), value)));
        }
        fields
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
    let operations: [(&[u8], &str); 18] = [
        (b"chat/completions", "chat"),
        (b"completions", "text_completion"),
        (b"messages", "chat"),
        (b"responses", "chat"),
        (b"embeddings", "embeddings"),
        (b"mbedContent", "embeddings"),
        (b"mbedContents", "embeddings"),
        (b"enerateContent", "generate_content"),
        (b"interactions", "chat"),
        (b"converse", "chat"),
        (b"converse-stream", "chat"),
        (b"invoke", "text_completion"),
        (b"invoke-with-response-stream", "text_completion"),
        (b"images/generations", "image_generation"),
        (b"images/edits", "image_generation"),
        (b"api/chat", "chat"),
        (b"api/generate", "text_completion"),
        (b"api/embed", "embeddings"),
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
