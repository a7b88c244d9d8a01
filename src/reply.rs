//! Every rejection → one local reply. This table alone knows status, type and body.
//!
//! The body is one that the SDKs of every provider turn into their own typed exception with our
//! message: it has the members of each of their error shapes at once. AWS SDKs read the header
//! `x-amzn-errortype`.

use std::time::Duration;

use serde::Serialize;
use serde_json::{Value, json};

use crate::authn::jwt::TokenError;
use crate::authz::Denied;
use crate::catalog::{ModelFault, UnlistedStatus};
use crate::head::RepeatedHeader;
use crate::observe::metric::TokenVerdict;
use crate::route::RouteError;

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

/// Why a request is not forwarded.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Rejection {
    /// The path makes no sense.
    Path(RouteError),
    /// The method echoes requests, credentials and all.
    Method,
    /// A credential is there twice.
    Repeated(RepeatedHeader),
    /// The token does not pass.
    Token(TokenError),
    /// This provider wants the gateway's token in a side header; the name is that header's.
    SideHeaderMissing(String),
    /// The client's own credential for the provider is missing.
    OwnCredentialMissing,
    /// The gateway's token stands where the client's own credential belongs.
    GatewayTokenPassedThrough(String),
    /// The issuer's keys cannot be had.
    KeysUnavailable(Duration),
    /// The credentials for the provider cannot be had; the provider's name.
    CredentialsUnavailable(String, Duration),
    /// The body is too large to be held back for a signature; the limit in bytes.
    TooLarge(u64),
    /// A WebSocket was asked for where each request is signed with its body.
    Upgrade,
    /// The host does not hand over the body while it holds the headers.
    BodyWithheld,
    /// Too many requests wait for keys.
    TooManyWaiting,
    /// The caller lacks a permission on that provider, or on all.
    Denied(Denied, Option<String>),
    /// The model is not one that may be used, or cannot be known.
    Model(ModelFault),
    /// The provider is switched off.
    Disabled(String),
    /// There is no such provider.
    UnknownProvider(String),
    /// There is nothing at this path; the prefix is named.
    UnknownPath(String),
    /// A provider was named, but nothing to ask of it.
    NoUpstreamPath(String),
    /// The filter came into a state that it should not have.
    Unreachable(&'static str),
}

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

    /// What it says of the caller's token, if anything.
    pub const fn authentication(&self) -> Option<TokenVerdict> {
        match self {
            Self::Token(_)
            | Self::SideHeaderMissing(_)
            | Self::OwnCredentialMissing
            | Self::GatewayTokenPassedThrough(_) => Some(TokenVerdict::Refused),
            Self::KeysUnavailable(_) => Some(TokenVerdict::Unavailable),
            _ => None,
        }
    }

    /// The rejection's stable word, the same in the body, in logs and in metrics.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Path(_) => "path_invalid",
            Self::Method => "method_not_allowed",
            Self::Repeated(_) => "credential_repeated",
            Self::Token(error) => error.code(),
            Self::SideHeaderMissing(_) => "token_missing",
            Self::OwnCredentialMissing => "credential_missing",
            Self::GatewayTokenPassedThrough(_) => "token_misplaced",
            Self::KeysUnavailable(_) => "keys_unavailable",
            Self::CredentialsUnavailable(..) => "credentials_unavailable",
            Self::TooLarge(_) => "body_too_large",
            Self::Upgrade => "upgrade_not_possible",
            Self::BodyWithheld => "body_withheld",
            Self::TooManyWaiting => "too_many_waiting",
            Self::Denied(..) => "permission_denied",
            Self::Model(fault) => fault.code(),
            Self::Disabled(_) => "provider_disabled",
            Self::UnknownProvider(_) => "provider_not_found",
            Self::UnknownPath(_) => "path_not_found",
            Self::NoUpstreamPath(_) => "upstream_path_missing",
            Self::Unreachable(_) => "internal_error",
        }
    }

    fn message(&self) -> String {
        match self {
            Self::Path(error) => error.to_string(),
            Self::Method => "TRACE is not served: it would echo the provider's key".to_owned(),
            Self::Repeated(error) => format!("{error}; send each credential once"),
            Self::Token(error) => error.to_string(),
            Self::SideHeaderMissing(header) => format!(
                "no gateway token was sent; this provider takes your own credential in the usual \
                 place and the gateway's OIDC access token in \"{header}: Bearer <token>\""
            ),
            Self::OwnCredentialMissing => {
                "this provider passes your own credential through and none was sent; send the one \
                 that the provider gave you, in the place that its SDK uses"
                    .to_owned()
            }
            Self::GatewayTokenPassedThrough(header) => format!(
                "this provider passes your own credential through and was sent the gateway's \
                 token; send your own credential, and the gateway's token in \"{header}\""
            ),
            Self::KeysUnavailable(_) => {
                "the token cannot be checked now, as its issuer's keys cannot be fetched; try again"
                    .to_owned()
            }
            Self::CredentialsUnavailable(provider, _) => format!(
                "the credentials for provider \"{provider}\" cannot be fetched now; try again"
            ),
            Self::TooLarge(limit) => format!(
                "the body is larger than {limit} bytes, the most that this gateway can sign; send \
                 a smaller one"
            ),
            Self::Upgrade => "requests to this provider are signed with their whole body, which a \
                              WebSocket does not have; use the provider's HTTP operations"
                .to_owned(),
            Self::BodyWithheld => {
                "the gateway cannot read the body, which it must sign or whose model it must know, as \
                 its host does not hand it over: set allow_on_headers_stop_iteration in the plugin's \
                 configuration (Envoy 1.35 or newer)"
                    .to_owned()
            }
            Self::TooManyWaiting => {
                "too many requests are waiting for keys or credentials; try again".to_owned()
            }
            Self::Denied(denied, Some(provider)) => {
                format!("the caller {denied} on provider \"{provider}\"; ask an administrator")
            }
            Self::Denied(denied, None) => format!("the caller {denied}; ask an administrator"),
            Self::Model(fault) => fault.to_string(),
            Self::Disabled(provider) => {
                format!("provider \"{provider}\" is disabled; ask an administrator")
            }
            Self::UnknownProvider(name) => format!(
                "there is no provider \"{name}\"; check the segment after the prefix in the proxy URL"
            ),
            Self::UnknownPath(prefix) => {
                format!("nothing is served at this path; use {prefix}/<provider>/<native path>")
            }
            Self::NoUpstreamPath(provider) => format!(
                "the path ends at provider \"{provider}\"; append the provider's native path, \
                 such as /v1/models"
            ),
            Self::Unreachable(what) => format!("internal error of the gateway: {what}"),
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
        } else if !self.is_curable() {
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

    const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::KeysUnavailable(after) | Self::CredentialsUnavailable(_, after) => Some(*after),
            Self::TooManyWaiting => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    /// Whether the same request may pass later, so that clients are right to try again.
    const fn is_curable(&self) -> bool {
        match self {
            Self::Token(error) => error.is_curable(),
            Self::Unreachable(_) => true,
            _ => false,
        }
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

/// A name that came over the wire, fit to be shown: text, and not too long.
pub(crate) fn shown(name: &[u8]) -> String {
    const LONGEST: usize = 64;
    let text = String::from_utf8_lossy(name.get(..LONGEST).unwrap_or(name));
    if name.len() > LONGEST {
        format!("{text}…")
    } else {
        text.into_owned()
    }
}

#[cfg(test)]
mod tests;
