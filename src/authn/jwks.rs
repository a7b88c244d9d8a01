//! One issuer's keys and their life: when to fetch, how long to keep, what to say meanwhile.
//!
//! This is a state machine without I/O. [`KeySource::due`] says what to fetch, the host fetches it
//! and brings the answer to [`KeySource::answered`]. Discovery (OpenID Connect Discovery 1.0 §4)
//! is done anew at each refresh, so that a moved key set is followed.

use std::rc::Rc;
use std::time::Duration;

use serde::Deserialize;

use super::Patience;
use super::jwk::{Algorithm, KeySet, VerificationKey};
use crate::time::UnixTime;
use crate::url::{Endpoint, Scheme};

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub enum KeySourceSettings {
    /// From the configuration itself.
    Inline(KeySet),
    /// By HTTP.
    Remote(RemoteKeys),
}

/// How an issuer's keys are fetched.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RemoteKeys {
    /// The issuer, as its discovery document must name it.
    pub issuer: String,
    /// What is asked first.
    pub start: Start,
    /// The cluster to ask through, by the scheme of what is asked.
    pub clusters: Clusters,
    /// How long one callout may take.
    pub timeout: Duration,
    /// How old keys may be before they are fetched anew.
    pub refresh_interval: Duration,
    /// How long keys still serve when they cannot be fetched anew.
    pub max_stale: Duration,
    /// How long an unknown `kid` causes no other fetch after it caused one.
    pub refetch_interval: Duration,
}

/// What is asked first for keys.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Start {
    /// The issuer's discovery document, which names the key set.
    Discovery(Endpoint),
    /// The key set.
    KeySet(Endpoint),
}

/// The names of the clusters that callouts and requests go out by.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clusters {
    /// For `http` URLs.
    pub http: String,
    /// For `https` URLs.
    pub https: String,
}

/// A GET that the host is to send.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Callout {
    /// The cluster to send it through.
    pub cluster: String,
    /// What to get.
    pub endpoint: Endpoint,
    /// How long the answer may take.
    pub timeout: Duration,
}

/// What came of a callout.
#[derive(Clone, Copy, Debug)]
pub enum Answer<'a> {
    /// A response.
    Response {
        /// Its status.
        status: u16,
        /// Its body.
        body: &'a [u8],
    },
    /// A response whose body is over [`MAX_DOCUMENT_BYTES`] and was not read.
    TooLarge,
    /// No response in time, or no connection.
    NoResponse,
    /// The callout could not be sent: the host has no such cluster.
    Undeliverable,
}

/// Where a fetch stands after an answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Progress {
    /// Another callout follows.
    Next(Callout),
    /// It has ended: there are new keys, or the old ones stay.
    Settled,
}

/// What a token with an unknown key is to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Demand {
    /// Wait for the fetch that is under way or due.
    Wait,
    /// Take it that there is no such key.
    Settled,
    /// Give up: the keys cannot be had.
    Unavailable {
        /// When the next attempt is made.
        retry_after: Duration,
    },
}

/// Larger discovery documents and key sets are not read.
pub const MAX_DOCUMENT_BYTES: usize = 256 * 1024;

/// The wait after a first failed fetch; it doubles with each further one.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);

/// The longest wait between two attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// One issuer's keys.
pub struct KeySource {
    keys: KeySet,
    remote: Option<Remote>,
}

struct Remote {
    settings: RemoteKeys,
    fetch: Fetch,
    fetched_at: Option<UnixTime>,
    failures: u32,
    last_demand: Option<UnixTime>,
}

/// Where the fetching stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Fetch {
    /// Nothing under way; the next fetch begins then.
    Idle { next: UnixTime },
    /// The discovery document has been asked for.
    Discovering,
    /// The key set has been asked for.
    Fetching,
}

impl KeySource {
    /// A source that has fetched nothing yet and wants to at once.
    pub fn new(settings: &KeySourceSettings) -> Self {
        match settings {
            KeySourceSettings::Inline(keys) => Self {
                keys: keys.clone(),
                remote: None,
            },
            KeySourceSettings::Remote(settings) => Self {
                keys: KeySet::default(),
                remote: Some(Remote {
                    settings: settings.clone(),
                    fetch: Fetch::Idle {
                        next: UnixTime::default(),
                    },
                    fetched_at: None,
                    failures: 0,
                    last_demand: None,
                }),
            },
        }
    }

    /// The keys that may have signed a token.
    pub fn matching(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &Rc<VerificationKey>> {
        self.keys.matching(id, algorithm)
    }

    /// All keys of the moment.
    pub fn keys(&self) -> &[Rc<VerificationKey>] {
        self.keys.keys()
    }

    /// The fetch that is to begin now, if one is due; it counts as begun.
    pub fn due(&mut self, now: UnixTime) -> Option<Callout> {
        let remote = self.remote.as_mut()?;
        match remote.fetch {
            Fetch::Idle { next } if next <= now => Some(remote.begin()),
            _ => None,
        }
    }

    /// Lets go of keys that are too old to serve; says whether it did.
    pub fn expire(&mut self, now: UnixTime) -> bool {
        let Some(remote) = &mut self.remote else {
            return false;
        };
        let too_old = remote.fetched_at.is_some_and(|fetched_at| {
            now.saturating_since(fetched_at)
                > remote.settings.refresh_interval + remote.settings.max_stale
        });
        if too_old {
            remote.fetched_at = None;
            self.keys = KeySet::default();
            log::warn!(
                "keys of issuer {} are too old to serve",
                remote.settings.issuer
            );
        }
        too_old
    }

    /// What a token is to do whose key is not among these.
    pub fn demand(&mut self, patience: Patience, now: UnixTime) -> Demand {
        let Some(remote) = &mut self.remote else {
            return Demand::Settled;
        };
        let has_keys = remote.fetched_at.is_some();
        let next_attempt = match remote.fetch {
            Fetch::Idle { next } if next > now => next,
            _ if patience == Patience::Wait => return Demand::Wait,
            _ => now,
        };
        let may_fetch = has_keys
            && remote
                .last_demand
                .is_none_or(|last| now.saturating_since(last) >= remote.settings.refetch_interval);
        if patience == Patience::Wait && may_fetch {
            remote.last_demand = Some(now);
            remote.fetch = Fetch::Idle { next: now };
            return Demand::Wait;
        }
        if has_keys && remote.failures == 0 {
            Demand::Settled
        } else {
            let retry_after = next_attempt.saturating_since(now);
            Demand::Unavailable {
                retry_after: retry_after.max(Duration::from_secs(1)),
            }
        }
    }

    /// Takes in the answer to the callout under way.
    pub fn answered(&mut self, answer: Answer<'_>, now: UnixTime) -> Progress {
        let Some(remote) = &mut self.remote else {
            return Progress::Settled;
        };
        let outcome = document(answer).and_then(|body| match remote.fetch {
            Fetch::Discovering => remote
                .discovered(body)
                .map(|endpoint| Outcome::Discovered(remote.callout(endpoint))),
            _ => KeySet::parse(body)
                .map(Outcome::Fetched)
                .map_err(|error| format!("the key set {error}")),
        });
        match outcome {
            Ok(Outcome::Discovered(callout)) => {
                remote.fetch = Fetch::Fetching;
                Progress::Next(callout)
            }
            Ok(Outcome::Fetched(keys)) => {
                log::info!(
                    "fetched {} keys of issuer {}",
                    keys.keys().len(),
                    remote.settings.issuer
                );
                self.keys = keys;
                remote.failures = 0;
                remote.fetched_at = Some(now);
                remote.fetch = Fetch::Idle {
                    next: now + remote.settings.refresh_interval,
                };
                Progress::Settled
            }
            Err(reason) => {
                let backoff = backoff(remote.failures);
                log::warn!(
                    "cannot fetch the keys of issuer {}: {reason}; trying again in {backoff:?}",
                    remote.settings.issuer
                );
                remote.failures = remote.failures.saturating_add(1);
                remote.fetch = Fetch::Idle {
                    next: now + backoff,
                };
                Progress::Settled
            }
        }
    }
}

/// What an answer that could be used gave.
enum Outcome {
    Discovered(Callout),
    Fetched(KeySet),
}

/// The parts of a discovery document that matter.
#[derive(Deserialize)]
struct DiscoveryDocument {
    issuer: String,
    jwks_uri: String,
}

impl Remote {
    fn begin(&mut self) -> Callout {
        let (fetch, endpoint) = match &self.settings.start {
            Start::Discovery(endpoint) => (Fetch::Discovering, endpoint.clone()),
            Start::KeySet(endpoint) => (Fetch::Fetching, endpoint.clone()),
        };
        self.fetch = fetch;
        self.callout(endpoint)
    }

    fn callout(&self, endpoint: Endpoint) -> Callout {
        Callout {
            cluster: self.settings.clusters.of(endpoint.scheme).to_owned(),
            endpoint,
            timeout: self.settings.timeout,
        }
    }

    /// The key set's place. The document must be this issuer's own, and must not lead from TLS to
    /// plaintext.
    fn discovered(&self, body: &[u8]) -> Result<Endpoint, String> {
        let document: DiscoveryDocument = serde_json::from_slice(body).map_err(|_| {
            "the discovery document is not JSON with issuer and jwks_uri".to_owned()
        })?;
        if document.issuer != self.settings.issuer {
            return Err("the discovery document names another issuer".to_owned());
        }
        let endpoint = Endpoint::parse(&document.jwks_uri)
            .map_err(|error| format!("the discovery document's jwks_uri {error}"))?;
        let from_tls = matches!(
            &self.settings.start,
            Start::Discovery(start) if start.scheme == Scheme::Https
        );
        if from_tls && endpoint.scheme == Scheme::Http {
            return Err("the discovery document's jwks_uri is not https".to_owned());
        }
        Ok(endpoint)
    }
}

impl Clusters {
    /// The cluster for URLs of that scheme.
    pub fn of(&self, scheme: Scheme) -> &str {
        match scheme {
            Scheme::Http => &self.http,
            Scheme::Https => &self.https,
        }
    }
}

/// The body of an answer that is a document.
fn document(answer: Answer<'_>) -> Result<&[u8], String> {
    match answer {
        Answer::Response { status: 200, body } => Ok(body),
        Answer::Response { status, .. } => Err(format!("the answer's status is {status}")),
        Answer::TooLarge => Err(format!("the answer is over {MAX_DOCUMENT_BYTES} bytes")),
        Answer::NoResponse => Err("there was no answer in time".to_owned()),
        Answer::Undeliverable => Err("the host has no cluster to send the request by".to_owned()),
    }
}

fn backoff(failures: u32) -> Duration {
    FIRST_BACKOFF
        .saturating_mul(1_u32.checked_shl(failures).unwrap_or(u32::MAX))
        .min(MAX_BACKOFF)
}

#[cfg(test)]
mod tests;
