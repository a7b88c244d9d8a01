//! Documents that are fetched, kept fresh, and fetched once for all workers of a host.
//!
//! Workers share nothing but a [`SharedData`]. Whoever finds a document due takes its lease, fetches it
//! and publishes what came of it, success or failure; the others read it there. A lease that is
//! not redeemed in time is free for the next.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::shared_data::SharedData;
use crate::base::time::UnixTime;

/// One document's life in one worker.
pub struct Refresh {
    name: String,
    state: State,
    failures: u32,
    last_error: Option<String>,
    seen: Option<u32>,
    fresh_until: Option<UnixTime>,
    demanded: Option<UnixTime>,
    fetches: FetchCounts,
}

/// How long a document is good.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Validity {
    /// When it is fetched anew.
    pub next: UnixTime,
    /// When it ends to be fresh, had it not been fetched anew.
    pub fresh_until: UnixTime,
}

/// How the fetches of a document go.
#[derive(Serialize, Default)]
pub struct FetchStatus {
    /// The next one; `None` while one is under way.
    pub next_fetch: Option<String>,
    /// Attempts that have failed in a row.
    pub failures: u32,
    /// Why the last one did.
    pub last_error: Option<String>,
}

/// Whether a token may wait for a fetch of keys.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaitPolicy {
    /// It may.
    Wait,
    /// It has waited for a fetch, which may have begun before its key was there; for one that begins now.
    WaitForAnother,
    /// It has waited; decide with what there is.
    Decide,
}

/// How many fetches have come to which end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs, reason = "the fields are what they are called")]
pub struct FetchCounts {
    pub succeeded: u64,
    pub failed: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Nobody here fetches it; it is due then, as was found at that moment.
    Idle { found: UnixTime, next: UnixTime },
    /// This worker fetches it.
    Fetching,
    /// Another worker does.
    Elsewhere,
}

/// What a worker found out, for all.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SharedEntry {
    /// The last document that could be had.
    pub document: Option<String>,
    /// When it was fetched.
    pub at: UnixTime,
    /// When it ends to be fresh.
    pub fresh_until: Option<UnixTime>,
    /// When it is due again.
    pub next: UnixTime,
    /// How many attempts have failed in a row.
    pub failures: u32,
    /// Why the last one did.
    #[serde(default)]
    pub last_error: Option<String>,
    /// When a fetch was last demanded, and made.
    pub demanded: Option<UnixTime>,
    /// When all this was found out.
    #[serde(default)]
    pub found: UnixTime,
}

/// How a fetch stands, to whoever wants the document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FetchState {
    /// Under way, here or elsewhere.
    UnderWay,
    /// Not under way; due then.
    Due(UnixTime),
}

/// The wait after a first failed fetch; it doubles with each further one.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);

/// The longest wait between two attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// Clocks that are set back by no more than this are waited for. After a larger step what was planned by the
/// old time would come too late: a key that was withdrawn would go on to count meanwhile.
const SMALL_STEP_BACK: Duration = Duration::from_secs(10);

/// The part of a document's time, in thousandths, after which it is fetched anew at the earliest.
const EARLIEST_REFRESH: u32 = 800;

/// The part of that time, in thousandths, over which refreshes are spread.
const REFRESH_SPREAD: u32 = 150;

impl Validity {
    /// Good for so long, and fetched anew ahead of that: after 80 to 95 % of it, by chance, so that
    /// gateways that began together do not ask together. The moment, to the nanosecond, and the
    /// document's name are chance enough.
    pub fn ahead(name: &str, now: UnixTime, lifetime: Duration) -> Self {
        let chance = crc32fast::hash(format!("{name}{now:?}").as_bytes()) % (REFRESH_SPREAD + 1);
        Self {
            next: now + lifetime / 1000 * (EARLIEST_REFRESH + chance),
            fresh_until: now + lifetime,
        }
    }
}

impl Refresh {
    /// A document that is due at once. Workers mean the same one by the same name.
    pub fn new(name: String) -> Self {
        Self {
            name,
            state: State::Idle {
                found: UnixTime::default(),
                next: UnixTime::default(),
            },
            failures: 0,
            last_error: None,
            seen: None,
            fresh_until: None,
            demanded: None,
            fetches: FetchCounts::default(),
        }
    }

    /// How the fetch stands.
    pub const fn standing(&self) -> FetchState {
        match self.state {
            State::Idle { next, .. } => FetchState::Due(next),
            State::Fetching | State::Elsewhere => FetchState::UnderWay,
        }
    }

    /// Whether the last attempt failed.
    pub const fn has_failed(&self) -> bool {
        self.failures > 0
    }

    /// How its fetches go.
    pub fn fetching(&self) -> FetchStatus {
        FetchStatus {
            next_fetch: match self.state {
                State::Idle { next, .. } => Some(next.to_string()),
                State::Fetching | State::Elsewhere => None,
            },
            failures: self.failures,
            last_error: self.last_error.clone(),
        }
    }

    /// What workers know the document by.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Whether the document is past its time, since it could not be fetched anew.
    pub fn is_stale(&self, now: UnixTime) -> bool {
        self.fresh_until.is_some_and(|until| until < now)
    }

    /// Until when the document is, or was, fresh.
    pub const fn fresh_until(&self) -> Option<UnixTime> {
        self.fresh_until
    }

    /// Makes the document due now, unless it is being fetched, or any worker has done so less than
    /// `interval` ago; says whether it did.
    pub fn demand(&mut self, now: UnixTime, interval: Duration) -> bool {
        let is_early = self
            .demanded
            .is_some_and(|last| now.saturating_since(last) < interval && !is_set_back(last, now));
        match &mut self.state {
            State::Idle { next, .. } if !is_early => {
                *next = now.min(*next);
                self.demanded = Some(now);
                true
            }
            _ => false,
        }
    }

    /// Puts an unheld lease on the shared_data, so that every taking of it is compared. To be called
    /// while the host sets up its workers one after the other.
    pub fn prepare(&self, shared_data: &dyn SharedData) {
        if shared_data.read(&self.lease()).is_none() {
            self.release(shared_data);
        }
    }

    /// Lets go of the lease, where a worker ends before its fetch.
    pub fn abandon(&self, shared_data: &dyn SharedData) {
        if self.state == State::Fetching {
            self.release(shared_data);
        }
    }

    /// What another worker has published since this was last asked.
    pub fn adopt(&mut self, shared_data: &dyn SharedData) -> Option<SharedEntry> {
        if self.state == State::Fetching {
            return None;
        }
        let (published, version) = self.published(shared_data)?;
        if self.seen.replace(version) == Some(version) {
            return None;
        }
        self.failures = published.failures;
        self.last_error.clone_from(&published.last_error);
        self.fresh_until = published.fresh_until;
        self.demanded = self.demanded.max(published.demanded);
        self.state = State::Idle {
            found: published.found,
            next: published.next,
        };
        Some(published)
    }

    /// Whether this worker is to fetch the document now; if so, it has `time_limit` for it.
    pub fn begin(
        &mut self,
        now: UnixTime,
        time_limit: Duration,
        shared_data: &dyn SharedData,
    ) -> bool {
        let due = match self.state {
            State::Idle { found, .. } if is_set_back(found, now) => now,
            State::Idle { next, .. } => next,
            // The shared_data tells whether that worker still has its lease.
            State::Elsewhere => now,
            State::Fetching => return false,
        };
        if due > now {
            return false;
        }
        let held = shared_data.read(&self.lease());
        let until: Option<UnixTime> = held
            .as_ref()
            .and_then(|(text, _)| serde_json::from_slice(text).ok());
        // Nobody takes a lease for so long, unless by a clock that has been set back since.
        let longest = now + time_limit + SMALL_STEP_BACK;
        if until.is_some_and(|until| now < until && until <= longest) {
            self.state = State::Elsewhere;
            return false;
        }
        let deadline = serde_json::to_vec(&(now + time_limit)).unwrap_or_default();
        let taken = shared_data.write(&self.lease(), &deadline, held.map(|(_, version)| version));
        self.state = if taken {
            State::Fetching
        } else {
            State::Elsewhere
        };
        taken
    }

    /// The fetch has brought the document.
    pub fn succeeded(
        &mut self,
        document: String,
        now: UnixTime,
        term: Validity,
        shared_data: &dyn SharedData,
    ) {
        self.failures = 0;
        self.last_error = None;
        self.fetches.succeeded += 1;
        self.fresh_until = Some(term.fresh_until);
        self.publish(Some(document), now, term.next, now, shared_data);
    }

    /// The fetch has failed; the wait until the next attempt. The last good document stays on the
    /// shared_data, for workers that are yet to come.
    pub fn failed(
        &mut self,
        reason: &str,
        now: UnixTime,
        shared_data: &dyn SharedData,
    ) -> Duration {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let backoff = FIRST_BACKOFF.saturating_mul(factor).min(MAX_BACKOFF);
        self.failures = self.failures.saturating_add(1);
        self.last_error = Some(reason.to_owned());
        self.fetches.failed += 1;
        let last = self.published(shared_data).map(|(published, _)| published);
        if let Some(last) = &last {
            self.fresh_until = last.fresh_until;
        }
        let (document, at) = last.map_or((None, now), |last| (last.document, last.at));
        self.publish(document, at, now + backoff, now, shared_data);
        backoff
    }

    /// The fetches that have ended here since this was last asked.
    pub fn take_fetches(&mut self) -> FetchCounts {
        std::mem::take(&mut self.fetches)
    }

    fn published(&self, shared_data: &dyn SharedData) -> Option<(SharedEntry, u32)> {
        let (text, version) = shared_data.read(&self.name)?;
        Some((serde_json::from_slice(&text).ok()?, version))
    }

    fn publish(
        &mut self,
        document: Option<String>,
        at: UnixTime,
        next: UnixTime,
        found: UnixTime,
        shared_data: &dyn SharedData,
    ) {
        self.state = State::Idle { found, next };
        let published = SharedEntry {
            document,
            at,
            fresh_until: self.fresh_until,
            next,
            failures: self.failures,
            last_error: self.last_error.clone(),
            demanded: self.demanded,
            found,
        };
        let text = serde_json::to_vec(&published).unwrap_or_default();
        shared_data.write(&self.name, &text, None);
        self.seen = shared_data.read(&self.name).map(|(_, version)| version);
        self.release(shared_data);
    }

    fn release(&self, shared_data: &dyn SharedData) {
        let long_ago = serde_json::to_vec(&UnixTime::default()).unwrap_or_default();
        shared_data.write(&self.lease(), &long_ago, None);
    }

    fn lease(&self) -> String {
        format!("{}/lease", self.name)
    }
}

/// Whether the clock has been set back since it showed `before`, by more than a little.
fn is_set_back(before: UnixTime, now: UnixTime) -> bool {
    before > now + SMALL_STEP_BACK
}

#[cfg(test)]
mod tests;
