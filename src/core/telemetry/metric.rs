//! The metrics: their names, their labels, and what is measured by them.
//!
//! Whatever is measured is named by a small key, [`Metric`]; its name is put together once, when
//! the host defines it.

use super::label::label_value;
pub use super::models::ModelLabel;
use super::models::Models;
use crate::base::hash::FxHashMap;
use crate::base::shared_data::SharedData;
use crate::models::price::Cost;
use crate::usage::response_usage::IncompleteReason;

/// Something to be measured.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Measurement {
    /// By what it is measured.
    pub metric: Metric,
    /// What is added to a counter, taken into a histogram, or what a gauge is set to.
    pub value: u64,
}

/// A metric with its labels.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Metric {
    /// Requests that were forwarded, by the response's status; 0 where there was none.
    Requests(LabelSet, u16),
    /// How long they took, in milliseconds.
    RequestDuration(LabelSet),
    /// Tokens for each request that reported them; the host keeps two digits of each number.
    TokenUsage(LabelSet, TokenType),
    /// All tokens together, to the last one.
    Tokens(LabelSet, TokenType),
    /// Milliseconds until a stream's first token.
    TimeToFirstToken(LabelSet),
    /// Milliseconds between a stream's tokens.
    TimePerOutputToken(LabelSet),
    /// What they cost, in millionths of the currency's unit.
    Cost(LabelSet),
    /// Responses whose usage is not, or not wholly, known.
    UsageUnknown(LabelSet, IncompleteReason),
    /// Requests that were refused, by the rejection's code.
    Refusals(&'static str),
    /// Requests that came with a token or should have.
    Authentications(TokenVerdict),
    /// Tokens that passed, by whether they were remembered.
    TokenCacheLookups(Lookup),
    /// FetchCounts of an issuer's keys.
    KeyFetches(LabelSet, Outcome),
    /// Seconds since an issuer's keys were last fetched, by whichever worker.
    KeyAge(LabelSet),
    /// 1 where an issuer's keys are past their time, since they could not be fetched anew, else 0.
    KeysStale(LabelSet),
    /// Requests that wait for a fetch now, in all workers together.
    WaitingRequests,
    /// Configurations that were refused, by the place of their first problem.
    ConfigurationsRefused(LabelSet),
    /// FetchCounts of a provider's AWS credentials.
    CredentialFetches(LabelSet, Outcome),
    /// Seconds until a provider's AWS credentials end; 0 once they have.
    CredentialExpiry(LabelSet),
}

/// How values of a metric are put together.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// They are added.
    Counter,
    /// The last one counts.
    Gauge,
    /// Their distribution is kept.
    Histogram,
}

/// The tokens that are told apart, as they are comparable across providers.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "the variants are what they are called")]
pub enum TokenType {
    Input,
    Output,
    CachedRead,
    CacheWrite,
    Reasoning,
}

/// What became of a caller's token.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TokenVerdict {
    /// It passed.
    Accepted,
    /// It did not, or there was none; [`Metric::Refusals`] has the reasons.
    Refused,
    /// It could not be checked: the issuer's keys cannot be had.
    Unavailable,
}

/// What became of a look-up in a cache.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "the variants are what they are called")]
pub enum Lookup {
    Hit,
    Miss,
}

/// What became of a fetch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs, reason = "the variants are what they are called")]
pub enum Outcome {
    Succeeded,
    Failed,
}

/// Labels with their values, by their place in [`Labels`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LabelSet(usize);

/// All labels whose values are not words of the code.
pub struct Labels {
    sets: Vec<String>,
    /// What a counter of whole millionths does not have yet, in billionths.
    cost_left: FxHashMap<LabelSet, u64>,
    models: Models,
    of_requests: FxHashMap<String, OfProvider>,
}

type OfProvider = FxHashMap<(&'static str, ModelLabel), LabelSet>;

impl Metric {
    /// How its values are put together.
    pub const fn kind(self) -> Kind {
        match self {
            Self::Requests(..)
            | Self::Tokens(..)
            | Self::Cost(_)
            | Self::UsageUnknown(..)
            | Self::Refusals(_)
            | Self::Authentications(_)
            | Self::TokenCacheLookups(_)
            | Self::KeyFetches(..)
            | Self::ConfigurationsRefused(_)
            | Self::CredentialFetches(..) => Kind::Counter,
            Self::KeyAge(_)
            | Self::KeysStale(_)
            | Self::WaitingRequests
            | Self::CredentialExpiry(_) => Kind::Gauge,
            Self::RequestDuration(_)
            | Self::TokenUsage(..)
            | Self::TimeToFirstToken(_)
            | Self::TimePerOutputToken(_) => Kind::Histogram,
        }
    }

    /// Its labels and name.
    pub fn name(self, labels: &Labels) -> String {
        let with = |set: LabelSet, label: &str, name: &str| {
            let set = labels.sets.get(set.0).map_or("", String::as_str);
            format!("{set}{label}{name}")
        };
        match self {
            Self::Requests(set, status) => {
                let status = one_label("status", &status.to_string());
                with(set, &status, "ai_gateway_requests")
            }
            Self::RequestDuration(set) => with(set, "", "gen_ai_server_request_duration"),
            Self::TokenUsage(set, token_type) => {
                let token_type = one_label("token_type", token_type.code());
                with(set, &token_type, "gen_ai_client_token_usage")
            }
            Self::Tokens(set, token_type) => {
                let token_type = one_label("token_type", token_type.code());
                with(set, &token_type, "ai_gateway_tokens")
            }
            Self::TimeToFirstToken(set) => with(set, "", "gen_ai_server_time_to_first_token"),
            Self::TimePerOutputToken(set) => with(set, "", "gen_ai_server_time_per_output_token"),
            Self::Cost(set) => with(set, "", "gen_ai_cost"),
            Self::UsageUnknown(set, reason) => {
                let reason = one_label("reason", reason.code());
                with(set, &reason, "ai_gateway_usage_unknown")
            }
            Self::Refusals(code) => one_label("code", code) + "ai_gateway_refusals",
            Self::Authentications(outcome) => {
                one_label("outcome", outcome.code()) + "ai_gateway_authentications"
            }
            Self::TokenCacheLookups(lookup) => {
                one_label("outcome", lookup.code()) + "ai_gateway_token_cache_lookups"
            }
            Self::KeyFetches(set, outcome) => {
                let outcome = one_label("outcome", outcome.code());
                with(set, &outcome, "ai_gateway_jwks_fetches")
            }
            Self::KeyAge(set) => with(set, "", "ai_gateway_jwks_age_seconds"),
            Self::KeysStale(set) => with(set, "", "ai_gateway_jwks_stale"),
            Self::WaitingRequests => "ai_gateway_waiting_requests".to_owned(),
            Self::ConfigurationsRefused(set) => with(set, "", "ai_gateway_configurations_refused"),
            Self::CredentialFetches(set, outcome) => {
                let outcome = one_label("outcome", outcome.code());
                with(set, &outcome, "ai_gateway_credential_fetches")
            }
            Self::CredentialExpiry(set) => {
                with(set, "", "ai_gateway_credential_expires_in_seconds")
            }
        }
    }
}

impl TokenType {
    /// The label value.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Input => "input",
            Self::Output => "output",
            Self::CachedRead => "cached_read",
            Self::CacheWrite => "cache_write",
            Self::Reasoning => "reasoning",
        }
    }
}

impl TokenVerdict {
    const fn code(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Refused => "refused",
            Self::Unavailable => "unavailable",
        }
    }
}

impl Lookup {
    const fn code(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
        }
    }
}

impl Outcome {
    const fn code(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

impl Labels {
    /// Up to `max_models` models get a label value of their own, besides the `known` ones.
    pub fn new<'a>(
        known: impl Iterator<Item = &'a str>,
        max_models: usize,
        shared_data: &dyn SharedData,
    ) -> Self {
        Self {
            sets: Vec::new(),
            cost_left: FxHashMap::default(),
            models: Models::new(known, max_models, shared_data),
            of_requests: FxHashMap::default(),
        }
    }

    /// A set of one label.
    pub fn one(&mut self, label: &str, value: &str) -> LabelSet {
        let set = one_label(label, &label_value(value));
        self.add(set)
    }

    /// A model's label value; of those that clients make up a limited number.
    pub fn model(&mut self, name: Option<&str>, shared_data: &dyn SharedData) -> ModelLabel {
        self.models.label(name, shared_data)
    }

    /// What stands in a label for a model.
    pub fn model_value(&self, model: ModelLabel) -> &str {
        self.models.value(model)
    }

    /// The labels of requests for a model of a provider.
    pub fn of_request(
        &mut self,
        provider: &str,
        system: &str,
        operation: &'static str,
        model: ModelLabel,
    ) -> LabelSet {
        let key = (operation, model);
        let known = self.of_requests.get(provider).and_then(|of| of.get(&key));
        if let Some(set) = known {
            return *set;
        }
        let text = [
            one_label("provider", provider),
            one_label("system", system),
            one_label("operation", operation),
            one_label("model", self.model_value(model)),
        ]
        .concat();
        let set = self.add(text);
        let of_provider = self.of_requests.entry(provider.to_owned()).or_default();
        of_provider.insert(key, set);
        set
    }

    /// A cost in whole millionths; what is left over comes with a later one.
    pub fn whole_micros(&mut self, set: LabelSet, cost: Cost) -> u64 {
        let left = self.cost_left.entry(set).or_default();
        let nanos = left.saturating_add(cost.0);
        *left = nanos % 1000;
        nanos / 1000
    }

    fn add(&mut self, set: String) -> LabelSet {
        self.sets.push(set);
        LabelSet(self.sets.len() - 1)
    }
}

/// A label as it stands in a metric's name.
fn one_label(label: &str, value: &str) -> String {
    format!("{label}=.={value};.;")
}
