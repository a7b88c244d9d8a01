//! `check --online`: whether what the configuration points at is there, as seen from this machine.

use std::time::Duration;

use ai_gateway_core::authn::jwk::KeySet;
use ai_gateway_core::base::time::UnixTime;
use ai_gateway_core::config::{Config, Problem};
use serde_json::Value;
use ureq::Agent;

use super::report::{Finding, Severity};
use super::source::Source;
use crate::clock;
use crate::failure::Failure;
use crate::http::{self, Answer};
use crate::output::progress;

/// Beyond this, tokens are refused as not yet valid, or live shorter than they say.
const MOST_SKEW: Duration = Duration::from_secs(30);

/// Tries every issuer and every provider of a configuration that the filter takes.
pub(super) fn findings(source: &Source, config: &Config) -> Vec<Finding> {
    let mut report = Report {
        source,
        agent: http::agent(),
        findings: Vec::new(),
    };
    let document: Value = serde_json::from_str(&source.text).unwrap_or_default();
    for (index, issuer) in array(document.pointer("/authentication/issuers")) {
        report.issuer(&format!("/authentication/issuers/{index}"), issuer);
    }
    for (index, provider) in array(document.get("providers")) {
        let name = provider.get("name").and_then(Value::as_str);
        if let Some(provider) = name.and_then(|name| config.providers.get(name)) {
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
    fn issuer(&mut self, path: &str, issuer: &Value) {
        if issuer.get("jwks").is_some() {
            return; // the keys stand in the configuration, and are found to be good
        }
        let uri = match issuer.get("jwks_uri").and_then(Value::as_str) {
            Some(uri) => uri.to_owned(),
            None => match self.discovered(path, issuer) {
                Some(uri) => uri,
                None => return,
            },
        };
        let at = format!("{path}/jwks_uri");
        let Some(answer) = self.fetch(&at, &uri) else {
            return;
        };
        match KeySet::parse(&answer.body) {
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

    /// The key set's address, by OpenID Connect Discovery.
    fn discovered(&mut self, path: &str, issuer: &Value) -> Option<String> {
        let name = issuer.get("issuer")?.as_str()?;
        let path = format!("{path}/issuer");
        let url = format!(
            "{}/.well-known/openid-configuration",
            name.trim_end_matches('/')
        );
        let document = self.fetch(&path, &url)?.json().unwrap_or_default();
        let says = document.get("issuer").and_then(Value::as_str);
        if says != Some(name) {
            let says = says.unwrap_or("none");
            self.add(
                Severity::Error,
                &path,
                format!(
                    "{url} names the issuer {says}: write it exactly so, a slash at the end counts"
                ),
            );
            return None;
        }
        let uri = document.get("jwks_uri").and_then(Value::as_str);
        if uri.is_none() {
            self.add(
                Severity::Error,
                &path,
                format!("{url} names no jwks_uri: give it in the configuration"),
            );
        }
        uri.map(str::to_owned)
    }

    /// A document that must be there; its server's clock is looked at along the way.
    fn fetch(&mut self, path: &str, url: &str) -> Option<Answer> {
        progress(&format!("asking {url}"));
        match http::get(&self.agent, url, &[]) {
            Ok(answer) if answer.status == 200 => {
                self.compare_clocks(path, url, &answer);
                Some(answer)
            }
            Ok(answer) => {
                self.add(
                    Severity::Error,
                    path,
                    format!("{url} answers {}", answer.status),
                );
                None
            }
            Err(failure) => {
                self.fail(path, &failure);
                None
            }
        }
    }

    fn compare_clocks(&mut self, path: &str, url: &str, answer: &Answer) {
        let Some(skew) = answer
            .header("date")
            .and_then(|date| skew(date, clock::now()))
        else {
            return;
        };
        if skew > MOST_SKEW {
            self.add(
                Severity::Warning,
                path,
                format!(
                    "the clock of {url} and this machine's differ by {} s: let both follow NTP",
                    skew.as_secs()
                ),
            );
        }
    }

    /// Any answer will do: what is wanted is that the name resolves, and that TLS comes about.
    fn provider(&mut self, path: &str, url: &str) {
        progress(&format!("asking {url}"));
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

/// How far a server's `Date` is from now, either way.
fn skew(date: &str, now: UnixTime) -> Option<Duration> {
    let date = httpdate::parse_http_date(date).ok()?;
    let since_epoch = date
        .duration_since(std::time::SystemTime::UNIX_EPOCH)
        .ok()?;
    let date = UnixTime::new(since_epoch);
    Some(now.saturating_since(date).max(date.saturating_since(now)))
}

fn array(value: Option<&Value>) -> impl Iterator<Item = (usize, &Value)> {
    value
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .enumerate()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_compared_both_ways() {
        let date = "Sun, 06 Nov 1994 08:49:37 GMT";
        for (now, seconds) in [(784_111_777, 0), (784_111_700, 77), (784_111_807, 30)] {
            let skew = skew(date, UnixTime::from_secs(now)).unwrap();
            assert_eq!(skew.as_secs(), seconds);
        }
        assert_eq!(skew("yesterday", UnixTime::from_secs(0)), None);
    }
}
