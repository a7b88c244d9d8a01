//! Why a request is not forwarded, in a stable word and in a sentence that says what to do.

use std::time::Duration;

use crate::authn::jwt::TokenError;
use crate::authz::Denied;
use crate::http::head::RepeatedHeader;
use crate::http::route::RouteError;
use crate::models::catalog::ModelFault;
use crate::telemetry::metric::TokenVerdict;

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

impl Rejection {
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

    /// What is wrong, and what to do; never a secret.
    pub(super) fn message(&self) -> String {
        match self {
            Self::Path(error) => error.to_string(),
            Self::Method => "TRACE would echo the provider's key; use the methods of the provider's API".to_owned(),
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
                 its host does not hand it over; set allow_on_headers_stop_iteration in the plugin's \
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
            Self::Unreachable(what) => format!("internal error of the gateway: {what}; please report it"),
        }
    }

    /// When it is worth trying again, where that is known.
    pub(super) const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::KeysUnavailable(after) | Self::CredentialsUnavailable(_, after) => Some(*after),
            Self::TooManyWaiting => Some(Duration::from_secs(1)),
            _ => None,
        }
    }

    /// Whether the same request may pass later, so that clients are right to try again.
    pub(super) const fn is_retryable(&self) -> bool {
        match self {
            Self::Token(error) => error.is_retryable(),
            Self::Unreachable(_) => true,
            _ => false,
        }
    }
}
