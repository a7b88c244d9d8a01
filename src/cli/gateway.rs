//! The client of the gateway's own API, and the meaning of the gateway's errors.

use ai_gateway_core::reply::ERROR_HEADER;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ureq::Agent;

use super::clients::CredentialOwner;
use super::failure::{Failure, Kind};
use super::http::{self, Response};
use super::output::progress;
use super::session::Session;

/// A gateway, and the token for its requests.
pub(super) struct Gateway<'a> {
    session: &'a Session,
    agent: Agent,
    authorization: String,
}

/// A provider in the gateway's directory.
#[derive(Serialize, Deserialize, Clone, Debug)]
pub(super) struct Provider {
    pub(super) name: String,
    #[serde(default)]
    pub(super) display_name: String,
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    pub(super) status: String,
    #[serde(default)]
    pub(super) proxy_url: String,
    #[serde(default)]
    pub(super) base_url: String,
    #[serde(default)]
    pub(super) models: Vec<String>,
    /// Whether only `models` may be used. Older gateways do not say so.
    #[serde(default)]
    pub(super) models_restricted: bool,
    #[serde(default)]
    pub(super) authorization_passthrough: bool,
}

impl Provider {
    /// Whose credential the provider gets.
    pub(super) const fn credential_owner(&self) -> CredentialOwner {
        if self.authorization_passthrough {
            CredentialOwner::Client
        } else {
            CredentialOwner::Gateway
        }
    }

    /// The models that may be used, for display.
    pub(super) fn models_for_display(&self) -> String {
        match (self.models.as_slice(), self.models_restricted) {
            ([], true) => "none".to_owned(),
            ([], false) => "all".to_owned(),
            (models, _) => models.join(", "),
        }
    }
}

impl<'a> Gateway<'a> {
    pub(super) fn new(session: &'a Session, token: String) -> Self {
        Self {
            session,
            agent: http::agent(),
            authorization: format!("Bearer {token}"),
        }
    }

    /// The providers that the token may list.
    pub(super) fn providers(&self) -> Result<Vec<Provider>, Failure> {
        let mut document = self.get(&self.session.providers_url()?)?;
        read(document.get_mut("providers").map(Value::take))
    }

    /// One provider.
    pub(super) fn provider(&self, name: &str) -> Result<Provider, Failure> {
        let is_name = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if name.is_empty() || !name.bytes().all(is_name) {
            return Err(Failure::new(
                Kind::NotFound,
                format!("\"{name}\" is not a valid provider name"),
            )
            .hint("list the names: ai-gateway-filter llm list"));
        }
        read(Some(self.get(&self.session.proxy_url(name)?)?))
    }

    fn get(&self, url: &str) -> Result<Value, Failure> {
        progress(&format!("requesting {url}"));
        let headers = [
            ("authorization", self.authorization.as_str()),
            ("accept", "application/json"),
        ];
        let response = http::get(&self.agent, url, &headers)?;
        match response.json() {
            Some(document) if response.status == 200 => Ok(document),
            _ => Err(failure(url, &response)),
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(document: Option<Value>) -> Result<T, Failure> {
    serde_json::from_value(document.unwrap_or_default()).map_err(|error| {
        Failure::new(
            Kind::Failed,
            format!("the gateway's response cannot be parsed: {error}"),
        )
        .hint("check that --endpoint is an AI gateway, and that both have the same version")
    })
}

/// The gateway's stable error code; `None` if the response is not the gateway's own.
pub(super) fn error_code(response: &Response) -> Option<String> {
    response.header(ERROR_HEADER).map(str::to_owned)
}

/// The message in an error's body, in the formats of the gateway and of the providers.
pub(super) fn error_message(response: &Response) -> String {
    let document = response.json().unwrap_or_default();
    ["/error/message", "/message", "/error"]
        .iter()
        .find_map(|path| document.pointer(path)?.as_str())
        .unwrap_or_default()
        .to_owned()
}

/// The failure that an error response means, with what to do about it.
pub(super) fn failure(url: &str, response: &Response) -> Failure {
    let status = response.status;
    if error_code(response).is_none() {
        return Failure::new(
            Kind::Failed,
            format!("{url} answers {status}, but not as an AI gateway"),
        )
        .hint("check --endpoint, and set --path-prefix with `env add` if the gateway's differs from the default");
    }
    let message = error_message(response);
    match status {
        401 => Failure::new(Kind::Unauthenticated, message)
            .hint(format!("get a new token: {}", super::session::LOGIN)),
        403 => Failure::new(Kind::Denied, message)
            .hint("ask the gateway's operator for the permission"),
        404 => Failure::new(Kind::NotFound, message)
            .hint("list the providers: ai-gateway-filter llm list"),
        500.. => Failure::new(Kind::Unreachable, message).hint("try again later"),
        _ => Failure::new(Kind::Failed, message),
    }
}
