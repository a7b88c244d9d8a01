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
        Some(token) if response.status == 200 => Ok(Token {
            access_token: token.to_owned(),
            issued_at: now,
            expires_at: expiry(&document, token, now),
        }),
        _ => Err(failure(url, response.status, &document)),
    }
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
    let endpoint = document.get("token_endpoint").and_then(Value::as_str);
    let methods = document
        .get("token_endpoint_auth_methods_supported")
        .and_then(Value::as_array);
    Ok(IdentityProvider {
        token_endpoint: endpoint
            .ok_or_else(|| fail("names no token_endpoint".to_owned()))?
            .to_owned(),
        client_authentication: match methods {
            Some(methods) if !methods.iter().any(|it| it == "client_secret_basic") => {
                ClientAuthentication::Post
            }
            _ => ClientAuthentication::Basic, // The default.
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

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
