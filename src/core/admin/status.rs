//! The body of `GET …/status`: the state of the gateway itself. It contains no secret.
//!
//! Counters are of all workers together. Keys and credentials are those of the worker that answers.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::authn::jwks::IssuerStatus;
use crate::aws::credentials_cache::CredentialStatus;
use crate::base::shared_data::SharedData;
use crate::base::time::UnixTime;
use crate::gateway::Gateway;
use crate::provider::Provider;
use crate::provider::credential::Credential;

/// The whole document.
#[derive(Serialize)]
pub struct StatusReport {
    version: &'static str,
    configuration: ConfigurationStatus,
    issuers: Vec<IssuerStatus>,
    credentials: Vec<CredentialStatus>,
    host: HostStatus,
    clock: ClockStatus,
    /// Requests that the gateway refused, by error code.
    refusals: BTreeMap<String, u64>,
}

/// The current configuration.
#[derive(Serialize)]
struct ConfigurationStatus {
    /// The digest of its bytes.
    sha256: String,
    loaded_at: Option<String>,
    age_seconds: u64,
}

/// What is known about the host.
#[derive(Serialize)]
struct HostStatus {
    /// Whether the host delivers a body while the headers are held; `None` if no request needed it.
    hands_over_held_bodies: Option<bool>,
    /// The largest body that was held for a signature or a model check.
    largest_held_body_bytes: u64,
    /// The smallest body that was too large for the host's buffer.
    smallest_refused_body_bytes: Option<u64>,
}

/// What is known about the clocks.
#[derive(Serialize)]
struct ClockStatus {
    /// The host's time.
    now: String,
    /// By how much a token's `iat` was ahead of it at most. The issuer's clock or the host's is
    /// wrong by that much.
    issuers_ahead_seconds: f64,
}

impl StatusReport {
    /// The state of a gateway, with the credentials of these providers.
    pub fn new(
        gateway: &Gateway,
        providers: &[&Provider],
        now: UnixTime,
        shared_data: &dyn SharedData,
    ) -> Self {
        let loaded_at = gateway.loaded_at().unwrap_or(now);
        let marks = gateway.high_water_marks.of_all_workers(shared_data);
        let clock_ahead = marks.clock_ahead.max(gateway.authenticator.clock_ahead());
        let counts = gateway.usage_totals.gateway_counts(shared_data);
        let is_delivered = counts.workers_with_held_bodies > 0;
        let is_withheld = counts.refusals.contains_key("body_withheld");
        let credentials = providers
            .iter()
            .map(|provider| credential_status(gateway, provider, now));
        Self {
            version: env!("CARGO_PKG_VERSION"),
            configuration: ConfigurationStatus {
                sha256: gateway.config.digest.clone(),
                loaded_at: Some(loaded_at.to_string()),
                age_seconds: now.saturating_since(loaded_at).as_secs(),
            },
            issuers: gateway.authenticator.status(now),
            credentials: credentials.collect(),
            host: HostStatus {
                hands_over_held_bodies: (is_delivered || is_withheld).then_some(is_delivered),
                largest_held_body_bytes: marks.largest_held_body,
                smallest_refused_body_bytes: marks.smallest_refused_body,
            },
            clock: ClockStatus {
                now: now.to_string(),
                issuers_ahead_seconds: clock_ahead.as_secs_f64(),
            },
            refusals: counts.refusals,
        }
    }
}

fn credential_status(gateway: &Gateway, provider: &Provider, now: UnixTime) -> CredentialStatus {
    let name = provider.name.as_str();
    let state = match (&provider.credential, gateway.aws.credentials.get(name)) {
        (Credential::Aws(_), Some(credentials)) => return credentials.status(name, now),
        (Credential::Aws(_), None) => "none",
        (Credential::ApiKey { .. }, _) => "configured",
        (Credential::Passthrough { .. }, _) => "passthrough",
        (Credential::None, _) => "not_needed",
    };
    CredentialStatus {
        provider: name.to_owned(),
        state,
        expires_at: None,
        fetching: None,
    }
}
