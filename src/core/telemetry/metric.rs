//! The metrics, their names and their labels.
//!
//! A measurement contains a small key, [`Metric`]. The metric's name is formatted once, when the
//! host defines the metric.

use super::label::label_value;
use super::models::{MODELS, Models, TOOLS};
pub use super::models::{ModelBudget, ModelLabel};
use crate::base::hash::FxHashMap;
use crate::base::shared_data::SharedData;
use crate::models::price::{Cost, CostGap};
use crate::usage::response_usage::IncompleteReason;

/// A value for a metric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Measurement {
    /// The metric.
    pub metric: Metric,
    /// The value that is added to a counter, recorded in a histogram, or set in a gauge.
    pub value: u64,
}

/// A metric with its labels.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Metric {
    /// Forwarded requests by the response's status, 0 without a response.
    Requests(LabelSet, u16),
    /// The duration of forwarded requests, in milliseconds.
    RequestDuration(LabelSet),
    /// Tokens per request. The host's histogram keeps two digits of each value.
    TokenUsage(LabelSet, TokenType),
    /// The exact total of tokens.
    Tokens(LabelSet, TokenType),
    /// Milliseconds until a stream's first token.
    TimeToFirstToken(LabelSet),
    /// Milliseconds between a stream's tokens.
    TimePerOutputToken(LabelSet),
    /// The cost of the tokens, in millionths of the currency's unit.
    Cost(LabelSet),
    /// Responses whose usage is unknown or incomplete.
    UsageUnknown(LabelSet, IncompleteReason),
    /// Responses with something that no price covers.
    CostIncomplete(LabelSet, CostGap),
    /// Requests that the gateway refused, by error code.
    Refusals(&'static str),
    /// Requests that were authenticated, by the verdict.
    Authentications(TokenVerdict),
    /// Valid tokens, by whether they were in the token cache.
    TokenCacheLookups(CacheLookup),
    /// Fetches of an issuer's keys.
    KeyFetches(LabelSet, FetchOutcome),
    /// Seconds since any worker last fetched an issuer's keys.
    KeyAge(LabelSet),
    /// 1 if an issuer's keys are stale because they could not be fetched again, else 0.
    KeysStale(LabelSet),
    /// Requests that are waiting for a fetch, in all workers together.
    WaitingRequests,
    /// Configurations that were refused, by the JSON path of their first problem.
    ConfigurationsRefused(LabelSet),
    /// Fetches of a provider's AWS credentials.
    CredentialFetches(LabelSet, FetchOutcome),
    /// Seconds until a provider's AWS credentials expire, 0 after that.
    CredentialExpiry(LabelSet),
    /// Requests for MCP servers, by what became of them.
    McpRequests(LabelSet, McpOutcome),
    /// The duration of requests for MCP servers, in milliseconds.
    McpDuration(LabelSet),
    /// Definitions of tools that were not the pinned ones, in the lists of MCP servers.
    McpChangedTools(LabelSet),
}

/// What became of a request for an MCP server.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum McpOutcome {
    /// It succeeded.
    Succeeded,
    /// The tool says that it failed.
    ToolError,
    /// The server answered with a JSON-RPC error.
    RpcError,
    /// The server answered with the status of an error, or not at all.
    HttpError,
}

/// How the host combines the values of a metric.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MetricKind {
    /// It adds them.
    Counter,
    /// It keeps the last one.
    Gauge,
    /// It keeps their distribution.
    Histogram,
}

/// The types of tokens, which are counted in the same way for every provider.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TokenType {
    /// All input tokens.
    Input,
    /// All output tokens.
    Output,
    /// Input tokens that were read from the provider's cache.
    CachedRead,
    /// Input tokens that were written to the provider's cache.
    CacheWrite,
    /// Output tokens that the model used for reasoning.
    Reasoning,
}

/// The result of an authentication.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum TokenVerdict {
    /// The token is valid.
    Accepted,
    /// The token is missing or not valid. [`Metric::Refusals`] has the reasons.
    Refused,
    /// The token cannot be verified because the issuer's keys are not available.
    Unavailable,
}

/// The result of a cache lookup.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum CacheLookup {
    /// The entry was there.
    Hit,
    /// The entry was not there.
    Miss,
}

/// The result of a fetch.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum FetchOutcome {
    /// The document is usable.
    Succeeded,
    /// There is no usable document.
    Failed,
}

/// A set of labels with their values: an index into [`Labels`].
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct LabelSet(usize);

/// All labels whose values are not in the code.
pub struct Labels {
    sets: Vec<String>,
    /// The part of the cost that is less than a millionth and not yet counted, in billionths.
    cost_remainder: FxHashMap<LabelSet, u64>,
    models: Models,
    tools: Models,
    of_mcp_requests: FxHashMap<String, LabelsOfServer>,
    of_requests: FxHashMap<String, LabelsOfProvider>,
}

type LabelsOfServer = FxHashMap<(&'static str, Option<ModelLabel>), LabelSet>;

/// How many tools of MCP servers become label values.
const TOOL_BUDGET: ModelBudget = ModelBudget {
    max_models: 100,
    providers: 1,
};

type LabelsOfProvider = FxHashMap<(&'static str, ModelLabel), LabelSet>;

impl Metric {
    /// How the host combines the values.
    pub const fn kind(self) -> MetricKind {
        match self {
            Self::Requests(..)
            | Self::Tokens(..)
            | Self::Cost(_)
            | Self::UsageUnknown(..)
            | Self::CostIncomplete(..)
            | Self::Refusals(_)
            | Self::Authentications(_)
            | Self::TokenCacheLookups(_)
            | Self::KeyFetches(..)
            | Self::ConfigurationsRefused(_)
            | Self::McpRequests(..)
            | Self::McpChangedTools(_)
            | Self::CredentialFetches(..) => MetricKind::Counter,
            Self::KeyAge(_)
            | Self::KeysStale(_)
            | Self::WaitingRequests
            | Self::CredentialExpiry(_) => MetricKind::Gauge,
            Self::RequestDuration(_)
            | Self::TokenUsage(..)
            | Self::McpDuration(_)
            | Self::TimeToFirstToken(_)
            | Self::TimePerOutputToken(_) => MetricKind::Histogram,
        }
    }

    /// The labels and the name.
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
            Self::CostIncomplete(set, gap) => {
                let reason = one_label("reason", gap.code());
                with(set, &reason, "ai_gateway_cost_incomplete")
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
            Self::McpRequests(set, outcome) => {
                let outcome = one_label("outcome", outcome.code());
                with(set, &outcome, "ai_gateway_mcp_requests")
            }
            Self::McpDuration(set) => with(set, "", "mcp_server_operation_duration"),
            Self::McpChangedTools(set) => with(set, "", "ai_gateway_mcp_changed_tools"),
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

impl McpOutcome {
    const fn code(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::ToolError => "tool_error",
            Self::RpcError => "rpc_error",
            Self::HttpError => "http_error",
        }
    }
}

impl CacheLookup {
    const fn code(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
        }
    }
}

impl FetchOutcome {
    const fn code(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
        }
    }
}

impl Labels {
    /// Empty labels. The `known` models and some others, within the budget, get a label value of
    /// their own.
    pub fn new<'a>(
        known: impl Iterator<Item = &'a str>,
        budget: ModelBudget,
        shared_data: &dyn SharedData,
    ) -> Self {
        Self {
            sets: Vec::new(),
            cost_remainder: FxHashMap::default(),
            models: Models::new(MODELS, known, budget, shared_data),
            tools: Models::new(TOOLS, std::iter::empty(), TOOL_BUDGET, shared_data),
            of_mcp_requests: FxHashMap::default(),
            of_requests: FxHashMap::default(),
        }
    }

    /// Divides the label values of tools among so many MCP servers.
    pub const fn divide_tools(&mut self, servers: usize) {
        self.tools.divide(servers);
    }

    /// Adds a set of one label.
    pub fn one(&mut self, label: &str, value: &str) -> LabelSet {
        let set = one_label(label, &label_value(value));
        self.add(set)
    }

    /// The label value of a model that a provider has. It may become a new one.
    pub fn model(
        &mut self,
        name: Option<&str>,
        provider: &str,
        shared_data: &dyn SharedData,
    ) -> ModelLabel {
        self.models.label(name, provider, shared_data)
    }

    /// The label value of a model, or that of other models if it has none of its own.
    pub fn known_model(&self, name: Option<&str>) -> ModelLabel {
        self.models.known(name)
    }

    /// The text of a model's label value.
    pub fn model_value(&self, model: ModelLabel) -> &str {
        self.models.value(model)
    }

    /// The labels of requests for a provider's model.
    pub fn of_request(
        &mut self,
        provider: &str,
        system: &str,
        operation: &'static str,
        model: ModelLabel,
    ) -> LabelSet {
        let key = (operation, model);
        let existing = self.of_requests.get(provider).and_then(|of| of.get(&key));
        if let Some(set) = existing {
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

    /// The labels of requests with a method for an MCP server, and for a tool if the method calls one.
    pub fn of_mcp_request(
        &mut self,
        server: &str,
        method: &'static str,
        tool: Option<&str>,
        shared_data: &dyn SharedData,
    ) -> LabelSet {
        let tool = tool.map(|tool| self.tools.label(Some(tool), server, shared_data));
        let key = (method, tool);
        let existing = self.of_mcp_requests.get(server).and_then(|of| of.get(&key));
        if let Some(set) = existing {
            return *set;
        }
        let tool = tool.map_or_else(String::new, |tool| {
            one_label("tool", self.tools.value(tool))
        });
        let text = one_label("server", server) + &one_label("method", method) + &tool;
        let set = self.add(text);
        let of_server = self.of_mcp_requests.entry(server.to_owned()).or_default();
        of_server.insert(key, set);
        set
    }

    /// A cost in whole millionths. The remainder is added to the next cost.
    pub fn whole_micros(&mut self, set: LabelSet, cost: Cost) -> u64 {
        let remainder = self.cost_remainder.entry(set).or_default();
        let nanos = remainder.saturating_add(cost.0);
        *remainder = nanos % 1000;
        nanos / 1000
    }

    fn add(&mut self, set: String) -> LabelSet {
        self.sets.push(set);
        LabelSet(self.sets.len() - 1)
    }
}

/// A label in the form that it has in a metric's name.
fn one_label(label: &str, value: &str) -> String {
    format!("{label}=.={value};.;")
}
