//! Why a request is not forwarded, and the table of what the client is told.

use std::time::Duration;

use super::error_response::{
    BAD_REQUEST, Challenge, ErrorClass, ErrorResponse, FORBIDDEN, INTERNAL, METHOD_NOT_ALLOWED,
    NOT_FOUND, Retry, TOO_LARGE, UNAUTHENTICATED, UNAVAILABLE, UNSUPPORTED,
};
use super::mcp::McpRejection;
use crate::authn::jwt::TokenError;
use crate::authz::Denied;
use crate::http::head::RepeatedHeader;
use crate::http::route::RouteError;
use crate::models::catalog::{ModelFault, UnlistedStatus};
use crate::telemetry::metric::TokenVerdict;

/// Why a request is not forwarded.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Rejection {
    /// The path is not valid.
    Path(RouteError),
    /// The method is not one that APIs use.
    Method,
    /// A browser asks for a provider's response as a page, a script or a worker.
    ForBrowserToRun,
    /// A credential is repeated.
    Repeated(RepeatedHeader),
    /// The token is missing or not valid.
    Token(TokenError),
    /// This provider needs the gateway's token in the gateway token header with this name.
    GatewayTokenMissing(String),
    /// The client's own credential for the provider is missing.
    OwnCredentialMissing,
    /// The gateway's token is where the client's own credential belongs. The name is the gateway
    /// token header's.
    GatewayTokenPassedThrough(String),
    /// The issuer's keys are not available.
    KeysUnavailable(Duration),
    /// The credentials for the provider with this name are not available.
    CredentialsUnavailable(String, Duration),
    /// The body is larger than this limit in bytes and cannot be signed.
    TooLarge(u64),
    /// The client asks for a WebSocket where each request is signed with its body.
    Upgrade,
    /// The client asks for a stream in both directions where each request is signed with its body.
    BidirectionalStream,
    /// The host does not deliver the body while it holds the headers.
    BodyWithheld,
    /// Too many requests wait for a fetch.
    TooManyWaiting,
    /// The keys are being fetched, and the body is larger than this limit in bytes, up to which it
    /// is held meanwhile.
    KeysPending(u64),
    /// The bodies of all requests that are held are too large.
    TooMuchHeld,
    /// The caller lacks a permission on the provider with this name, or on all providers.
    Denied(Denied, Option<String>),
    /// The path of the provider with this name is not allowed.
    PathNotAllowed(String),
    /// The model is unknown or not allowed.
    Model(ModelFault),
    /// The provider with this name is disabled.
    Disabled(String),
    /// There is no provider with this name.
    UnknownProvider(String),
    /// There is nothing at this path. The text is the path prefix.
    UnknownPath(String),
    /// The path ends at the provider with this name.
    NoUpstreamPath(String),
    /// A request to an MCP server.
    Mcp(Box<McpRejection>),
    /// The host has accepted no configuration.
    NotConfigured,
    /// The gateway is in a state that must not occur.
    Internal(&'static str),
}

impl Rejection {
    /// What the rejection says about the caller's token, if anything.
    pub const fn authentication(&self) -> Option<TokenVerdict> {
        match self {
            Self::Token(_)
            | Self::GatewayTokenMissing(_)
            | Self::OwnCredentialMissing
            | Self::GatewayTokenPassedThrough(_) => Some(TokenVerdict::Refused),
            Self::KeysUnavailable(_) | Self::KeysPending(_) => Some(TokenVerdict::Unavailable),
            _ => None,
        }
    }

    /// The table: status, code and message of each rejection. A message says what is wrong and,
    /// after a semicolon, what to do. It never contains a secret.
    pub fn response(&self) -> ErrorResponse {
        match self {
            Self::Path(error) => {
                ErrorResponse::new(&BAD_REQUEST, "path_invalid", error.to_string())
            }
            Self::Method => ErrorResponse::new(
                &METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "the method is not GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS in upper case; use \
                 the method that the provider documents",
            ),
            Self::ForBrowserToRun => ErrorResponse::new(
                &FORBIDDEN,
                "browser_destination_refused",
                "a browser asks for a provider's response as a page, a script or a worker, which \
                 the provider could then run at the gateway's address; use fetch() instead",
            ),
            Self::Repeated(error) => ErrorResponse::new(
                &BAD_REQUEST,
                "credential_repeated",
                format!("{error}; send each credential once"),
            ),
            Self::Token(error) => {
                let challenge = match error {
                    TokenError::Missing => Challenge::TokenMissing,
                    _ => Challenge::InvalidToken,
                };
                let retry = if error.is_retryable() {
                    Retry::Later
                } else {
                    Retry::Never
                };
                ErrorResponse::new(&UNAUTHENTICATED, error.code(), error.to_string())
                    .challenge(challenge)
                    .retry(retry)
            }
            Self::GatewayTokenMissing(header) => ErrorResponse::new(
                &UNAUTHENTICATED,
                "token_missing",
                format!(
                    "no gateway token was sent; send your own credential for this provider in the \
                     usual place, and the gateway's OIDC access token in \
                     \"{header}: Bearer <token>\""
                ),
            )
            .challenge(Challenge::TokenMissing),
            Self::OwnCredentialMissing => ErrorResponse::new(
                &UNAUTHENTICATED,
                "credential_missing",
                "this provider needs your own credential and none was sent; send the one that the \
                 provider gave you where its SDK puts it",
            )
            .challenge(Challenge::InvalidToken),
            Self::GatewayTokenPassedThrough(header) => ErrorResponse::new(
                &UNAUTHENTICATED,
                "token_misplaced",
                format!(
                    "this provider needs your own credential and the gateway's token was sent \
                     instead; send your own credential, and the gateway's token in \"{header}\""
                ),
            )
            .challenge(Challenge::InvalidToken),
            Self::KeysUnavailable(after) => ErrorResponse::new(
                &UNAVAILABLE,
                "keys_unavailable",
                "the token cannot be verified now because its issuer's keys cannot be fetched; try \
                 again later",
            )
            .retry(Retry::After(*after)),
            Self::CredentialsUnavailable(provider, after) => ErrorResponse::new(
                &UNAVAILABLE,
                "credentials_unavailable",
                format!(
                    "the credentials for provider \"{provider}\" cannot be fetched now; try again \
                     later"
                ),
            )
            .retry(Retry::After(*after)),
            Self::TooLarge(limit) => ErrorResponse::new(
                &TOO_LARGE,
                "body_too_large",
                format!(
                    "the body is larger than {limit} bytes, the most that this gateway can sign; \
                     send a smaller one"
                ),
            ),
            Self::Upgrade => ErrorResponse::new(
                &BAD_REQUEST,
                "upgrade_not_possible",
                "requests to this provider are signed with their body, which a WebSocket does not \
                 have; use the provider's HTTP operations",
            ),
            Self::BidirectionalStream => ErrorResponse::new(
                &BAD_REQUEST,
                "bidirectional_stream_not_possible",
                "requests to this provider are signed with their whole body, which a bidirectional \
                 stream does not have before it is answered; use Converse or InvokeModel, or call \
                 the provider directly",
            ),
            Self::BodyWithheld => ErrorResponse::new(
                &INTERNAL,
                "body_withheld",
                "the gateway needs the body to sign the request or to find its model, and the host \
                 does not deliver it; set allow_on_headers_stop_iteration in the plugin's \
                 configuration (Envoy 1.35 or newer)",
            ),
            Self::TooManyWaiting => ErrorResponse::new(
                &UNAVAILABLE,
                "too_many_waiting",
                "too many requests are waiting for keys or credentials; try again later",
            )
            .retry(Retry::After(Duration::from_secs(1))),
            Self::KeysPending(limit) => ErrorResponse::new(
                &UNAVAILABLE,
                "keys_pending",
                format!(
                    "the token cannot be verified before its issuer's keys have been fetched, and \
                     the body is larger than {limit} bytes, the most that this gateway holds \
                     meanwhile; try again"
                ),
            )
            .retry(Retry::After(Duration::from_secs(1))),
            Self::TooMuchHeld => ErrorResponse::new(
                &UNAVAILABLE,
                "too_much_held",
                "this gateway holds too much of requests that wait for keys or credentials, for \
                 their model or to be signed; try again later",
            )
            .retry(Retry::After(Duration::from_secs(1))),
            Self::Denied(denied, provider) => {
                let message = match provider {
                    Some(provider) => format!(
                        "the caller {denied} on provider \"{provider}\"; ask an administrator"
                    ),
                    None => format!("the caller {denied}; ask an administrator"),
                };
                let challenge = match denied {
                    Denied::Permission(_) => Challenge::InsufficientScope,
                    _ => Challenge::None,
                };
                ErrorResponse::new(&FORBIDDEN, "permission_denied", message).challenge(challenge)
            }
            Self::Model(fault) => {
                ErrorResponse::new(class_of(fault), fault.code(), fault.to_string())
            }
            Self::PathNotAllowed(provider) => ErrorResponse::new(
                &FORBIDDEN,
                "path_not_allowed",
                format!(
                    "the caller may not request this path of provider \"{provider}\", or it can be \
                     read as such a path; use an allowed path in its plain spelling, or ask an \
                     administrator"
                ),
            ),
            Self::Disabled(provider) => ErrorResponse::new(
                &FORBIDDEN,
                "provider_disabled",
                format!("provider \"{provider}\" is disabled; ask an administrator"),
            ),
            Self::UnknownProvider(name) => ErrorResponse::new(
                &NOT_FOUND,
                "provider_not_found",
                format!(
                    "there is no provider \"{name}\"; check the segment after the prefix in the \
                     proxy URL"
                ),
            ),
            Self::UnknownPath(prefix) => ErrorResponse::new(
                &NOT_FOUND,
                "path_not_found",
                format!("there is nothing at this path; use {prefix}/<provider>/<native path>"),
            ),
            Self::NoUpstreamPath(provider) => ErrorResponse::new(
                &NOT_FOUND,
                "upstream_path_missing",
                format!(
                    "the path ends at provider \"{provider}\"; append the provider's native path, \
                     such as /v1/models"
                ),
            ),
            Self::Mcp(rejection) => rejection.response(),
            Self::NotConfigured => ErrorResponse::new(
                &UNAVAILABLE,
                "gateway_not_configured",
                "the gateway has no valid configuration; its operator finds the reasons in Envoy's \
                 log",
            ),
            Self::Internal(problem) => ErrorResponse::new(
                &INTERNAL,
                "internal_error",
                format!("internal error of the gateway: {problem}; please report it"),
            )
            .retry(Retry::Later),
        }
    }

    /// The reply to the client.
    pub fn reply(&self) -> super::Reply {
        self.response().reply()
    }
}

const fn class_of(fault: &ModelFault) -> &'static ErrorClass {
    match fault {
        ModelFault::Unlisted { status, .. } => match status {
            UnlistedStatus::NotFound => &NOT_FOUND,
            UnlistedStatus::Forbidden => &FORBIDDEN,
        },
        ModelFault::UnknownOperation(_) => &FORBIDDEN,
        ModelFault::Encoded => &UNSUPPORTED,
        ModelFault::TooLate(_) => &TOO_LARGE,
        _ => &BAD_REQUEST,
    }
}
