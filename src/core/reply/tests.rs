//! What the providers' SDKs rely on in the gateway's own replies.

use std::time::Duration;

use super::*;
use crate::authn::jwt::TokenError;
use crate::authz::Denied;
use crate::base::time::UnixTime;
use crate::http::head::RepeatedHeader;
use crate::http::route::RouteError;
use crate::models::catalog::{ModelFault, UnlistedStatus};

fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
    reply
        .headers
        .iter()
        .find(|(header, _)| *header == name)
        .map(|(_, value)| value.as_str())
}

fn parsed(reply: &Reply) -> Value {
    serde_json::from_slice(&reply.body).unwrap()
}

#[test]
fn the_body_has_the_members_that_each_sdk_reads() {
    let reply = Rejection::UnknownProvider("x\"y".into()).reply();
    let body = parsed(&reply);
    assert_eq!(reply.status, 404);
    assert_eq!(body["type"], "error");
    assert_eq!(body["message"], body["error"]["message"]);
    assert!(body["message"].as_str().unwrap().contains("x\"y"));
    assert_eq!(body["error"]["type"], "not_found_error");
    assert_eq!(body["error"]["code"], "provider_not_found");
    assert_eq!(body["error"]["status"], "NOT_FOUND");
    assert_eq!(
        header(&reply, "x-amzn-errortype"),
        Some("ResourceNotFoundException")
    );
    assert_eq!(header(&reply, "content-type"), Some("application/json"));
}

#[test]
fn only_requests_that_may_succeed_later_may_be_retried() {
    let expired = Rejection::Token(TokenError::Expired(UnixTime::from_secs(0))).reply();
    assert_eq!(header(&expired, "x-should-retry"), None);
    assert_eq!(header(&expired, "retry-after"), None);

    let invalid = Rejection::Token(TokenError::SignatureInvalid).reply();
    assert_eq!(header(&invalid, "x-should-retry"), Some("false"));

    let unavailable = Rejection::KeysUnavailable(Duration::from_millis(1500)).reply();
    assert_eq!(unavailable.status, 503);
    assert_eq!(header(&unavailable, "retry-after"), Some("2"));
    assert_eq!(header(&unavailable, "x-should-retry"), None);
}

#[test]
fn every_message_says_what_is_wrong_and_what_to_do() {
    let name = || "p".to_owned();
    let second = Duration::from_secs(1);
    for rejection in [
        Rejection::Path(RouteError::DotSegment),
        Rejection::Path(RouteError::ControlCharacter),
        Rejection::Method,
        Rejection::ForBrowserToRun,
        Rejection::Repeated(RepeatedHeader { name: name() }),
        Rejection::Token(TokenError::Missing),
        Rejection::Token(TokenError::Scheme),
        Rejection::Token(TokenError::Malformed("it has no dot")),
        Rejection::Token(TokenError::AlgorithmNotAllowed),
        Rejection::Token(TokenError::IssuerUnknown),
        Rejection::Token(TokenError::KeyUnknown),
        Rejection::Token(TokenError::SignatureInvalid),
        Rejection::Token(TokenError::Expired(UnixTime::from_secs(0))),
        Rejection::Token(TokenError::NotYetValid(UnixTime::from_secs(0))),
        Rejection::Token(TokenError::AudienceNotAccepted(name())),
        Rejection::Token(TokenError::Misplaced("x-api-key")),
        Rejection::GatewayTokenMissing(name()),
        Rejection::OwnCredentialMissing,
        Rejection::GatewayTokenPassedThrough(name()),
        Rejection::KeysUnavailable(second),
        Rejection::CredentialsUnavailable(name(), second),
        Rejection::TooLarge(1),
        Rejection::Upgrade,
        Rejection::BidirectionalStream,
        Rejection::BodyWithheld,
        Rejection::TooManyWaiting,
        Rejection::NotConfigured,
        Rejection::KeysPending(1),
        Rejection::TooMuchHeld,
        Rejection::Denied(Denied::Permission(name()), Some(name())),
        Rejection::Denied(Denied::NotAllowed, None),
        Rejection::Model(ModelFault::Unlisted {
            model: name(),
            provider: name(),
            status: UnlistedStatus::NotFound,
        }),
        Rejection::Model(ModelFault::Missing(name())),
        Rejection::Model(ModelFault::NotJson(name())),
        Rejection::Model(ModelFault::Ambiguous(name())),
        Rejection::Model(ModelFault::UnknownOperation(name())),
        Rejection::Model(ModelFault::Encoded),
        Rejection::Model(ModelFault::TooLate(1)),
        Rejection::PathNotAllowed(name()),
        Rejection::Disabled(name()),
        Rejection::UnknownProvider(name()),
        Rejection::UnknownPath(name()),
        Rejection::NoUpstreamPath(name()),
        Rejection::Internal("a state"),
    ] {
        let message = rejection.response().message;
        let (problem, remedy) = message.split_once("; ").unwrap_or_default();
        assert!(!problem.is_empty() && !remedy.is_empty(), "{message}");
        assert!(!message.ends_with(['.', ' ']), "{message}");
    }
}

#[test]
fn challenges_are_well_formed() {
    let missing = Rejection::Token(TokenError::Missing).reply();
    let challenge = header(&missing, "www-authenticate").unwrap();
    assert!(challenge.starts_with("Bearer realm=\"ai-gateway\", error_description=\""));
    assert_eq!(challenge.matches('"').count(), 4);

    let audience = TokenError::AudienceNotAccepted("a\"\\\r\n\u{e9}".into());
    let reply = Rejection::Token(audience).reply();
    let challenge = header(&reply, "www-authenticate").unwrap();
    assert!(challenge.contains("error=\"invalid_token\""));
    assert_eq!(challenge.matches('"').count(), 6);
    assert!(challenge.bytes().all(|byte| (b' '..=b'~').contains(&byte)));
}
