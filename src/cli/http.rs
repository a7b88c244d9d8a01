//! HTTP, as the command's own client: one answer for one request, with time limits.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use ureq::http::{HeaderMap, Response};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};

use super::failure::{Failure, Kind};
use super::output::detail;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(60);
const LARGEST_BODY: u64 = 16 * 1024 * 1024;
const NO_SUCH_HOST: &str = "check the host's name, and that this machine can resolve it";
const USER_AGENT: &str = concat!("ai-gateway-filter/", env!("CARGO_PKG_VERSION"));

/// An answer, whatever its status.
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Answer {
    /// The body, if it is JSON.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// A header's value, if it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// A client that trusts the system's certificate authorities, or those of `SSL_CERT_FILE` and
/// `SSL_CERT_DIR`, and follows no redirect: a token must not go where nobody sent it.
pub(super) fn agent() -> Agent {
    agent_with(Some(TIMEOUT))
}

/// The same without an end to an answer's time, for streams.
pub(super) fn streaming_agent() -> Agent {
    agent_with(None)
}

fn agent_with(timeout: Option<Duration>) -> Agent {
    let certificates: Vec<Certificate<'static>> = rustls_native_certs::load_native_certs()
        .certs
        .iter()
        .map(|certificate| Certificate::from_der(certificate.as_ref()).to_owned())
        .collect();
    let tls = TlsConfig::builder().root_certs(RootCerts::Specific(Arc::new(certificates)));
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_connect(Some(CONNECT_TIMEOUT))
        .timeout_global(timeout)
        .user_agent(USER_AGENT)
        .tls_config(tls.build())
        .build()
        .into()
}

/// Asks for a resource.
pub(super) fn get(agent: &Agent, url: &str, headers: &[(&str, &str)]) -> Result<Answer, Failure> {
    let mut request = agent.get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    answer(url, request.call())
}

/// Sends a body.
pub(super) fn post(
    agent: &Agent,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Answer, Failure> {
    let mut request = agent.post(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    answer(url, request.send(body))
}

fn answer(url: &str, response: Result<Response<Body>, ureq::Error>) -> Result<Answer, Failure> {
    let shown = url.split('?').next().unwrap_or(url);
    match &response {
        Ok(response) => detail(&format!("{shown} answers {}", response.status())),
        Err(error) => detail(&format!("{shown} cannot be had: {error}")),
    }
    let mut response = response.map_err(|error| unreachable(url, &error))?;
    let body = response
        .body_mut()
        .with_config()
        .limit(LARGEST_BODY)
        .read_to_vec()
        .map_err(|error| unreachable(url, &error))?;
    Ok(Answer {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body,
    })
}

/// What kept a server from answering, without the query, which may hold a secret.
pub(super) fn unreachable(url: &str, error: &ureq::Error) -> Failure {
    let url = url.split('?').next().unwrap_or(url);
    let hint = match error {
        ureq::Error::HostNotFound => NO_SUCH_HOST,
        ureq::Error::Io(error) if error.to_string().contains("lookup") => NO_SUCH_HOST,
        ureq::Error::Io(error) if error.to_string().contains("corrupt message") => {
            "the server speaks no TLS there: is it http://, or another port?"
        }
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) => {
            "check the server's certificate; name a private authority's file in SSL_CERT_FILE"
        }
        ureq::Error::Timeout(_) => "check that nothing drops the connection on the way",
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
            "name it as https://host or http://host:port"
        }
        _ => "check the address, and that the server runs",
    };
    Failure::new(Kind::Unreachable, format!("{url}: {error}")).hint(hint)
}
