//! One issuer's keys and their life: when to fetch, how long to keep, what to say meanwhile.
//!
//! This is a state machine without I/O. [`KeySource::poll`] says what to fetch, the host fetches it
//! and brings the answer to [`KeySource::answered`]. Discovery (OpenID Connect Discovery 1.0 §4)
//! is done anew at each refresh, so that a moved key set is followed.

use std::rc::Rc;
use std::time::Duration;

use serde::Deserialize;

use super::Patience;
use super::jwk::{Algorithm, KeySet, VerificationKey};
use crate::callout::{Answer, Callout, Clusters, Poll};
use crate::diagnosis::IssuerLine;
use crate::refresh::{Board, Fetches, Published, Refresh, Standing, Term};
use crate::time::UnixTime;
use crate::url::{Endpoint, Scheme};

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub enum KeySourceSettings {
    /// From the configuration itself.
    Inline(KeySet),
    /// By HTTP.
    Remote(Box<RemoteKeys>),
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
    /// How old keys may get, where their answer does not say so.
    pub refresh_interval: Duration,
    /// How old keys may get at least, whatever their answer says.
    pub min_refresh_interval: Duration,
    /// How old keys may get at most, whatever their answer says.
    pub max_refresh_interval: Duration,
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

/// A fetch is a discovery and a key set.
const CALLOUTS_OF_A_FETCH: u32 = 2;

/// One issuer's keys.
pub struct KeySource {
    keys: KeySet,
    remote: Option<Remote>,
}

struct Remote {
    settings: RemoteKeys,
    refresh: Refresh,
    asked: Asked,
    fetched_at: Option<UnixTime>,
    /// Whether there are keys, and they are not too old to serve.
    serves: bool,
}

/// What is measured of an issuer's keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct KeyReport {
    /// The fetches that have ended here.
    pub fetches: Fetches,
    /// Since when there are these keys; the last ones, where they are too old to serve.
    pub age: Option<Duration>,
    /// Whether keys serve, or would, past the time at which they should have been fetched anew.
    pub is_stale: bool,
}

/// What the callout under way asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Asked {
    Discovery,
    KeySet,
}

impl KeySource {
    /// A source that has fetched nothing yet and wants to at once.
    pub fn new(settings: &KeySourceSettings, board: &dyn Board) -> Self {
        match settings {
            KeySourceSettings::Inline(keys) => Self {
                keys: keys.clone(),
                remote: None,
            },
            KeySourceSettings::Remote(settings) => {
                let refresh = Refresh::new(settings.name());
                refresh.prepare(board);
                Self {
                    keys: KeySet::default(),
                    remote: Some(Remote {
                        settings: (**settings).clone(),
                        refresh,
                        asked: Asked::Discovery,
                        fetched_at: None,
                        serves: false,
                    }),
                }
            }
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

    /// Takes in what another worker has fetched, and begins a fetch that is due here.
    pub fn poll(&mut self, now: UnixTime, board: &dyn Board) -> Poll {
        let Some(remote) = &mut self.remote else {
            return Poll::default();
        };
        let adopted = remote.refresh.adopt(board);
        let settled = adopted.is_some();
        if let Some(Published {
            document: Some(document),
            at,
            ..
        }) = adopted
            && let Ok(keys) = KeySet::parse(document.as_bytes())
        {
            remote.fetched_at = Some(at);
            remote.serves = true;
            self.keys = keys;
        }
        let time_limit = remote.settings.timeout * CALLOUTS_OF_A_FETCH;
        let callout = remote
            .refresh
            .begin(now, time_limit, board)
            .then(|| remote.first_callout());
        Poll { settled, callout }
    }

    /// Gives up a fetch under way, since its worker ends.
    pub fn abandon(&self, board: &dyn Board) {
        if let Some(remote) = &self.remote {
            remote.refresh.abandon(board);
        }
    }

    /// Lets go of keys that are too old to serve; says whether it did.
    pub fn expire(&mut self, now: UnixTime) -> bool {
        let Some(remote) = &mut self.remote else {
            return false;
        };
        let too_old = remote.serves && remote.serve_until().is_some_and(|until| until < now);
        if too_old {
            remote.serves = false;
            self.keys = KeySet::default();
            log::warn!(
                "keys of issuer {} are too old to serve",
                remote.settings.issuer
            );
        }
        too_old
    }

    /// How the keys do, with the fetches that have ended here since this was last asked.
    pub fn report(&mut self, now: UnixTime) -> KeyReport {
        let Some(remote) = &mut self.remote else {
            return KeyReport::default();
        };
        let age = remote.fetched_at.map(|at| now.saturating_since(at));
        KeyReport {
            fetches: remote.refresh.take_fetches(),
            age,
            is_stale: remote.refresh.is_stale(now),
        }
    }

    /// How the keys do, for people.
    pub fn status(&self, issuer: &str, now: UnixTime) -> IssuerLine {
        let fetched_at = self.remote.as_ref().and_then(|remote| remote.fetched_at);
        IssuerLine {
            issuer: issuer.to_owned(),
            keys: match &self.remote {
                None => "inline",
                Some(remote) if !remote.serves => "none",
                Some(remote) if remote.refresh.is_stale(now) => "stale",
                Some(_) => "fresh",
            },
            count: self.keys.keys().len(),
            age_seconds: fetched_at.map(|at| now.saturating_since(at).as_secs()),
            fetching: self.remote.as_ref().map(|remote| remote.refresh.fetching()),
        }
    }

    /// What a token is to do whose key is not among these.
    pub fn demand(&mut self, patience: Patience, now: UnixTime) -> Demand {
        let Some(remote) = &mut self.remote else {
            return Demand::Settled;
        };
        let next_attempt = match remote.refresh.standing() {
            Standing::Due(next) if next > now => next,
            _ if patience == Patience::Wait => return Demand::Wait,
            _ => now,
        };
        let interval = remote.settings.refetch_interval;
        if patience == Patience::Wait && remote.serves && remote.refresh.demand(now, interval) {
            return Demand::Wait;
        }
        if remote.serves && !remote.refresh.has_failed() {
            Demand::Settled
        } else {
            let retry_after = next_attempt.saturating_since(now);
            Demand::Unavailable {
                retry_after: retry_after.max(Duration::from_secs(1)),
            }
        }
    }

    /// Takes in the answer to the callout under way; the next callout, if the fetch has not ended.
    pub fn answered(
        &mut self,
        answer: Answer<'_>,
        now: UnixTime,
        board: &dyn Board,
    ) -> Option<Callout> {
        let remote = self.remote.as_mut()?;
        let lifetime = remote.lifetime(&answer);
        match remote.taken_in(answer) {
            Ok(Outcome::Discovered(endpoint)) => {
                remote.asked = Asked::KeySet;
                return Some(remote.callout(endpoint));
            }
            Ok(Outcome::Fetched(keys, document)) => {
                let issuer = &remote.settings.issuer;
                log::info!("fetched {} keys of issuer {issuer}", keys.keys().len());
                self.keys = keys;
                remote.fetched_at = Some(now);
                remote.serves = true;
                let term = Term::ahead(remote.refresh.name(), now, lifetime);
                remote.refresh.succeeded(document, now, term, board);
            }
            Err(reason) => {
                let backoff = remote.refresh.failed(&reason, now, board);
                log::warn!(
                    "cannot fetch the keys of issuer {}: {reason}; trying again in {backoff:?}{}",
                    remote.settings.issuer,
                    remote.meanwhile(now)
                );
            }
        }
        None
    }
}

/// What an answer that could be used gave.
enum Outcome {
    Discovered(Endpoint),
    Fetched(KeySet, String),
}

/// The parts of a discovery document that matter.
#[derive(Deserialize)]
struct DiscoveryDocument {
    issuer: String,
    jwks_uri: String,
}

impl RemoteKeys {
    /// What workers know these keys by. Keys that come from elsewhere have another name.
    fn name(&self) -> String {
        let (Start::Discovery(start) | Start::KeySet(start)) = &self.start;
        let cluster = self.clusters.of(start.scheme);
        format!(
            "keys/{}/{cluster}/{}{}",
            self.issuer, start.authority, start.target
        )
    }
}

impl Remote {
    fn first_callout(&mut self) -> Callout {
        let (asked, endpoint) = match &self.settings.start {
            Start::Discovery(endpoint) => (Asked::Discovery, endpoint.clone()),
            Start::KeySet(endpoint) => (Asked::KeySet, endpoint.clone()),
        };
        self.asked = asked;
        self.callout(endpoint)
    }

    fn callout(&self, endpoint: Endpoint) -> Callout {
        Callout {
            cluster: self.settings.clusters.of(endpoint.scheme).to_owned(),
            method: "GET",
            endpoint,
            headers: Vec::new(),
            timeout: self.settings.timeout,
        }
    }

    /// Until when keys serve, stale ones included.
    fn serve_until(&self) -> Option<UnixTime> {
        let fresh_until = self.refresh.fresh_until()?;
        Some(fresh_until + self.settings.max_stale)
    }

    /// How long the keys of an answer are good.
    fn lifetime(&self, answer: &Answer<'_>) -> Duration {
        let settings = &self.settings;
        match answer {
            Answer::Response {
                lifetime: Some(lifetime),
                ..
            } => (*lifetime)
                .min(settings.max_refresh_interval)
                .max(settings.min_refresh_interval),
            _ => settings.refresh_interval,
        }
    }

    /// What becomes of tokens while keys cannot be fetched, as a log says it.
    fn meanwhile(&self, now: UnixTime) -> String {
        match self.serve_until() {
            Some(until) if self.serves && self.refresh.is_stale(now) => {
                format!("; the keys are stale and serve until {until}")
            }
            _ => String::new(),
        }
    }

    fn taken_in(&self, answer: Answer<'_>) -> Result<Outcome, String> {
        let body = answer.document()?;
        match self.asked {
            Asked::Discovery => self.discovered(body).map(Outcome::Discovered),
            Asked::KeySet => {
                let keys = KeySet::parse(body).map_err(|error| format!("the key set {error}"))?;
                let document = String::from_utf8_lossy(body).into_owned();
                Ok(Outcome::Fetched(keys, document))
            }
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
        let (Start::Discovery(start) | Start::KeySet(start)) = &self.settings.start;
        if endpoint.is_link_local() && !start.is_link_local() {
            return Err("the discovery document's jwks_uri is link-local".to_owned());
        }
        if start.scheme == Scheme::Https && endpoint.scheme == Scheme::Http {
            return Err("the discovery document's jwks_uri is not https".to_owned());
        }
        Ok(endpoint)
    }
}

#[cfg(test)]
mod tests;
