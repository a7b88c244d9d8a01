//! Tokens from an OpenID provider: discovery, and the client credentials grant (RFC 6749 §4.4).

use std::time::Duration;

use ai_gateway_core::base::time::UnixTime;
use ai_gateway_core::http::encoding::form_encode;
use base64::Engine;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ureq::Agent;

use super::failure::{Failure, Kind};
use super::http;
use super::output::progress;

/// The credentials and parameters of a token request. It has no `Debug`, because it holds a secret.
#[derive(Clone)]
pub(super) struct ClientCredentials {
    pub(super) issuer: String,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) audience: Option<String>,
    pub(super) scope: Option<String>,
}

/// A token and its lifetime. It has no `Debug`, because the token is a secret.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Token {
    pub(super) access_token: String,
    pub(super) issued_at: UnixTime,
    /// `None` if unknown; the token is then requested again each time.
    pub(super) expires_at: Option<UnixTime>,
}

/// Requests a new token.
pub(super) fn request(credentials: &ClientCredentials, now: UnixTime) -> Result<Token, Failure> {
    progress(&format!("requesting a token from {}", credentials.issuer));
    let agent = http::agent();
    let provider = discover(&agent, &credentials.issuer)?;
    let mut form = vec![("grant_type", "client_credentials")];
    form.extend(
        credentials
            .audience
            .as_deref()
            .map(|audience| ("audience", audience)),
    );
    form.extend(credentials.scope.as_deref().map(|scope| ("scope", scope)));
    let basic;
    let mut headers = vec![
        ("content-type", "application/x-www-form-urlencoded"),
        ("accept", "application/json"),
    ];
    match provider.client_authentication {
        ClientAuthentication::Basic => {
            let id = form_encode(&credentials.client_id);
            let secret = form_encode(&credentials.client_secret);
            basic = format!("Basic {}", BASE64_STANDARD.encode(format!("{id}:{secret}")));
            headers.push(("authorization", &basic));
        }
        ClientAuthentication::Post => {
            form.push(("client_id", &credentials.client_id));
            form.push(("client_secret", &credentials.client_secret));
        }
    }
    let body: Vec<String> = form
        .iter()
        .map(|(name, value)| format!("{name}={}", form_encode(value)))
        .collect();
    let url = &provider.token_endpoint;
    let response = http::post(&agent, url, &headers, body.join("&").as_bytes())?;
    let document = response.json().unwrap_or_default();
    match document.get("access_token").and_then(Value::as_str) {
        Some(token) if response.status == 200 && !is_visible(token) => Err(Failure::new(
            Kind::Failed,
            format!("{url} answers with a token that contains spaces or control characters"),
        )
        .hint("report it to the operator of the identity provider")),
        Some(token) if response.status == 200 => Ok(Token {
            access_token: token.to_owned(),
            issued_at: now,
            expires_at: expiry(&document, token, now),
        }),
        _ => Err(failure(url, response.status, &document)),
    }
}

/// Whether a token consists of visible ASCII characters, so that it can be printed and sent in a
/// header.
fn is_visible(token: &str) -> bool {
    token.bytes().all(|byte| byte.is_ascii_graphic())
}

/// The expiry in the response, or else in the token itself.
fn expiry(document: &Value, token: &str, now: UnixTime) -> Option<UnixTime> {
    let lifetime = document.get("expires_in").and_then(|seconds| {
        let in_string = seconds.as_str().and_then(|text| text.parse().ok());
        seconds.as_u64().or(in_string)
    });
    lifetime
        .map(|seconds| now + Duration::from_secs(seconds))
        .or_else(|| unverified_expiry(token))
}

/// The `exp` of a token that is a JWT. The gateway verifies its signature.
pub(super) fn unverified_expiry(token: &str) -> Option<UnixTime> {
    let claims = BASE64_URL_SAFE_NO_PAD
        .decode(token.split('.').nth(1)?)
        .ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    Some(UnixTime::from_secs(claims.get("exp")?.as_u64()?))
}

fn failure(url: &str, status: u16, document: &Value) -> Failure {
    let text = |member: &str| document.get(member).and_then(Value::as_str);
    let error = text("error").unwrap_or("no error code");
    let description = text("error_description").unwrap_or_default();
    let is_client_error = matches!(error, "invalid_client" | "unauthorized_client");
    let message = format!("{url} answers {status}: {error} {description}");
    if status >= 500 {
        return Failure::new(Kind::Unreachable, message.trim_end()).hint("try again later");
    }
    Failure::new(Kind::Unauthenticated, message.trim_end()).hint(if is_client_error {
        "check the client's id and secret, then run: ai-gateway-filter login"
    } else {
        "check --audience and --scope, and that the client may use the client_credentials grant"
    })
}

struct IdentityProvider {
    token_endpoint: String,
    client_authentication: ClientAuthentication,
}

/// How the client authenticates at the token endpoint (OpenID Connect Core 1.0 §9).
#[derive(Clone, Copy)]
enum ClientAuthentication {
    /// `client_secret_basic`.
    Basic,
    /// `client_secret_post`.
    Post,
}

/// Fetches the issuer's discovery document (OpenID Connect Discovery 1.0 §4).
fn discover(agent: &Agent, issuer: &str) -> Result<IdentityProvider, Failure> {
    let url = format!(
        "{}/.well-known/openid-configuration",
        issuer.trim_end_matches('/')
    );
    let response = http::get(agent, &url, &[("accept", "application/json")])?;
    let document = response.json().unwrap_or_default();
    let fail = |what: String| {
        let kind = if response.status >= 500 {
            Kind::Unreachable
        } else {
            Kind::Failed
        };
        Failure::new(kind, format!("{url} {what}")).hint("check --issuer")
    };
    if response.status != 200 {
        return Err(fail(format!("answers {}", response.status)));
    }
    let named = document
        .get("issuer")
        .and_then(Value::as_str)
        .unwrap_or("none");
    if named.trim_end_matches('/') != issuer.trim_end_matches('/') {
        return Err(fail(format!("belongs to another issuer, {named}")));
    }
    let endpoint = document
        .get("token_endpoint")
        .and_then(Value::as_str)
        .ok_or_else(|| fail("names no token_endpoint".to_owned()))?;
    if is_downgrade(&url, endpoint) {
        return Err(fail(format!(
            "names the token_endpoint {endpoint}, which is not https, so the client's secret is not sent"
        ))
        .hint("report it to the operator of the identity provider"));
    }
    let methods = document
        .get("token_endpoint_auth_methods_supported")
        .and_then(Value::as_array);
    Ok(IdentityProvider {
        token_endpoint: endpoint.to_owned(),
        client_authentication: match methods {
            Some(methods) if !methods.iter().any(|it| it == "client_secret_basic") => {
                ClientAuthentication::Post
            }
            _ => ClientAuthentication::Basic, // The default.
        },
    })
}

/// Whether a document that came over TLS names a URL that does not use it. What is sent there would
/// be readable on the way.
pub(super) fn is_downgrade(document_url: &str, named_url: &str) -> bool {
    let is_https = |url: &str| {
        url.get(..8)
            .is_some_and(|scheme| scheme.eq_ignore_ascii_case("https://"))
    };
    is_https(document_url) && !is_https(named_url)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_document_over_tls_may_name_only_urls_over_tls() {
        let document = "https://auth.test/.well-known/openid-configuration";
        for (named, is_downgraded) in [
            ("https://other.test/token", false),
            ("HTTPS://auth.test/token", false),
            ("http://auth.test/token", true),
            ("HTTP://auth.test/token", true),
            ("//auth.test/token", true),
            ("", true),
        ] {
            assert_eq!(is_downgrade(document, named), is_downgraded, "{named}");
            assert!(!is_downgrade("http://localhost:1/x", named), "{named}");
        }
    }

    #[test]
    fn a_token_that_cannot_be_printed_is_not_taken() {
        for (token, is_taken) in [
            ("e30.e30.a-_~+/=", true),
            ("a b", false),
            ("a\u{1b}[2J", false),
        ] {
            assert_eq!(is_visible(token), is_taken, "{token:?}");
        }
    }

    #[test]
    fn the_expiry_is_the_responses_or_else_the_tokens() {
        let now = UnixTime::from_secs(1000);
        let expiry_of = |document: Value| expiry(&document, "opaque", now);
        assert_eq!(
            expiry_of(json!({"expires_in": 60})),
            Some(UnixTime::from_secs(1060))
        );
        assert_eq!(
            expiry_of(json!({"expires_in": "60"})),
            Some(UnixTime::from_secs(1060))
        );
        assert_eq!(expiry_of(json!({})), None);
        let claims = BASE64_URL_SAFE_NO_PAD.encode(r#"{"exp": 2000}"#);
        let token = format!("e30.{claims}.x");
        assert_eq!(
            expiry(&json!({}), &token, now),
            Some(UnixTime::from_secs(2000))
        );
    }
}
