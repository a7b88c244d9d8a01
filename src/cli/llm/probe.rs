//! `llm check`: follows one inexpensive request hop by hop, from this machine to the model.

use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use ai_gateway_core::http::url::Scheme;
use serde::Serialize;
use serde_json::json;

use crate::clients::{ProbeRequest, probe_request};
use crate::failure::{Failure, Kind};
use crate::gateway::{Gateway, Provider, error_code, error_message};
use crate::http::{self, Response};
use crate::output::{Format, progress, table};
use crate::session::{LOGIN, Session};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// The result of one hop.
#[derive(Serialize)]
struct Hop {
    #[serde(rename = "hop")]
    name: &'static str,
    outcome: Outcome,
    detail: String,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum Outcome {
    Ok,
    Failed,
    Skipped,
}

/// Tests the hops in order, up to the first one that fails.
pub(super) fn run(
    session: &Session,
    name: &str,
    model: Option<&str>,
    format: Format,
) -> Result<(), Failure> {
    let mut report = Report { hops: Vec::new() };
    let result = report.test(session, name, model);
    let hops = report.hops;
    let document = json!({ "provider": name, "ok": result.is_ok(), "hops": hops });
    format.print(&document, || {
        let rows = hops.iter().map(|hop| {
            let outcome = match hop.outcome {
                Outcome::Ok => "ok",
                Outcome::Failed => "FAILED",
                Outcome::Skipped => "skipped",
            };
            vec![hop.name.to_owned(), outcome.to_owned(), hop.detail.clone()]
        });
        table(&rows.collect::<Vec<_>>())
    })?;
    result
}

/// The hops tested so far.
struct Report {
    hops: Vec<Hop>,
}

impl Report {
    fn test(&mut self, session: &Session, name: &str, model: Option<&str>) -> Result<(), Failure> {
        self.connect(session)?;
        let token = self.add("token", session.token(), |_| "available".to_owned())?;
        let provider = self.provider(&Gateway::new(session, token.clone()), name)?;
        // A catalog's prefixes (`a-model-*`) name no model. With a catalog the gateway itself
        // answers the list of models, so it does not test the provider.
        let is_exact = |model: &&str| !model.ends_with('*');
        let models = provider.models.iter().map(String::as_str);
        let model = model.or_else(|| models.into_iter().find(is_exact));
        let may_list_models = provider.models.is_empty() && !provider.models_restricted;
        let request =
            probe_request(&provider.kind, model).filter(|_| model.is_some() || may_list_models);
        let Some(request) = request else {
            let failure = Failure::new(Kind::Usage, format!("\"{name}\" names no model to use"))
                .hint("give a model: --model <id>");
            return self.fail("model", failure);
        };
        if provider.authorization_passthrough {
            self.skip(
                "credential",
                "the provider expects your own credential, which this command does not have",
            );
            return Ok(());
        }
        let url = format!("{}/{}", session.proxy_url(name)?, request.path);
        progress(&format!("requesting {url}"));
        let response = self.add("gateway", send(&request, &url, &token), |response| {
            format!("answers {}", response.status)
        })?;
        self.response(&response, &request.path)
    }

    /// Resolves the gateway's name and connects to it.
    fn connect(&mut self, session: &Session) -> Result<(), Failure> {
        let endpoint = session.endpoint()?;
        let addresses = self.add(
            "name",
            resolve(endpoint.authority(), endpoint.scheme()),
            |addresses| match addresses.len() {
                1 => "1 address".to_owned(),
                count => format!("{count} addresses"),
            },
        )?;
        let connected = addresses
            .iter()
            .map(|address| TcpStream::connect_timeout(address, CONNECT_TIMEOUT).map(|_| *address))
            .reduce(|first, next| first.or(next))
            .unwrap_or_else(|| Err(std::io::ErrorKind::NotFound.into()))
            .map_err(|error| {
                let message = format!("{}: {error}", endpoint.authority());
                Failure::new(Kind::Unreachable, message).hint(
                    "check the port, that the gateway is running, and that no firewall blocks it",
                )
            });
        self.add("tcp", connected, |address| format!("{address} accepts"))?;
        if endpoint.scheme() == Scheme::Https {
            let agent = http::agent();
            let response = http::get(&agent, &session.providers_url()?, &[]);
            self.add("tls", response, |_| "the certificate is trusted".to_owned())?;
        }
        Ok(())
    }

    /// Gets the provider from the gateway's directory, because the request depends on its type.
    fn provider(&mut self, gateway: &Gateway, name: &str) -> Result<Provider, Failure> {
        let provider = gateway.provider(name);
        let hop = match &provider {
            Ok(_) => "provider",
            Err(failure) => match failure.kind {
                Kind::Unauthenticated => "token",
                Kind::Denied => "permission",
                Kind::NotFound => "provider",
                _ => "gateway",
            },
        };
        let provider = self.add(hop, provider, |provider| {
            format!(
                "{}, {}, at {}",
                provider.kind, provider.status, provider.base_url
            )
        })?;
        if provider.status == "disabled" {
            let failure = Failure::new(Kind::Denied, format!("\"{name}\" is disabled"))
                .hint("ask the gateway's operator");
            return self.fail("provider", failure);
        }
        Ok(provider)
    }

    /// Derives the outcome of the hops behind the gateway from the response.
    fn response(&mut self, response: &Response, path: &str) -> Result<(), Failure> {
        if let Some(code) = error_code(response) {
            let (hop, failure) = gateway_error(&code, response);
            return self.fail(hop, failure);
        }
        let status = response.status;
        if matches!(status, 401 | 403) {
            // The provider's message is not shown, because it may repeat a part of the key.
            let failure = Failure::new(
                Kind::Failed,
                format!("the provider refuses the gateway's credential with {status}"),
            );
            return self.fail(
                "credential",
                failure.hint(
                    "check the key's variable in Envoy's environment, and that the key may use this model",
                ),
            );
        }
        self.add("credential", Ok(()), |()| {
            "accepted by the provider".to_owned()
        })?;
        let failure = match status {
            200..300 => return self.add("model", Ok(()), |()| format!("{path} answers")),
            404 | 400 => Failure::new(
                Kind::NotFound,
                format!("the provider answers {status}: {}", error_message(response)),
            )
            .hint("choose another model: --model <id>"),
            429 => Failure::new(
                Kind::Failed,
                "the provider's rate limit or quota is exhausted",
            )
            .hint("wait, or ask the provider for a higher limit"),
            _ => Failure::new(Kind::Failed, format!("the provider answers {status}"))
                .hint("check the provider's status page"),
        };
        self.fail("model", failure)
    }

    /// Adds a hop with the detail of its result.
    fn add<T>(
        &mut self,
        name: &'static str,
        result: Result<T, Failure>,
        detail: impl FnOnce(&T) -> String,
    ) -> Result<T, Failure> {
        let (outcome, detail) = match &result {
            Ok(value) => (Outcome::Ok, detail(value)),
            Err(failure) => (Outcome::Failed, failure.message.clone()),
        };
        self.hops.push(Hop {
            name,
            outcome,
            detail,
        });
        result
    }

    fn fail<T>(&mut self, name: &'static str, failure: Failure) -> Result<T, Failure> {
        self.add(name, Err(failure), |_| String::new())
    }

    fn skip(&mut self, name: &'static str, reason: &str) {
        self.hops.push(Hop {
            name,
            outcome: Outcome::Skipped,
            detail: reason.to_owned(),
        });
    }
}

/// The hop and the failure that one of the gateway's own errors means.
fn gateway_error(code: &str, response: &Response) -> (&'static str, Failure) {
    let (hop, kind, hint) = match code {
        "permission_denied" => (
            "permission",
            Kind::Denied,
            "ask the gateway's operator for the permission to invoke",
        ),
        "provider_disabled" => ("provider", Kind::Denied, "ask the gateway's operator"),
        "provider_not_found" => (
            "provider",
            Kind::NotFound,
            "list the providers: ai-gateway-filter llm list",
        ),
        "model_not_found" => ("model", Kind::NotFound, "choose a model of the catalog"),
        "credentials_unavailable" => (
            "credential",
            Kind::Failed,
            "the gateway cannot get its credential for the provider; check Envoy's log",
        ),
        "upstream_unavailable" | "upstream_timeout" => (
            "upstream",
            Kind::Unreachable,
            "Envoy cannot reach the provider; check base_url, and the network of Envoy's machine",
        ),
        _ if response.status == 401 => ("token", Kind::Unauthenticated, LOGIN),
        _ => ("gateway", Kind::Failed, "check Envoy's log"),
    };
    (hop, Failure::new(kind, error_message(response)).hint(hint))
}

fn send(request: &ProbeRequest, url: &str, token: &str) -> Result<Response, Failure> {
    let (name, prefix) = request.token_header;
    let token = format!("{prefix}{token}");
    let mut headers = vec![(name, token.as_str()), ("content-type", "application/json")];
    headers.extend(request.headers);
    let agent = http::agent();
    match &request.body {
        Some(body) => http::post(&agent, url, &headers, body.to_string().as_bytes()),
        None => http::get(&agent, url, &headers),
    }
}

fn resolve(authority: &str, scheme: Scheme) -> Result<Vec<std::net::SocketAddr>, Failure> {
    let port = match scheme {
        Scheme::Http => 80,
        Scheme::Https => 443,
    };
    let has_port = authority
        .rsplit_once(':')
        .is_some_and(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let resolved = if has_port {
        authority.to_socket_addrs()
    } else {
        (authority.trim_matches(['[', ']']), port).to_socket_addrs()
    };
    resolved.map(Iterator::collect).map_err(|error| {
        Failure::new(Kind::Unreachable, format!("{authority}: {error}"))
            .hint("check the host name in --endpoint, and this machine's DNS")
    })
}
