//! One issuer's keys: the current set, when to fetch it again, and what a token with an unknown key
//! means.

mod fetch;

use std::rc::Rc;
use std::time::Duration;

use serde::Serialize;

pub use fetch::{RemoteKeys, Start};

use super::jwk::{Algorithm, KeySet, KeySetFingerprint, VerificationKey};
use crate::base::shared_data::SharedData;
use crate::base::time::UnixTime;
use crate::fetch::refresh::{FetchCounts, FetchState, FetchStatus, WaitPolicy};
use crate::fetch::refreshed::{InlineOrRemote, Refreshed};

/// Where an issuer's keys come from.
#[derive(Clone, Debug)]
pub enum JwksSource {
    /// The configuration.
    Inline(KeySet),
    /// A URL.
    Remote(Box<RemoteKeys>),
}

/// What to do with a token whose key is not in the set.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeyMiss {
    /// Wait for the fetch that is under way or due.
    AwaitFetch,
    /// Reject it: the issuer does not publish such a key.
    UnknownKey,
    /// Fail: the current keys cannot be fetched.
    Unavailable {
        /// The time until the next attempt.
        retry_after: Duration,
    },
}

/// The status of an issuer's keys.
#[derive(Serialize)]
pub struct IssuerStatus {
    /// The issuer.
    pub issuer: String,
    /// `inline`, `fresh`, `stale` or `none`.
    pub keys: &'static str,
    /// The number of keys.
    pub count: usize,
    /// The time since they were fetched.
    pub age_seconds: Option<u64>,
    /// The fetches of remote keys.
    #[serde(flatten)]
    pub fetching: Option<FetchStatus>,
}

/// One issuer's keys.
pub type JwksCache = InlineOrRemote<RemoteKeys>;

/// The metrics of an issuer's keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct JwksReport {
    /// The fetches that ended in this worker.
    pub fetches: FetchCounts,
    /// The time since the last keys were fetched, even if they are too old to be used.
    pub age: Option<Duration>,
    /// Whether the last keys should have been replaced by now.
    pub is_stale: bool,
}

impl JwksCache {
    /// Remote keys are not fetched yet, and a fetch is due at once.
    pub fn new(source: &JwksSource, shared_data: &dyn SharedData) -> Self {
        match source {
            JwksSource::Inline(keys) => Self::Inline(keys.clone()),
            JwksSource::Remote(remote) => {
                let subject = format!("the keys of issuer {}", remote.issuer);
                Self::remote((**remote).clone(), subject, shared_data)
            }
        }
    }

    /// The keys that may have signed a token.
    pub fn matching(
        &self,
        id: Option<&str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &Rc<VerificationKey>> {
        let keys = self.value().into_iter();
        keys.flat_map(move |keys| keys.matching(id, algorithm))
    }

    /// All current keys.
    pub fn keys(&self) -> &[Rc<VerificationKey>] {
        self.value().map_or(&[], KeySet::keys)
    }

    /// Identifies the current keys, if there are any.
    pub fn fingerprint(&self) -> Option<&KeySetFingerprint> {
        self.value().map(KeySet::fingerprint)
    }

    /// Drops keys that have been stale for too long. Returns whether it did.
    pub fn expire(&mut self, now: UnixTime) -> bool {
        match self {
            Self::Inline(_) => false,
            Self::Remote(remote) => remote.expire(now),
        }
    }

    /// The metrics, with the fetches that ended in this worker since the last call.
    pub fn report(&mut self, now: UnixTime) -> JwksReport {
        match self {
            Self::Inline(_) => JwksReport::default(),
            Self::Remote(remote) => JwksReport {
                fetches: remote.take_fetches(),
                age: remote.fetched_at().map(|at| now.saturating_since(at)),
                is_stale: remote.is_stale(now),
            },
        }
    }

    /// The status, for people.
    pub fn status(&self, issuer: &str, now: UnixTime) -> IssuerStatus {
        let remote = self.as_remote();
        let fetched_at = remote.and_then(Refreshed::fetched_at);
        IssuerStatus {
            issuer: issuer.to_owned(),
            keys: match remote {
                None => "inline",
                Some(remote) if remote.value().is_none() => "none",
                Some(remote) if remote.is_stale(now) => "stale",
                Some(_) => "fresh",
            },
            count: self.keys().len(),
            age_seconds: fetched_at.map(|at| now.saturating_since(at).as_secs()),
            fetching: remote.map(Refreshed::status),
        }
    }

    /// What to do with a token whose key is not among these. The keys may have been rotated, so
    /// this requests a fetch, at most once in each `refetch_interval`.
    pub fn on_unknown_key(&mut self, wait_policy: WaitPolicy, now: UnixTime) -> KeyMiss {
        let Self::Remote(remote) = self else {
            return KeyMiss::UnknownKey;
        };
        let next_attempt = match remote.state() {
            FetchState::Due(next) if next > now => next,
            _ if wait_policy != WaitPolicy::DoNotWait => return KeyMiss::AwaitFetch,
            _ => now,
        };
        let may_request = match wait_policy {
            WaitPolicy::Wait => true,
            WaitPolicy::WaitOnceMore => !remote.has_failed(),
            WaitPolicy::DoNotWait => false,
        };
        let has_keys = remote.value().is_some();
        let interval = remote.source().refetch_interval;
        if may_request && has_keys && remote.request(now, interval) {
            return KeyMiss::AwaitFetch;
        }
        if has_keys && !remote.has_failed() {
            KeyMiss::UnknownKey
        } else {
            let retry_after = next_attempt.saturating_since(now);
            KeyMiss::Unavailable {
                retry_after: retry_after.max(Duration::from_secs(1)),
            }
        }
    }
}

#[cfg(test)]
mod tests;
