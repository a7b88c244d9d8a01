//! The responses that the gateway makes itself.
//!
//! [`rejection`] has the table of all errors, and [`error_response`] their form.

mod error_response;
mod mcp;
mod rejection;

use serde::Serialize;
use serde_json::Value;

pub use error_response::ErrorResponse;
pub use mcp::{Era, McpRejection, McpReplyContext, ScopeAvailability};
pub use rejection::Rejection;

/// A response that the gateway makes itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The headers, with names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// The header that distinguishes the gateway's own errors from the provider's. Its value is the
/// error's stable code.
pub const ERROR_HEADER: &str = "x-ai-gateway-error";

impl Reply {
    /// A JSON response. `content-type` and `cache-control` are added to `headers`.
    pub fn json(
        status: u16,
        headers: Vec<(&'static str, String)>,
        body: &(impl Serialize + ?Sized),
    ) -> Self {
        let body = serde_json::to_vec(body).unwrap_or_else(|_| Value::Null.to_string().into());
        Self::json_text(status, headers, body)
    }

    /// The same with a body that is JSON already.
    pub fn json_text(
        status: u16,
        mut headers: Vec<(&'static str, String)>,
        body: impl Into<Vec<u8>>,
    ) -> Self {
        headers.push(("content-type", "application/json".to_owned()));
        headers.push(("cache-control", "no-store".to_owned()));
        Self {
            status,
            headers,
            body: body.into(),
        }
    }
}

#[cfg(test)]
mod tests;
