//! `GET …/status`: how the gateway itself does. Never a secret.
//!
//! Counts are of all workers together; keys and credentials as the worker that answers has them,
//! which is what it would use.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::authn::jwks::IssuerStatus;
use crate::aws::credentials_cache::CredentialStatus;
use crate::base::shared_data::SharedData;
use crate::base::time::UnixTime;

/// The whole document.
#[derive(Serialize)]
#[allow(missing_docs, reason = "the fields are what they are called")]
pub struct StatusReport {
    pub version: &'static str,
    pub configuration: ConfigurationStatus,
    pub issuers: Vec<IssuerStatus>,
    pub credentials: Vec<CredentialStatus>,
    pub host: HostStatus,
    pub clock: ClockStatus,
    /// Requests that were answered with an error here, by its code.
    pub refusals: BTreeMap<String, u64>,
}

/// Which configuration is at work.
#[derive(Serialize)]
pub struct ConfigurationStatus {
    /// Of its bytes.
    pub sha256: String,
    /// Since when.
    pub loaded_at: Option<String>,
    /// The same, as a time that has passed.
    pub age_seconds: u64,
}

/// What was seen of the host.
#[derive(Serialize)]
pub struct HostStatus {
    /// Whether it hands bodies over while headers are held; `None` while nobody has asked.
    pub hands_over_held_bodies: Option<bool>,
    /// The largest body that it held for a signature or a catalog.
    pub largest_held_body_bytes: u64,
    /// The smallest one that was too large for its buffer.
    pub smallest_refused_body_bytes: Option<u64>,
}

/// What was seen of clocks.
#[derive(Serialize)]
pub struct ClockStatus {
    /// This host's time.
    pub now: String,
    /// By how much a token's `iat` was ahead of it at most; the issuer's clock, or this one, is off.
    pub issuers_ahead_seconds: f64,
}

/// Extremes that were seen, by all workers.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields are those of the lines above")]
pub struct Extremes {
    pub largest_held_body: u64,
    pub smallest_refused_body: Option<u64>,
    pub clock_ahead: Duration,
}

/// This worker's part of them.
#[derive(Default)]
pub struct Witness {
    seen: Cell<Extremes>,
    published: Cell<Extremes>,
}

const EXTREMES: &str = "extremes";

impl Extremes {
    fn and(self, other: Self) -> Self {
        let refused = [self.smallest_refused_body, other.smallest_refused_body];
        Self {
            largest_held_body: self.largest_held_body.max(other.largest_held_body),
            smallest_refused_body: refused.into_iter().flatten().min(),
            clock_ahead: self.clock_ahead.max(other.clock_ahead),
        }
    }
}

impl Witness {
    /// Takes in something that was seen.
    pub fn note(&self, extremes: Extremes) {
        self.seen.set(self.seen.get().and(extremes));
    }

    /// What all workers have seen: others until they last published.
    pub fn extremes(&self, shared_data: &dyn SharedData) -> Extremes {
        let text = shared_data.read(EXTREMES).map(|(text, _)| text);
        let all = text.and_then(|text| serde_json::from_slice(&text).ok());
        self.seen.get().and(all.unwrap_or_default())
    }

    /// Has the other workers know, if there is anything new. What two workers write at once is
    /// written again by the one that lost.
    pub fn publish(&self, shared_data: &dyn SharedData) {
        if self.published.get() == self.seen.get() {
            return;
        }
        let version = shared_data.read(EXTREMES).map(|(_, version)| version);
        let text = serde_json::to_vec(&self.extremes(shared_data)).unwrap_or_default();
        if shared_data.write(EXTREMES, &text, version) {
            self.published.set(self.seen.get());
        }
    }
}

impl ConfigurationStatus {
    /// A configuration of this digest, at work since then.
    pub fn new(sha256: &str, loaded_at: UnixTime, now: UnixTime) -> Self {
        Self {
            sha256: sha256.to_owned(),
            loaded_at: Some(loaded_at.to_string()),
            age_seconds: now.saturating_since(loaded_at).as_secs(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MemoryBoard;

    #[test]
    fn workers_see_together_the_extremes_of_each() {
        let shared_data = MemoryBoard::default();
        let [one, other] = [(); 2].map(|()| Witness::default());
        one.note(Extremes {
            largest_held_body: 7,
            smallest_refused_body: Some(90),
            ..Extremes::default()
        });
        one.publish(&shared_data);
        other.note(Extremes {
            largest_held_body: 5,
            smallest_refused_body: Some(80),
            clock_ahead: Duration::from_secs(3),
        });
        other.publish(&shared_data);
        let expected = Extremes {
            largest_held_body: 7,
            smallest_refused_body: Some(80),
            clock_ahead: Duration::from_secs(3),
        };
        assert_eq!(one.extremes(&shared_data), expected);
        assert_eq!(other.extremes(&shared_data), expected);
        assert_eq!(Witness::default().extremes(&shared_data), expected);
    }
}
