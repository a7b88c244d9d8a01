//! What the gateway counts and logs, and by what names: those of OpenTelemetry's semantic conventions
//! for generative AI where there are any.
//!
//! A metric's name begins with its labels, `label=.=value;.;`, which `stats_tags` in the host's
//! configuration take out of it. Label values are words of the code and of the configuration; of
//! what clients and providers say only models, and of these a limited number.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::usage::report::{IncompleteReason, TokenUsage};

/// All that is known of one forwarded request.
#[derive(Clone, PartialEq, Debug, Default)]
#[allow(missing_docs, reason = "the fields are what they are called")]
pub struct Record {
    pub provider: String,
    /// The provider's kind, in the conventions' words.
    pub system: &'static str,
    pub operation: &'static str,
    pub subject: Option<String>,
    pub requested_model: Option<String>,
    pub response_model: Option<String>,
    pub response_id: Option<String>,
    pub finish_reason: Option<String>,
    pub status: u16,
    pub tokens: TokenUsage,
    /// Why the tokens are not all that there are.
    pub incomplete: Option<IncompleteReason>,
    pub duration: Duration,
    pub time_to_first_token: Option<Duration>,
    pub time_per_output_token: Option<Duration>,
}

/// Something to be measured.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Measurement {
    /// Labels and name.
    pub name: String,
    /// The value, and how values of that name are put together.
    pub value: Value,
}

/// A value, and how values are put together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Value {
    /// They are added.
    Count(u64),
    /// Their distribution is kept.
    Sample(u64),
}

/// The models that have a label value of their own.
#[derive(Default)]
pub struct ModelLabels(BTreeSet<String>);

/// More models than this are counted as `other`: clients choose their names.
const MAX_MODELS: usize = 100;

/// The label value of what has none of its own.
const OTHER: &str = "other";

/// Counts one refused request.
pub fn refusal(code: &str) -> Measurement {
    Measurement {
        name: format!("code=.={code};.;ai_gateway_refusals"),
        value: Value::Count(1),
    }
}

impl Record {
    /// What is measured of a request.
    pub fn measurements(&self, models: &mut ModelLabels) -> Vec<Measurement> {
        let model = self
            .response_model
            .as_ref()
            .or(self.requested_model.as_ref());
        let model = model.map_or_else(|| "unknown".to_owned(), |model| models.label(model));
        let labels = format!(
            "provider=.={};.;system=.={};.;operation=.={};.;model=.={model};.;",
            self.provider, self.system, self.operation
        );
        let count = |more: &str, name: &str| Measurement {
            name: format!("{labels}{more}{name}"),
            value: Value::Count(1),
        };
        let sample = |more: &str, name: &str, value: u64| Measurement {
            name: format!("{labels}{more}{name}"),
            value: Value::Sample(value),
        };
        let status = format!("status=.={};.;", self.status);
        let mut measurements = vec![
            count(&status, "ai_gateway_requests"),
            sample(
                "",
                "gen_ai_server_request_duration",
                milliseconds(self.duration),
            ),
        ];
        for (token_type, tokens) in self.token_counts() {
            if let Some(tokens) = tokens {
                let token_type = format!("token_type=.={token_type};.;");
                measurements.push(sample(&token_type, "gen_ai_client_token_usage", tokens));
            }
        }
        if let Some(time) = self.time_to_first_token {
            let name = "gen_ai_server_time_to_first_token";
            measurements.push(sample("", name, milliseconds(time)));
        }
        if let Some(time) = self.time_per_output_token {
            let name = "gen_ai_server_time_per_output_token";
            measurements.push(sample("", name, milliseconds(time)));
        }
        if let Some(reason) = self.incomplete {
            let reason = format!("reason=.={};.;", reason.code());
            measurements.push(count(&reason, "ai_gateway_usage_unknown"));
        }
        measurements
    }

    /// The fields of the access log, each with what is known.
    pub fn fields(&self) -> Vec<(&'static str, String)> {
        let known = |name, value: &Option<String>| Some((name, value.clone()?));
        let number = |name, value: Option<u64>| Some((name, value?.to_string()));
        let time = |name, value: Option<Duration>| number(name, value.map(milliseconds));
        [
            Some(("ai_gateway.provider", self.provider.clone())),
            Some(("gen_ai.provider.name", self.system.to_owned())),
            Some(("gen_ai.operation.name", self.operation.to_owned())),
            known("enduser.id", &self.subject),
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
            time(
                "gen_ai.server.time_to_first_token_ms",
                self.time_to_first_token,
            ),
            self.incomplete
                .map(|reason| ("ai_gateway.usage.incomplete", reason.code().to_owned())),
        ]
        .into_iter()
        .flatten()
        .collect()
    }

    /// Tokens by type, as they are comparable across providers.
    fn token_counts(&self) -> [(&'static str, Option<u64>); 5] {
        [
            ("input", self.tokens.total_input()),
            ("output", self.tokens.total_output()),
            ("cached_read", self.tokens.cached_read),
            ("cache_write", self.tokens.cache_write()),
            ("reasoning", self.tokens.reasoning),
        ]
    }
}

impl ModelLabels {
    /// A model's name as a label value, or `other`.
    fn label(&mut self, model: &str) -> String {
        let is_plain = |character: char| {
            character.is_ascii_alphanumeric()
                || matches!(character, '-' | '_' | '.' | ':' | '/' | '@')
        };
        let label: String = model
            .chars()
            .take(128)
            .map(|character| if is_plain(character) { character } else { '_' })
            .collect();
        if self.0.contains(&label) {
            return label;
        }
        if self.0.len() >= MAX_MODELS {
            return OTHER.to_owned();
        }
        self.0.insert(label.clone());
        label
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
