//! The HTTP client: sends one request with time limits and returns the whole response.

use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;
use ureq::http::HeaderMap;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};

use super::failure::{Failure, Kind};
use super::output::detail;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const TIMEOUT: Duration = Duration::from_secs(60);
const MAX_BODY_BYTES: u64 = 16 * 1024 * 1024;
const NO_SUCH_HOST: &str = "check the host's name, and that this machine can resolve it";
const USER_AGENT: &str = concat!("ai-gateway-filter/", env!("CARGO_PKG_VERSION"));

/// A response of any status.
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    pub(super) body: Vec<u8>,
}

impl Response {
    /// The body, if it is JSON.
    pub(super) fn json(&self) -> Option<Value> {
        serde_json::from_slice(&self.body).ok()
    }

    /// A header's value, if it is text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// An agent that trusts the system's certificate authorities, or those of `SSL_CERT_FILE` and
/// `SSL_CERT_DIR`. It follows no redirects, which could send a token to another server.
pub(super) fn agent() -> Agent {
    agent_with(Some(TIMEOUT))
}

/// The same without a time limit for the response, for streams.
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

/// Sends a `GET`.
pub(super) fn get(agent: &Agent, url: &str, headers: &[(&str, &str)]) -> Result<Response, Failure> {
    let mut request = agent.get(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    receive(url, request.call())
}

/// Sends a `POST`.
pub(super) fn post(
    agent: &Agent,
    url: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Result<Response, Failure> {
    let mut request = agent.post(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    receive(url, request.send(body))
}

fn receive(
    url: &str,
    response: Result<ureq::http::Response<Body>, ureq::Error>,
) -> Result<Response, Failure> {
    let shown_url = without_query(url);
    match &response {
        Ok(response) => detail(&format!("{shown_url} answers {}", response.status())),
        Err(error) => detail(&format!("{shown_url} is unreachable: {error}")),
    }
    let mut response = response.map_err(|error| unreachable(url, &error))?;
    let body = response
        .body_mut()
        .with_config()
        .limit(MAX_BODY_BYTES)
        .read_to_vec()
        .map_err(|error| unreachable(url, &error))?;
    Ok(Response {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body,
    })
}

/// The failure of a request without a response.
pub(super) fn unreachable(url: &str, error: &ureq::Error) -> Failure {
    let url = without_query(url);
    let hint = match error {
        ureq::Error::HostNotFound => NO_SUCH_HOST,
        ureq::Error::Io(error) if error.to_string().contains("lookup") => NO_SUCH_HOST,
        ureq::Error::Io(error) if error.to_string().contains("corrupt message") => {
            "the server does not speak TLS; check the scheme and the port"
        }
        ureq::Error::Rustls(_) | ureq::Error::Tls(_) => {
            "check the server's certificate; for a private authority, set SSL_CERT_FILE to its file"
        }
        ureq::Error::Timeout(_) => "check that no firewall drops the connection",
        ureq::Error::BadUri(_) | ureq::Error::Http(_) => {
            "write it as https://host or http://host:port"
        }
        _ => "check the address, and that the server is running",
    };
    Failure::new(Kind::Unreachable, format!("{url}: {error}")).hint(hint)
}

/// A URL without its query, which may contain a secret.
pub(super) fn without_query(url: &str) -> &str {
    url.split('?').next().unwrap_or(url)
}
