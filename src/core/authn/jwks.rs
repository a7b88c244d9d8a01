//! One issuer's keys and their life: when to fetch, how long to keep, what to say meanwhile.
//!
//! This is a state machine without I/O. [`JwksCache::poll`] says what to fetch, the host fetches it
//! and brings the answer to [`JwksCache::answered`]. [`fetch`] knows the callouts of one fetch.

mod fetch;

use std::rc::Rc;
use std::time::Duration;

pub use fetch::{RemoteKeys, Start};

use fetch::{Fetch, Step};

use super::jwk::{Algorithm, KeySet, VerificationKey};
use crate::base::shared_data::SharedData;
use crate::base::time::UnixTime;
use crate::fetch::callout::{Callout, CalloutResponse, Poll};
use crate::fetch::refresh::{FetchCounts, FetchState, Refresh, SharedEntry, Validity};
use crate::fetch::refresh::{FetchStatus, WaitPolicy};
use serde::Serialize;

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub enum JwksSource {
    /// From the configuration itself.
    Inline(KeySet),
    /// By HTTP.
    Remote(Box<RemoteKeys>),
}

/// What a token with an unknown key is to do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyMiss {
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

/// An issuer's keys.
#[derive(Serialize)]
pub struct IssuerStatus {
    /// The issuer.
    pub issuer: String,
    /// `inline`, `fresh`, `stale` or `none`.
    pub keys: &'static str,
    /// How many there are.
    pub count: usize,
    /// Since they were fetched.
    pub age_seconds: Option<u64>,
    #[serde(flatten)]
    #[allow(missing_docs, reason = "see there")]
    pub fetching: Option<FetchStatus>,
}

/// One issuer's keys.
pub struct JwksCache {
    keys: KeySet,
    remote: Option<Remote>,
}

struct Remote {
    fetch: Fetch,
    refresh: Refresh,
    fetched_at: Option<UnixTime>,
    /// Whether there are keys, and they are not too old to serve.
    serves: bool,
}

/// What is measured of an issuer's keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct JwksReport {
    /// The fetches that have ended here.
    pub fetches: FetchCounts,
    /// Since when there are these keys; the last ones, where they are too old to serve.
    pub age: Option<Duration>,
    /// Whether keys serve, or would, past the time at which they should have been fetched anew.
    pub is_stale: bool,
}

impl JwksCache {
    /// A source that has fetched nothing yet and wants to at once.
    pub fn new(settings: &JwksSource, shared_data: &dyn SharedData) -> Self {
        match settings {
            JwksSource::Inline(keys) => Self {
                keys: keys.clone(),
                remote: None,
            },
            JwksSource::Remote(settings) => {
                let fetch = Fetch::new((**settings).clone());
                let refresh = Refresh::new(fetch.name());
                refresh.prepare(shared_data);
                Self {
                    keys: KeySet::default(),
                    remote: Some(Remote {
                        fetch,
                        refresh,
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
    pub fn poll(&mut self, now: UnixTime, shared_data: &dyn SharedData) -> Poll {
        let Some(remote) = &mut self.remote else {
            return Poll::default();
        };
        let adopted = remote.refresh.adopt(shared_data);
        let settled = adopted.is_some();
        if let Some(SharedEntry {
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
        let callout = remote
            .refresh
            .begin(now, remote.fetch.time_limit(), shared_data)
            .then(|| remote.fetch.begin());
        Poll { settled, callout }
    }

    /// Gives up a fetch under way, since its worker ends.
    pub fn abandon(&self, shared_data: &dyn SharedData) {
        if let Some(remote) = &self.remote {
            remote.refresh.abandon(shared_data);
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
                remote.fetch.settings.issuer
            );
        }
        too_old
    }

    /// How the keys do, with the fetches that have ended here since this was last asked.
    pub fn report(&mut self, now: UnixTime) -> JwksReport {
        let Some(remote) = &mut self.remote else {
            return JwksReport::default();
        };
        let age = remote.fetched_at.map(|at| now.saturating_since(at));
        JwksReport {
            fetches: remote.refresh.take_fetches(),
            age,
            is_stale: remote.refresh.is_stale(now),
        }
    }

    /// How the keys do, for people.
    pub fn status(&self, issuer: &str, now: UnixTime) -> IssuerStatus {
        let fetched_at = self.remote.as_ref().and_then(|remote| remote.fetched_at);
        IssuerStatus {
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
    pub fn demand(&mut self, patience: WaitPolicy, now: UnixTime) -> KeyMiss {
        let Some(remote) = &mut self.remote else {
            return KeyMiss::Settled;
        };
        let next_attempt = match remote.refresh.standing() {
            FetchState::Due(next) if next > now => next,
            _ if patience != WaitPolicy::Decide => return KeyMiss::Wait,
            _ => now,
        };
        let may_ask = match patience {
            WaitPolicy::Wait => true,
            WaitPolicy::WaitForAnother => !remote.refresh.has_failed(),
            WaitPolicy::Decide => false,
        };
        let interval = remote.fetch.settings.refetch_interval;
        if may_ask && remote.serves && remote.refresh.demand(now, interval) {
            return KeyMiss::Wait;
        }
        if remote.serves && !remote.refresh.has_failed() {
            KeyMiss::Settled
        } else {
            let retry_after = next_attempt.saturating_since(now);
            KeyMiss::Unavailable {
                retry_after: retry_after.max(Duration::from_secs(1)),
            }
        }
    }

    /// Takes in the answer to the callout under way; the next callout, if the fetch has not ended.
    pub fn on_response(
        &mut self,
        answer: CalloutResponse<'_>,
        now: UnixTime,
        shared_data: &dyn SharedData,
    ) -> Option<Callout> {
        let remote = self.remote.as_mut()?;
        let lifetime = remote.fetch.lifetime(&answer);
        match remote.fetch.on_response(answer) {
            Ok(Step::Ask(callout)) => return Some(callout),
            Ok(Step::Fetched(keys, document)) => {
                let issuer = &remote.fetch.settings.issuer;
                log::info!("fetched {} keys of issuer {issuer}", keys.keys().len());
                self.keys = keys;
                remote.fetched_at = Some(now);
                remote.serves = true;
                let term = Validity::ahead(remote.refresh.name(), now, lifetime);
                remote.refresh.succeeded(document, now, term, shared_data);
            }
            Err(reason) => {
                let backoff = remote.refresh.failed(&reason, now, shared_data);
                log::warn!(
                    "cannot fetch the keys of issuer {}: {reason}; trying again in {backoff:?}{}",
                    remote.fetch.settings.issuer,
                    remote.meanwhile(now)
                );
            }
        }
        None
    }
}

impl Remote {
    /// Until when keys serve, stale ones included.
    fn serve_until(&self) -> Option<UnixTime> {
        let fresh_until = self.refresh.fresh_until()?;
        Some(fresh_until + self.fetch.settings.max_stale)
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
}

#[cfg(test)]
mod tests;
