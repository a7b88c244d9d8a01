//! The gateway as this command asks it, and what its refusals mean.

use ai_gateway_core::reply::ERROR_HEADER;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use ureq::Agent;

use super::failure::{Failure, Kind};
use super::http::{self, Answer};
use super::output::progress;
use super::session::Session;

/// One gateway, asked with one token.
pub(super) struct Gateway<'a> {
    session: &'a Session,
    agent: Agent,
    authorization: String,
}

/// A provider, as the gateway shows it.
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
    #[serde(default)]
    pub(super) authorization_passthrough: bool,
}

impl<'a> Gateway<'a> {
    pub(super) fn new(session: &'a Session, token: String) -> Self {
        Self {
            session,
            agent: http::agent(),
            authorization: format!("Bearer {token}"),
        }
    }

    /// The providers that the token may see.
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
                format!("\"{name}\" cannot be a provider's name"),
            )
            .hint("ai-gateway-filter llm list shows the names"));
        }
        read(Some(self.get(&self.session.proxy_url(name)?)?))
    }

    fn get(&self, url: &str) -> Result<Value, Failure> {
        progress(&format!("asking {url}"));
        let headers = [
            ("authorization", self.authorization.as_str()),
            ("accept", "application/json"),
        ];
        let answer = http::get(&self.agent, url, &headers)?;
        match answer.json() {
            Some(document) if answer.status == 200 => Ok(document),
            _ => Err(refusal(url, &answer)),
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(document: Option<Value>) -> Result<T, Failure> {
    serde_json::from_value(document.unwrap_or_default()).map_err(|error| {
        Failure::new(
            Kind::Failed,
            format!("the gateway's answer is not understood: {error}"),
        )
        .hint("check that --endpoint names an AI gateway, and that both are of the same version")
    })
}

/// The gateway's stable word for an error; `None` where somebody else answered.
pub(super) fn error_code(answer: &Answer) -> Option<String> {
    answer.header(ERROR_HEADER).map(str::to_owned)
}

/// The message of an error's body, in the shapes that gateways and providers have.
pub(super) fn error_message(answer: &Answer) -> String {
    let document = answer.json().unwrap_or_default();
    ["/error/message", "/message", "/error"]
        .iter()
        .find_map(|path| document.pointer(path)?.as_str())
        .unwrap_or_default()
        .to_owned()
}

/// What an answer other than a good one means, and what to do.
pub(super) fn refusal(url: &str, answer: &Answer) -> Failure {
    let status = answer.status;
    if error_code(answer).is_none() {
        return Failure::new(
            Kind::Failed,
            format!("{url} answers {status}, and not as an AI gateway does"),
        )
        .hint("check --endpoint, and --path-prefix of `env add` if the gateway has another one");
    }
    let message = error_message(answer);
    match status {
        401 => Failure::new(Kind::Unauthenticated, message)
            .hint(format!("get a new token: {}", super::session::LOGIN)),
        403 => Failure::new(Kind::Denied, message)
            .hint("ask whoever runs the gateway for the permission"),
        404 => Failure::new(Kind::NotFound, message)
            .hint("ai-gateway-filter llm list shows the providers"),
        500.. => Failure::new(Kind::Unreachable, message).hint("try again later"),
        _ => Failure::new(Kind::Failed, message),
    }
}
