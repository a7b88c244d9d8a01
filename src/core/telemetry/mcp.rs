//! What is known about a request for an MCP server.

use super::metric::{Labels, McpOutcome, Measurement, Metric};
use crate::base::shared_data::SharedData;
use crate::mcp::method::Method;
use crate::mcp::outcome::Outcome;

/// A request for an MCP server. Arguments and results are not part of it.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct McpEntry {
    /// The server's name.
    pub server: String,
    /// The method of the first message, or the HTTP method of a request without one.
    pub method: Option<String>,
    /// The tool that is called.
    pub tool: Option<String>,
    /// The version of the protocol.
    pub version: Option<String>,
    /// Whether the request succeeded, by its response.
    pub outcome: Outcome,
}

/// No longer name or version is logged.
const MAX_NAME: usize = 128;

/// The values of the label `method` besides the protocol's own.
const OTHER: &str = "other";
const RESPONSE: &str = "response";
const STREAM: &str = "GET";
const SESSION_END: &str = "DELETE";

impl McpEntry {
    /// Passes the measurements of a request with this status and duration to `take`.
    pub fn measure(
        &self,
        status: u16,
        milliseconds: u64,
        labels: &mut Labels,
        shared_data: &dyn SharedData,
        take: &mut impl FnMut(Measurement),
    ) {
        let tool = self.tool.as_deref();
        let set = labels.of_mcp_request(&self.server, self.method_label(), tool, shared_data);
        let outcome = match status {
            200..=299 if self.outcome.error_code.is_some() => McpOutcome::RpcError,
            200..=299 if self.outcome.is_tool_error => McpOutcome::ToolError,
            200..=299 => McpOutcome::Succeeded,
            _ => McpOutcome::HttpError,
        };
        for (metric, value) in [
            (Metric::McpRequests(set, outcome), 1),
            (Metric::McpDuration(set), milliseconds),
        ] {
            take(Measurement { metric, value });
        }
    }

    fn method_label(&self) -> &'static str {
        match self.method.as_deref() {
            None => RESPONSE,
            Some(STREAM) => STREAM,
            Some(SESSION_END) => SESSION_END,
            Some(method) => Method::named(method).map_or(OTHER, |method| method.name),
        }
    }

    /// Why the request failed, by the names of OpenTelemetry.
    pub(super) fn error_type(&self) -> Option<String> {
        let is_tool_error = self.outcome.is_tool_error.then(|| "tool_error".to_owned());
        self.outcome.error_code.clone().or(is_tool_error)
    }
}

/// A name as it is logged.
pub(super) fn logged(name: Option<&String>) -> Option<String> {
    name.map(|name| name.chars().take(MAX_NAME).collect())
}
