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

/// Who asks whom for a token, and for what. It has no `Debug`: the secret is in it.
#[derive(Clone)]
pub(super) struct Credentials {
    pub(super) issuer: String,
    pub(super) client_id: String,
    pub(super) client_secret: String,
    pub(super) audience: Option<String>,
    pub(super) scope: Option<String>,
}

/// A token and its life. It has no `Debug` either.
#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Token {
    pub(super) access_token: String,
    pub(super) issued_at: UnixTime,
    /// `None` where nobody tells; it is then asked for anew each time.
    pub(super) expires_at: Option<UnixTime>,
}

/// Asks for a new token.
pub(super) fn request(credentials: &Credentials, now: UnixTime) -> Result<Token, Failure> {
    progress(&format!("asking {} for a token", credentials.issuer));
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
    if provider.takes_basic {
        let pair = format!(
            "{}:{}",
            form_encode(&credentials.client_id),
            form_encode(&credentials.client_secret)
        );
        basic = format!("Basic {}", BASE64_STANDARD.encode(pair));
        headers.push(("authorization", &basic));
    } else {
        form.push(("client_id", &credentials.client_id));
        form.push(("client_secret", &credentials.client_secret));
    }
    let body: Vec<String> = form
        .iter()
        .map(|(name, value)| format!("{name}={}", form_encode(value)))
        .collect();
    let url = &provider.token_endpoint;
    let answer = http::post(&agent, url, &headers, body.join("&").as_bytes())?;
    let document = answer.json().unwrap_or_default();
    match document.get("access_token").and_then(Value::as_str) {
        Some(token) if answer.status == 200 => Ok(Token {
            access_token: token.to_owned(),
            issued_at: now,
            expires_at: expiry(&document, token, now),
        }),
        _ => Err(refusal(url, answer.status, &document)),
    }
}

/// By the answer, else by the token itself.
fn expiry(document: &Value, token: &str, now: UnixTime) -> Option<UnixTime> {
    let lifetime = document.get("expires_in").and_then(|seconds| {
        let written = seconds.as_str().and_then(|text| text.parse().ok());
        seconds.as_u64().or(written)
    });
    lifetime
        .map(|seconds| now + Duration::from_secs(seconds))
        .or_else(|| unverified_expiry(token))
}

/// `exp` of a token that is a JWT; its signature is the gateway's to check.
pub(super) fn unverified_expiry(token: &str) -> Option<UnixTime> {
    let claims = BASE64_URL_SAFE_NO_PAD
        .decode(token.split('.').nth(1)?)
        .ok()?;
    let claims: Value = serde_json::from_slice(&claims).ok()?;
    Some(UnixTime::from_secs(claims.get("exp")?.as_u64()?))
}

fn refusal(url: &str, status: u16, document: &Value) -> Failure {
    let text = |member: &str| document.get(member).and_then(Value::as_str);
    let error = text("error").unwrap_or("without an explanation");
    let description = text("error_description").unwrap_or_default();
    let is_of_the_client = matches!(error, "invalid_client" | "unauthorized_client");
    let message = format!("{url} refuses with {status}: {error} {description}");
    if status >= 500 {
        return Failure::new(Kind::Unreachable, message.trim_end()).hint("try again later");
    }
    Failure::new(Kind::Unauthenticated, message.trim_end()).hint(if is_of_the_client {
        "check the client's id and secret, then: ai-gateway-filter login"
    } else {
        "check --audience and --scope, and that the client may use the grant client_credentials"
    })
}

struct Provider {
    token_endpoint: String,
    takes_basic: bool,
}

/// OpenID Connect Discovery 1.0 §4.
fn discover(agent: &Agent, issuer: &str) -> Result<Provider, Failure> {
    let url = format!(
        "{}/.well-known/openid-configuration",
        issuer.trim_end_matches('/')
    );
    let answer = http::get(agent, &url, &[("accept", "application/json")])?;
    let document = answer.json().unwrap_or_default();
    let wrong = |what: String| {
        let kind = if answer.status >= 500 {
            Kind::Unreachable
        } else {
            Kind::Failed
        };
        Failure::new(kind, format!("{url} {what}")).hint("check --issuer")
    };
    if answer.status != 200 {
        return Err(wrong(format!("answers {}", answer.status)));
    }
    let says = document
        .get("issuer")
        .and_then(Value::as_str)
        .unwrap_or("none");
    if says.trim_end_matches('/') != issuer.trim_end_matches('/') {
        return Err(wrong(format!("is the document of another issuer, {says}")));
    }
    let endpoint = document.get("token_endpoint").and_then(Value::as_str);
    let methods = document
        .get("token_endpoint_auth_methods_supported")
        .and_then(Value::as_array);
    Ok(Provider {
        token_endpoint: endpoint
            .ok_or_else(|| wrong("names no token endpoint".to_owned()))?
            .to_owned(),
        // The default, where nothing is said.
        takes_basic: methods
            .is_none_or(|methods| methods.iter().any(|method| method == "client_secret_basic")),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_life_of_a_token_is_what_the_answer_says() {
        let now = UnixTime::from_secs(1000);
        let until = |document: Value| expiry(&document, "opaque", now);
        assert_eq!(
            until(json!({"expires_in": 60})),
            Some(UnixTime::from_secs(1060))
        );
        assert_eq!(
            until(json!({"expires_in": "60"})),
            Some(UnixTime::from_secs(1060))
        );
        assert_eq!(until(json!({})), None);
        let claims = BASE64_URL_SAFE_NO_PAD.encode(r#"{"exp": 2000}"#);
        let token = format!("e30.{claims}.x");
        assert_eq!(
            expiry(&json!({}), &token, now),
            Some(UnixTime::from_secs(2000))
        );
    }
}
