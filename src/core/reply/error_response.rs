//! The form of an error: one that the SDKs of every provider turn into their own exception with our
//! message.
//!
//! The body has the members of each provider's error at once. AWS SDKs read the header
//! `x-amzn-errortype`.

use std::time::Duration;

use serde_json::json;

use super::{ERROR_HEADER, Reply};

/// A status with the names that the providers' SDKs have for it.
pub(super) struct ErrorClass {
    pub(super) status: u16,
    /// The `type` of OpenAI and Anthropic.
    kind: &'static str,
    /// The `status` of Google.
    rpc_status: &'static str,
    /// The exception of AWS.
    aws_type: &'static str,
}

pub(super) const BAD_REQUEST: ErrorClass = ErrorClass {
    status: 400,
    kind: "invalid_request_error",
    rpc_status: "INVALID_ARGUMENT",
    aws_type: "ValidationException",
};
/// For errors that only the JSON-RPC body tells. Other statuses end the session of some MCP clients.
pub(super) const RPC_ERROR: ErrorClass = ErrorClass {
    status: 200,
    ..BAD_REQUEST
};
pub(super) const METHOD_NOT_ALLOWED: ErrorClass = ErrorClass {
    status: 405,
    ..BAD_REQUEST
};
pub(super) const UNAUTHENTICATED: ErrorClass = ErrorClass {
    status: 401,
    kind: "authentication_error",
    rpc_status: "UNAUTHENTICATED",
    aws_type: "UnrecognizedClientException",
};
pub(super) const FORBIDDEN: ErrorClass = ErrorClass {
    status: 403,
    kind: "permission_error",
    rpc_status: "PERMISSION_DENIED",
    aws_type: "AccessDeniedException",
};
pub(super) const NOT_FOUND: ErrorClass = ErrorClass {
    status: 404,
    kind: "not_found_error",
    rpc_status: "NOT_FOUND",
    aws_type: "ResourceNotFoundException",
};
pub(super) const TOO_LARGE: ErrorClass = ErrorClass {
    status: 413,
    kind: "request_too_large",
    rpc_status: "INVALID_ARGUMENT",
    aws_type: "ValidationException",
};
pub(super) const UNSUPPORTED: ErrorClass = ErrorClass {
    status: 415,
    ..BAD_REQUEST
};
pub(super) const INTERNAL: ErrorClass = ErrorClass {
    status: 500,
    kind: "api_error",
    rpc_status: "INTERNAL",
    aws_type: "InternalServerException",
};
pub(super) const UNAVAILABLE: ErrorClass = ErrorClass {
    status: 503,
    kind: "api_error",
    rpc_status: "UNAVAILABLE",
    aws_type: "ServiceUnavailableException",
};

/// A row of the table of rejections.
pub struct ErrorResponse {
    pub(super) class: &'static ErrorClass,
    pub(super) code: &'static str,
    pub(super) message: String,
    pub(super) challenge: Challenge,
    pub(super) retry: Retry,
    /// The code of a JSON-RPC error.
    pub(super) rpc_code: i32,
    /// The scopes that a client of an MCP server needs, if they are known.
    pub(super) scope: Option<String>,
}

/// The JSON-RPC code of errors that have no code of their own.
const SERVER_ERROR: i32 = -32000;

/// The error in the `www-authenticate` header (RFC 6750, section 3).
#[derive(Clone, Copy)]
pub(super) enum Challenge {
    /// The header is absent.
    None,
    /// The request contains no token, so there is no error code (section 3.1).
    TokenMissing,
    /// The token is not valid.
    InvalidToken,
    /// The token lacks a permission.
    InsufficientScope,
}

/// Whether the client may send the same request again.
#[derive(Clone, Copy)]
pub(super) enum Retry {
    /// It would be refused again.
    Never,
    /// It may succeed later.
    Later,
    /// It may succeed after this time.
    After(Duration),
}

impl ErrorResponse {
    /// A row without a challenge, for a request that must not be retried.
    pub(super) fn new(
        class: &'static ErrorClass,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        Self {
            class,
            code,
            message: message.into(),
            challenge: Challenge::None,
            retry: Retry::Never,
            rpc_code: SERVER_ERROR,
            scope: None,
        }
    }

    pub(super) fn challenge(self, challenge: Challenge) -> Self {
        Self { challenge, ..self }
    }

    pub(super) fn retry(self, retry: Retry) -> Self {
        Self { retry, ..self }
    }

    pub(super) fn rpc_code(self, rpc_code: i32) -> Self {
        Self { rpc_code, ..self }
    }

    /// The same with the scopes that the client needs.
    pub fn scope(self, scope: impl Into<String>) -> Self {
        let scope = Some(scope.into());
        Self { scope, ..self }
    }

    /// The error's stable code, the same in the reply, the log and the metrics.
    pub const fn code(&self) -> &'static str {
        self.code
    }

    /// The reply to the client.
    pub fn reply(&self) -> Reply {
        let mut headers = vec![
            (ERROR_HEADER, self.code.to_owned()),
            ("x-amzn-errortype", self.class.aws_type.to_owned()),
        ];
        headers.extend(
            self.challenge_header()
                .map(|value| ("www-authenticate", value)),
        );
        match self.retry {
            Retry::Never => headers.push(("x-should-retry", "false".to_owned())),
            Retry::Later | Retry::After(_) => headers.extend(self.retry_header()),
        }
        let body = json!({
            "type": "error",
            "message": self.message,
            "error": {
                "type": self.class.kind,
                "message": self.message,
                "code": self.code,
                "status": self.class.rpc_status,
                "param": null,
            },
        });
        Reply::json(self.class.status, headers, &body)
    }

    /// The header that says when to try again.
    pub(super) fn retry_header(&self) -> Option<(&'static str, String)> {
        match self.retry {
            Retry::After(time) => Some(("retry-after", whole_seconds(time).to_string())),
            Retry::Never | Retry::Later => None,
        }
    }

    pub(super) fn challenge_header(&self) -> Option<String> {
        let error = match self.challenge {
            Challenge::None => return None,
            Challenge::TokenMissing => "",
            Challenge::InvalidToken => "error=\"invalid_token\", ",
            Challenge::InsufficientScope => "error=\"insufficient_scope\", ",
        };
        let description: String = self
            .message
            .chars()
            .map(|character| match character {
                '"' | '\\' => '\'',
                ' '..='~' => character,
                _ => '?',
            })
            .collect();
        let code = self.code;
        Some(format!(
            "Bearer realm=\"ai-gateway\", {error}error_description=\"{code}: {description}\""
        ))
    }
}

/// Whole seconds, rounded up, so that no client retries too early.
fn whole_seconds(duration: Duration) -> u64 {
    let started = u64::from(duration.subsec_nanos() > 0);
    duration.as_secs().saturating_add(started).max(1)
}
