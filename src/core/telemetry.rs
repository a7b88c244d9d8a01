//! What the gateway counts and logs. The names are those of OpenTelemetry's semantic conventions
//! for generative AI where these have one.
//!
//! A metric's name ([`metric`]) starts with its labels, `label=.=value;.;`, which `stats_tags` in
//! the host's configuration extract from it. Label values come from the code and the configuration.
//! The only ones from clients and providers are models, and their number is limited.

pub mod counters;
pub mod high_water_marks;
mod label;
mod log_field;
mod mcp;
pub mod metric;
mod models;
pub mod usage_totals;

use std::time::Duration;

use crate::base::shared_data::SharedData;
use crate::models::price::{Cost, CostGaps};
use crate::usage::response_usage::{IncompleteReason, TokenUsage};
pub use log_field::{LogField, LogFields};
pub use mcp::McpEntry;
use mcp::logged;
pub use metric::{Labels, Measurement, Metric, ModelBudget};
use metric::{ModelLabel, TokenType};

/// What is known about a request, whether it was forwarded or answered by the gateway.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct AccessLogEntry {
    /// The provider's name.
    pub provider: String,
    /// The provider's kind, as the conventions call it.
    pub system: &'static str,
    /// The operation, as the conventions call it.
    pub operation: &'static str,
    /// The caller's `sub`.
    pub subject: Option<String>,
    /// The `iss` of the caller's token.
    pub issuer: Option<String>,
    /// Other claims of the caller, as a JSON object.
    pub claims: Option<String>,
    /// The conversation's name.
    pub conversation: Option<String>,
    /// The model that the request names.
    pub requested_model: Option<String>,
    /// The model that the response names.
    pub response_model: Option<String>,
    /// The response's id.
    pub response_id: Option<String>,
    /// Why the model stopped.
    pub finish_reason: Option<String>,
    /// The response's status, 0 without a response.
    pub status: u16,
    /// The tokens that the response reports.
    pub tokens: TokenUsage,
    /// The cost of the model that answered, by the configured prices.
    pub cost: Option<Cost>,
    /// What the response reports that no price covers.
    pub cost_gaps: CostGaps,
    /// What other models that took part used.
    pub other_models: Vec<OtherModelUsage>,
    /// The cost that the provider reports, in a unit of its own.
    pub reported_cost: Option<f64>,
    /// Why the usage is incomplete.
    pub incomplete: Option<IncompleteReason>,
    /// The time from the request's head to the end of the response.
    pub duration: Duration,
    /// The time to the first token of a stream.
    pub time_to_first_token: Option<Duration>,
    /// The average time between two tokens of a stream.
    pub time_per_output_token: Option<Duration>,
    /// What is known about a request for an MCP server. It has none of the above about models.
    pub mcp: Option<Box<McpEntry>>,
}

/// What a model used that took part in a response which another model gave.
#[derive(Clone, PartialEq, Debug)]
pub struct OtherModelUsage {
    /// The model.
    pub model: String,
    /// Its tokens.
    pub tokens: TokenUsage,
    /// Its cost by the configured prices.
    pub cost: Option<Cost>,
}

impl AccessLogEntry {
    /// Passes the measurements of a request for this model to `take`.
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
        for (token_type, tokens) in token_counts(&self.tokens) {
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
        for gap in self.cost_gaps.iter() {
            measure(Metric::CostIncomplete(set, gap), Some(1));
        }
    }

    /// Passes the measurements of another model, which has this label, to `take`.
    pub fn measure_other(
        &self,
        other: &OtherModelUsage,
        model: ModelLabel,
        labels: &mut Labels,
        take: &mut impl FnMut(Measurement),
    ) {
        let set = labels.of_request(&self.provider, self.system, self.operation, model);
        for (token_type, tokens) in token_counts(&other.tokens) {
            if let Some(value) = tokens {
                let metric = Metric::Tokens(set, token_type);
                take(Measurement { metric, value });
            }
        }
        if let Some(cost) = other.cost {
            let value = labels.whole_micros(set, cost);
            let metric = Metric::Cost(set);
            take(Measurement { metric, value });
        }
    }

    /// The label of the model in the response, or of the requested model if the response names
    /// none. Only a successful response shows that the model exists.
    pub fn model_label(&self, labels: &mut Labels, shared_data: &dyn SharedData) -> ModelLabel {
        let model = self.response_model.as_ref();
        let model = model.or(self.requested_model.as_ref()).map(String::as_str);
        if (200..300).contains(&self.status) {
            labels.model(model, &self.provider, shared_data)
        } else {
            labels.known_model(model)
        }
    }

    /// The cost of all models together.
    fn total_cost(&self) -> Option<Cost> {
        let others = self.other_models.iter().filter_map(|other| other.cost);
        let costs = self.cost.into_iter().chain(others);
        costs.reduce(|one, other| Cost(one.0.saturating_add(other.0)))
    }

    /// The fields for the access log: those that are wanted and known.
    pub fn fields(&self, wanted: LogFields) -> Vec<(&'static str, String)> {
        if wanted.is_empty() {
            return Vec::new();
        }
        let word = |word: &str| (!word.is_empty()).then(|| word.to_owned());
        let number = |number: Option<u64>| number.map(|number| number.to_string());
        let time = |time: Option<Duration>| number(time.map(milliseconds));
        let tokens = &self.tokens;
        let mcp = self.mcp.as_deref();
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
                LogField::Cost => self.total_cost().map(|cost| cost.to_string()),
                LogField::CostIncomplete => {
                    let gaps = self.cost_gaps;
                    (!gaps.is_empty()).then(|| gaps.to_string())
                }
                LogField::ReportedCost => self.reported_cost.map(|cost| cost.to_string()),
                LogField::TimeToFirstToken => time(self.time_to_first_token),
                LogField::TimePerOutputToken => time(self.time_per_output_token),
                LogField::UsageIncomplete => self.incomplete.map(|why| why.code().to_owned()),
                LogField::McpServer => mcp.map(|mcp| mcp.server.clone()),
                LogField::McpMethod => logged(mcp.and_then(|mcp| mcp.method.as_ref())),
                LogField::McpTool => logged(mcp.and_then(|mcp| mcp.tool.as_ref())),
                LogField::McpVersion => logged(mcp.and_then(|mcp| mcp.version.as_ref())),
                LogField::RpcErrorCode => mcp.and_then(|mcp| mcp.outcome.error_code.clone()),
                LogField::ErrorType => mcp.and_then(McpEntry::error_type),
            };
            fields.extend(value.map(|value| (field.name(), value)));
        }
        fields
    }
}

/// Tokens by type, counted in the same way for every provider.
fn token_counts(tokens: &TokenUsage) -> [(TokenType, Option<u64>); 5] {
    [
        (TokenType::Input, tokens.total_input()),
        (TokenType::Output, tokens.total_output()),
        (TokenType::CachedRead, tokens.cached_read),
        (TokenType::CacheWrite, tokens.cache_write()),
        (TokenType::Reasoning, tokens.reasoning),
    ]
}

fn milliseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
