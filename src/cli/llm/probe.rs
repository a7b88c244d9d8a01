//! `llm check`: one probe_request request, hop by hop from this machine to the provider's model.

use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use ai_gateway_core::http::url::Scheme;
use serde::Serialize;
use serde_json::json;

use crate::clients::probe_request;
use crate::failure::{Failure, Kind};
use crate::gateway::{Gateway, Provider, error_code, error_message};
use crate::http::{self, Answer};
use crate::output::{Format, progress, table};
use crate::session::Session;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

/// How one hop went.
#[derive(Serialize)]
struct Step {
    hop: &'static str,
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

/// Tries the hops in order, up to the first that fails.
pub(super) fn run(
    session: &Session,
    name: &str,
    model: Option<&str>,
    format: Format,
) -> Result<(), Failure> {
    let mut steps = Vec::new();
    let result = hops(session, name, model, &mut steps);
    let document = json!({ "provider": name, "ok": result.is_ok(), "hops": steps });
    format.print(&document, || {
        let rows = steps.iter().map(|step| {
            let outcome = match step.outcome {
                Outcome::Ok => "ok",
                Outcome::Failed => "FAILED",
                Outcome::Skipped => "skipped",
            };
            vec![step.hop.to_owned(), outcome.to_owned(), step.detail.clone()]
        });
        table(&rows.collect::<Vec<_>>())
    })?;
    result
}

fn hops(
    session: &Session,
    name: &str,
    model: Option<&str>,
    steps: &mut Vec<Step>,
) -> Result<(), Failure> {
    let mut log = Log(steps);
    let endpoint = session.endpoint()?;
    log.step(
        "name",
        resolve(endpoint.authority(), endpoint.scheme()),
        |addresses| format!("{} addresses", addresses.len()),
    )
    .and_then(|addresses| {
        let connected = addresses
            .iter()
            .map(|address| TcpStream::connect_timeout(address, CONNECT_TIMEOUT).map(|_| *address))
            .reduce(|first, next| first.or(next))
            .unwrap_or_else(|| Err(std::io::ErrorKind::NotFound.into()))
            .map_err(|error| {
                Failure::new(
                    Kind::Unreachable,
                    format!("{}: {error}", endpoint.authority()),
                )
                .hint("check the port, and that the gateway runs and is let through to")
            });
        log.step("tcp", connected, |address| format!("{address} accepts"))
    })?;
    if endpoint.scheme() == Scheme::Https {
        let agent = http::agent();
        let handshake = http::get(&agent, &session.providers_url()?, &[]);
        log.step("tls", handshake, |_| {
            "the certificate is trusted".to_owned()
        })?;
    }
    let token = log.step("token", session.token(), |_| "there is one".to_owned())?;
    let gateway = Gateway::new(session, token.clone());
    let provider = provider(&gateway, name, &mut log)?;
    // A catalog may name beginnings (`a-model-*`); and where there is one, the gateway itself lists models.
    let exact = |model: &&str| !model.ends_with('*');
    let model = model.or_else(|| provider.models.iter().map(String::as_str).find(exact));
    let can_be_listed = provider.models.is_empty();
    let request = probe_request(&provider.kind, model).filter(|_| model.is_some() || can_be_listed);
    let Some(request) = request else {
        let failure = Failure::new(
            Kind::Usage,
            format!("which model of \"{name}\" to ask is not known"),
        );
        return log.step(
            "model",
            Err(failure.hint("name a model: --model <id>")),
            |()| String::new(),
        );
    };
    if provider.authorization_passthrough {
        log.skip(
            "credential",
            "this provider takes your own, which is not here to be tried",
        );
        return Ok(());
    }
    let url = format!("{}/{}", session.proxy_url(name)?, request.path);
    progress(&format!("asking {url}"));
    let value = format!("{}{token}", request.token.1);
    let mut headers = vec![
        (request.token.0, value.as_str()),
        ("content-type", "application/json"),
    ];
    headers.extend(request.headers);
    let agent = http::agent();
    let answer = match &request.body {
        Some(body) => http::post(&agent, &url, &headers, body.to_string().as_bytes()),
        None => http::get(&agent, &url, &headers),
    };
    let answer = log.step("gateway", answer, |answer| {
        format!("answers {}", answer.status)
    })?;
    judge(&answer, &request.path, &mut log)
}

/// The provider, if the gateway shows it; without its type there is no request to be made.
fn provider(gateway: &Gateway, name: &str, log: &mut Log) -> Result<Provider, Failure> {
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
    let provider = log.step(hop, provider, |provider| {
        format!(
            "{}, {}, at {}",
            provider.kind, provider.status, provider.base_url
        )
    })?;
    if provider.status == "disabled" {
        let failure = Failure::new(Kind::Denied, format!("\"{name}\" is disabled"));
        return log.step(
            "provider",
            Err(failure.hint("ask whoever runs the gateway")),
            |_| String::new(),
        );
    }
    Ok(provider)
}

/// Whose answer it is, and what it says of the hops behind the gateway.
fn judge(answer: &Answer, path: &str, log: &mut Log) -> Result<(), Failure> {
    let status = answer.status;
    let failed = |kind, message: String, hint: &str| Err(Failure::new(kind, message).hint(hint));
    if let Some(code) = error_code(answer) {
        let message = error_message(answer);
        let (hop, kind, hint) = match code.as_str() {
            "permission_denied" => (
                "permission",
                Kind::Denied,
                "ask for the permission to invoke",
            ),
            "provider_disabled" => ("provider", Kind::Denied, "ask whoever runs the gateway"),
            "provider_not_found" => ("provider", Kind::NotFound, "ai-gateway-filter llm list"),
            "model_not_found" => ("model", Kind::NotFound, "choose a model of the catalog"),
            "credentials_unavailable" => (
                "credential",
                Kind::Failed,
                "the gateway cannot get its credential for the provider: see Envoy's log",
            ),
            "upstream_unavailable" | "upstream_timeout" => (
                "upstream",
                Kind::Unreachable,
                "Envoy cannot reach the provider: check base_url, and the way out of Envoy's machine",
            ),
            _ if status == 401 => ("token", Kind::Unauthenticated, super::super::session::LOGIN),
            _ => ("gateway", Kind::Failed, "see Envoy's log"),
        };
        return log.step(hop, failed(kind, message, hint), |()| String::new());
    }
    if matches!(status, 401 | 403) {
        // The provider's own words may repeat a part of the key.
        let result = failed(
            Kind::Failed,
            format!("the provider refuses the gateway's credential with {status}"),
            "check the key's variable where Envoy runs, and that the key may use this model",
        );
        return log.step("credential", result, |()| String::new());
    }
    log.step("credential", Ok(()), |()| {
        "the provider takes it".to_owned()
    })?;
    let result = match status {
        200..300 => Ok(()),
        404 | 400 => failed(
            Kind::NotFound,
            format!("the provider answers {status}: {}", error_message(answer)),
            "choose another model: --model <id>",
        ),
        429 => failed(
            Kind::Failed,
            "the provider's rate limit or quota is used up".to_owned(),
            "wait, or ask for more at the provider",
        ),
        _ => failed(
            Kind::Failed,
            format!("the provider answers {status}"),
            "see the provider's status page",
        ),
    };
    log.step("model", result, |()| format!("{path} answers"))
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
            .hint("check the host's name in --endpoint, and this machine's DNS")
    })
}

struct Log<'a>(&'a mut Vec<Step>);

impl Log<'_> {
    fn step<T>(
        &mut self,
        hop: &'static str,
        result: Result<T, Failure>,
        detail: impl FnOnce(&T) -> String,
    ) -> Result<T, Failure> {
        let (outcome, detail) = match &result {
            Ok(value) => (Outcome::Ok, detail(value)),
            Err(failure) => (Outcome::Failed, failure.message.clone()),
        };
        self.0.push(Step {
            hop,
            outcome,
            detail,
        });
        result
    }

    fn skip(&mut self, hop: &'static str, detail: &str) {
        self.0.push(Step {
            hop,
            outcome: Outcome::Skipped,
            detail: detail.to_owned(),
        });
    }
}
