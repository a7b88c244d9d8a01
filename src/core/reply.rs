//! Every rejection → one local reply. This table alone knows status, type and body;
//! [`rejection`] alone knows code and message.
//!
//! The body is one that the SDKs of every provider turn into their own typed exception with our
//! message: it has the members of each of their error shapes at once. AWS SDKs read the header
//! `x-amzn-errortype`.

mod rejection;

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

pub use rejection::Rejection;

use crate::authn::jwt::TokenError;
use crate::authz::Denied;
use crate::models::catalog::{ModelFault, UnlistedStatus};

/// A response that the gateway makes itself.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(&'static str, String)>,
    /// The body; JSON.
    pub body: Vec<u8>,
}

/// Tells the gateway's own errors from the provider's: its value is the error's stable word.
pub const ERROR_HEADER: &str = "x-ai-gateway-error";

/// A row of the table: what the SDKs of each provider call it.
struct Row {
    status: u16,
    kind: &'static str,
    rpc_status: &'static str,
    aws_type: &'static str,
}

const BAD_REQUEST: Row = Row {
    status: 400,
    kind: "invalid_request_error",
    rpc_status: "INVALID_ARGUMENT",
    aws_type: "ValidationException",
};
const METHOD_NOT_ALLOWED: Row = Row {
    status: 405,
    ..BAD_REQUEST
};
const UNAUTHENTICATED: Row = Row {
    status: 401,
    kind: "authentication_error",
    rpc_status: "UNAUTHENTICATED",
    aws_type: "UnrecognizedClientException",
};
const FORBIDDEN: Row = Row {
    status: 403,
    kind: "permission_error",
    rpc_status: "PERMISSION_DENIED",
    aws_type: "AccessDeniedException",
};
const NOT_FOUND: Row = Row {
    status: 404,
    kind: "not_found_error",
    rpc_status: "NOT_FOUND",
    aws_type: "ResourceNotFoundException",
};
const TOO_LARGE: Row = Row {
    status: 413,
    kind: "request_too_large",
    rpc_status: "INVALID_ARGUMENT",
    aws_type: "ValidationException",
};
const UNSUPPORTED: Row = Row {
    status: 415,
    ..BAD_REQUEST
};
const INTERNAL: Row = Row {
    status: 500,
    kind: "api_error",
    rpc_status: "INTERNAL",
    aws_type: "InternalServerException",
};
const UNAVAILABLE: Row = Row {
    status: 503,
    kind: "api_error",
    rpc_status: "UNAVAILABLE",
    aws_type: "ServiceUnavailableException",
};

impl Rejection {
    const fn row(&self) -> &'static Row {
        match self {
            Self::Path(_) | Self::Repeated(_) | Self::Upgrade => &BAD_REQUEST,
            Self::Method => &METHOD_NOT_ALLOWED,
            Self::Token(_)
            | Self::SideHeaderMissing(_)
            | Self::OwnCredentialMissing
            | Self::GatewayTokenPassedThrough(_) => &UNAUTHENTICATED,
            Self::Denied(..) | Self::Disabled(_) => &FORBIDDEN,
            Self::UnknownProvider(_) | Self::UnknownPath(_) | Self::NoUpstreamPath(_) => &NOT_FOUND,
            Self::Model(fault) => Self::row_of_model(fault),
            Self::TooLarge(_) => &TOO_LARGE,
            Self::Unreachable(_) | Self::BodyWithheld => &INTERNAL,
            Self::KeysUnavailable(_) | Self::CredentialsUnavailable(..) | Self::TooManyWaiting => {
                &UNAVAILABLE
            }
        }
    }

    const fn row_of_model(fault: &ModelFault) -> &'static Row {
        match fault {
            ModelFault::Unlisted { status, .. } => match status {
                UnlistedStatus::NotFound => &NOT_FOUND,
                UnlistedStatus::Forbidden => &FORBIDDEN,
            },
            ModelFault::Encoded => &UNSUPPORTED,
            ModelFault::TooLate(_) => &TOO_LARGE,
            _ => &BAD_REQUEST,
        }
    }

    /// What the client gets.
    pub fn reply(&self) -> Reply {
        let row = self.row();
        let (code, message) = (self.code(), self.message());
        let mut headers = vec![
            (ERROR_HEADER, code.to_owned()),
            ("x-amzn-errortype", row.aws_type.to_owned()),
        ];
        if let Some(challenge) = self.challenge(code, &message) {
            headers.push(("www-authenticate", challenge));
        }
        if let Some(retry_after) = self.retry_after() {
            headers.push(("retry-after", seconds(retry_after).to_string()));
        } else if !self.is_retryable() {
            headers.push(("x-should-retry", "false".to_owned()));
        }
        let body = json!({
            "type": "error",
            "message": message,
            "error": {
                "type": row.kind,
                "message": message,
                "code": code,
                "status": row.rpc_status,
                "param": null,
            },
        });
        Reply::json(row.status, headers, &body)
    }

    /// RFC 6750 §3: the challenge of a 401 or of a 403 for want of a permission. A request without
    /// any token gets no error code (§3.1).
    fn challenge(&self, code: &str, message: &str) -> Option<String> {
        let error = match self {
            Self::Token(TokenError::Missing) | Self::SideHeaderMissing(_) => "",
            Self::Token(_) | Self::OwnCredentialMissing | Self::GatewayTokenPassedThrough(_) => {
                "error=\"invalid_token\", "
            }
            Self::Denied(Denied::Permission(_), _) => "error=\"insufficient_scope\", ",
            _ => return None,
        };
        let description: String = message
            .chars()
            .map(|character| match character {
                '"' | '\\' => '\'',
                ' '..='~' => character,
                _ => '?',
            })
            .collect();
        Some(format!(
            "Bearer realm=\"ai-gateway\", {error}error_description=\"{code}: {description}\""
        ))
    }
}

impl Reply {
    /// A JSON response; `content-type` comes on top of `headers`.
    pub fn json(
        status: u16,
        mut headers: Vec<(&'static str, String)>,
        body: &(impl Serialize + ?Sized),
    ) -> Self {
        headers.push(("content-type", "application/json".to_owned()));
        headers.push(("cache-control", "no-store".to_owned()));
        Self {
            status,
            headers,
            body: serde_json::to_vec(body).unwrap_or_else(|_| Value::Null.to_string().into()),
        }
    }
}

/// Whole seconds, rounded up, so that nobody comes too early.
fn seconds(duration: Duration) -> u64 {
    let started = u64::from(duration.subsec_nanos() > 0);
    duration.as_secs().saturating_add(started).max(1)
}

#[cfg(test)]
mod tests;
