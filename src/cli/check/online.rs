//! `check --online`: whether this machine reaches the servers that the configuration names, and
//! whether they respond as expected.

use std::time::Duration;

use ai_gateway_core::authn::Issuer;
use ai_gateway_core::authn::jwk::KeySet;
use ai_gateway_core::authn::jwks::{JwksSource, Start};
use ai_gateway_core::aws::credentials::POD_IDENTITY;
use ai_gateway_core::base::time::UnixTime;
use ai_gateway_core::config::{Config, Document, Problem};
use ai_gateway_core::http::url::{Endpoint, Scheme};
use serde_json::Value;
use ureq::Agent;

use super::any_environment;
use super::report::{Finding, Severity};
use super::source::Source;
use crate::clock;
use crate::failure::Failure;
use crate::http::{self, Response};
use crate::oidc::is_downgrade;
use crate::output::progress;

/// With a larger skew, tokens are refused as not yet valid or expire early.
const MAX_SKEW: Duration = Duration::from_secs(30);

/// Tests every issuer and every provider of a valid configuration.
pub(super) fn findings(source: &Source) -> Vec<Finding> {
    let json = source.text.as_bytes();
    let (Ok(document), Ok(config)) = (Document::parse(json), Config::parse(json, &any_environment))
    else {
        return Vec::new(); // The caller has reported why.
    };
    let env = |name: &str| std::env::var(name).ok();
    let with_pod_identity: Vec<String> = match Config::parse(json, &env) {
        Ok(config) => {
            let names = config.providers_with_pod_identity(&env);
            names.map(str::to_owned).collect()
        }
        Err(_) => Vec::new(), // The caller has reported why.
    };
    let mut report = Report {
        source,
        agent: http::agent(),
        findings: Vec::new(),
    };
    for (index, issuer) in config.issuers().iter().enumerate() {
        report.issuer(&format!("/authentication/issuers/{index}"), issuer);
    }
    for (index, name) in document.provider_names().enumerate() {
        if with_pod_identity.iter().any(|it| it == name) {
            let path = format!("/providers/{index}/credentials");
            report.add(Severity::Error, &path, POD_IDENTITY.to_owned());
        }
        if let Some(provider) = config.providers.get(name) {
            let path = format!("/providers/{index}/base_url");
            report.provider(&path, &provider.base_url.to_string());
        }
    }
    report.findings
}

struct Report<'a> {
    source: &'a Source,
    agent: Agent,
    findings: Vec<Finding>,
}

impl Report<'_> {
    fn issuer(&mut self, path: &str, issuer: &Issuer) {
        let JwksSource::Remote(keys) = &issuer.keys else {
            return; // Inline keys were validated with the configuration.
        };
        let uri = match &keys.start {
            Start::KeySet(endpoint) => Some(url(endpoint)),
            Start::Discovery(endpoint) => self.discover(path, &issuer.issuer, &url(endpoint)),
        };
        let Some(uri) = uri else {
            return;
        };
        let at = format!("{path}/jwks_uri");
        let Some(response) = self.fetch(&at, &uri) else {
            return;
        };
        match KeySet::parse(&response.body) {
            Ok(keys) if keys.keys().is_empty() => {
                self.add(
                    Severity::Error,
                    &at,
                    format!("{uri} has no key that can be used"),
                );
            }
            Ok(keys) => {
                let count = keys.keys().len();
                self.add(Severity::Ok, &at, format!("{uri} has {count} usable keys"));
            }
            Err(error) => self.add(Severity::Error, &at, format!("{uri}: {error}")),
        }
    }

    /// The key set's URL in the issuer's discovery document (OpenID Connect Discovery 1.0).
    fn discover(&mut self, path: &str, issuer: &str, url: &str) -> Option<String> {
        let path = format!("{path}/issuer");
        let document = self.fetch(&path, url)?.json().unwrap_or_default();
        let named = document.get("issuer").and_then(Value::as_str);
        if named != Some(issuer) {
            let named = named.unwrap_or("none");
            self.add(
                Severity::Error,
                &path,
                format!(
                    "{url} names the issuer {named}; write it exactly like that, including a slash at the end"
                ),
            );
            return None;
        }
        let uri = document.get("jwks_uri").and_then(Value::as_str);
        if uri.is_none() {
            self.add(
                Severity::Error,
                &path,
                format!("{url} names no jwks_uri; set it in the configuration"),
            );
        }
        if let Some(uri) = uri.filter(|uri| is_downgrade(url, uri)) {
            let message = format!("{url} names the jwks_uri {uri}, which is not https");
            self.add(Severity::Error, &path, message);
            return None;
        }
        uri.map(str::to_owned)
    }

    /// Fetches a document, and compares its server's clock with this machine's.
    fn fetch(&mut self, path: &str, url: &str) -> Option<Response> {
        progress(&format!("requesting {url}"));
        match http::get(&self.agent, url, &[]) {
            Ok(response) if response.status == 200 => {
                self.compare_clocks(path, url, &response);
                Some(response)
            }
            Ok(response) => {
                self.add(
                    Severity::Error,
                    path,
                    format!("{url} answers {}", response.status),
                );
                None
            }
            Err(failure) => {
                self.fail(path, &failure);
                None
            }
        }
    }

    fn compare_clocks(&mut self, path: &str, url: &str, response: &Response) {
        let Some(skew) = response
            .header("date")
            .and_then(|date| skew(date, clock::now()))
        else {
            return;
        };
        if skew > MAX_SKEW {
            self.add(
                Severity::Warning,
                path,
                format!(
                    "the clocks of {url} and of this machine differ by {} s; let both follow NTP",
                    skew.as_secs()
                ),
            );
        }
    }

    /// Every response is a success, because this tests only name resolution, TCP and TLS.
    fn provider(&mut self, path: &str, url: &str) {
        progress(&format!("requesting {url}"));
        match http::get(&self.agent, url, &[]) {
            Ok(_) => self.add(Severity::Ok, path, format!("{url} answers")),
            Err(failure) => self.fail(path, &failure),
        }
    }

    fn fail(&mut self, path: &str, failure: &Failure) {
        self.add(Severity::Error, path, failure.message.clone());
        if let Some(finding) = self.findings.last_mut() {
            finding.hint.clone_from(&failure.hint);
        }
    }

    fn add(&mut self, severity: Severity, path: &str, message: String) {
        let problem = Problem {
            path: path.to_owned(),
            message,
        };
        self.findings
            .push(Finding::new(severity, self.source, problem));
    }
}

fn url(endpoint: &Endpoint) -> String {
    let scheme = match endpoint.scheme {
        Scheme::Http => "http",
        Scheme::Https => "https",
    };
    format!("{scheme}://{}{}", endpoint.authority, endpoint.target)
}

/// The difference between a server's `Date` and now, in either direction.
fn skew(date: &str, now: UnixTime) -> Option<Duration> {
    let date = httpdate::parse_http_date(date).ok()?;
    let since_epoch = date
        .duration_since(std::time::SystemTime::UNIX_EPOCH)
        .ok()?;
    let date = UnixTime::new(since_epoch);
    Some(now.saturating_since(date).max(date.saturating_since(now)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_compared_in_both_directions() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (now, seconds) in [(784_111_777, 0), (784_111_700, 77), (784_111_807, 30)] {
            let skew = skew(date, UnixTime::from_secs(now)).unwrap();
            assert_eq!(skew.as_secs(), seconds);
        }
        assert_eq!(skew("yesterday", UnixTime::from_secs(0)), None);
    }
}
