//! When to fetch a document, so that it stays fresh and is fetched once for all workers of a host.
//!
//! Workers share nothing but a [`SharedData`]. The first worker for which a fetch is due takes the
//! document's lease, fetches the document and publishes the result, success or failure. The others
//! read it there. A lease expires, so that another worker can take over from one that has gone.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::shared_data::SharedData;
use crate::base::time::UnixTime;

/// The fetches of one document, as one worker sees them.
pub struct Refresh {
    name: String,
    state: WorkerState,
    failures: u32,
    last_error: Option<String>,
    /// The version of the shared entry that was read last.
    seen: Option<u32>,
    fresh_until: Option<UnixTime>,
    requested_at: Option<UnixTime>,
    fetches: FetchCounts,
}

/// How long a document is valid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Validity {
    /// When it is fetched again.
    pub next_fetch: UnixTime,
    /// When it becomes stale, unless it has been fetched again.
    pub fresh_until: UnixTime,
}

/// The state of a document's fetches, for people.
#[derive(Serialize, Default)]
pub struct FetchStatus {
    /// When the next one is due. `None` while one is under way.
    pub next_fetch: Option<String>,
    /// How many have failed in a row.
    pub failures: u32,
    /// Why the last one failed.
    pub last_error: Option<String>,
}

/// Whether a request may wait for a fetch.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum WaitPolicy {
    /// It may wait for a fetch that is under way or due.
    Wait,
    /// It has waited for one fetch, which may have started before the issuer published the key. It
    /// may wait for one that starts now.
    WaitOnceMore,
    /// It has waited long enough and uses what there is.
    DoNotWait,
}

/// How many fetches succeeded and failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct FetchCounts {
    /// Those that brought a valid document.
    pub succeeded: u64,
    /// All others.
    pub failed: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum WorkerState {
    /// No fetch is under way. The next one is due at `next`, as decided at `decided_at`.
    Idle {
        decided_at: UnixTime,
        next: UnixTime,
    },
    /// This worker is fetching.
    Fetching,
    /// Another worker is fetching.
    FetchingElsewhere,
}

/// What workers share about a document.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct SharedEntry {
    /// The last document that was fetched successfully.
    pub document: Option<String>,
    /// When it was fetched.
    #[serde(rename = "at")]
    pub fetched_at: UnixTime,
    /// When it becomes stale.
    pub fresh_until: Option<UnixTime>,
    /// When the next fetch is due.
    #[serde(rename = "next")]
    pub next_fetch: UnixTime,
    /// How many fetches have failed in a row.
    pub failures: u32,
    /// Why the last fetch failed.
    #[serde(default)]
    pub last_error: Option<String>,
    /// When a fetch was last requested ahead of its time.
    #[serde(rename = "demanded")]
    pub requested_at: Option<UnixTime>,
    /// When this entry was written.
    #[serde(rename = "found", default)]
    pub decided_at: UnixTime,
}

/// Whether a fetch is under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FetchState {
    /// One is under way, in this worker or another.
    UnderWay,
    /// None is under way. The next one is due at that time.
    Due(UnixTime),
}

/// The delay after the first failed fetch. It doubles with each further failure.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);

/// The longest delay between two attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

/// If the clock is set back by no more than this, fetches happen at the planned times. After a
/// larger step they would come too late, and a withdrawn key would be accepted meanwhile.
const SMALL_STEP_BACK: Duration = Duration::from_secs(10);

/// The part of a document's lifetime, in thousandths, after which it is refreshed at the earliest.
const EARLIEST_REFRESH: u32 = 800;

/// The part of that lifetime, in thousandths, over which refreshes are spread.
const REFRESH_SPREAD: u32 = 150;

impl Validity {
    /// Valid for `lifetime` and fetched again after 80 to 95 % of it. The time is spread, so that
    /// gateways that were started together do not fetch together. The current time in nanoseconds
    /// and the document's name are random enough for that.
    pub fn with_lifetime(name: &str, now: UnixTime, lifetime: Duration) -> Self {
        let jitter = crc32fast::hash(format!("{name}{now:?}").as_bytes()) % (REFRESH_SPREAD + 1);
        Self {
            next_fetch: now + lifetime / 1000 * (EARLIEST_REFRESH + jitter),
            fresh_until: now + lifetime,
        }
    }
}

impl Refresh {
    /// A document whose fetch is due at once. Its name is the same in all workers.
    pub fn new(name: String) -> Self {
        Self {
            name,
            state: WorkerState::Idle {
                decided_at: UnixTime::default(),
                next: UnixTime::default(),
            },
            failures: 0,
            last_error: None,
            seen: None,
            fresh_until: None,
            requested_at: None,
            fetches: FetchCounts::default(),
        }
    }

    /// Whether a fetch is under way, or when the next one is due.
    pub const fn state(&self) -> FetchState {
        match self.state {
            WorkerState::Idle { next, .. } => FetchState::Due(next),
            WorkerState::Fetching | WorkerState::FetchingElsewhere => FetchState::UnderWay,
        }
    }

    /// Whether the last fetch failed.
    pub const fn has_failed(&self) -> bool {
        self.failures > 0
    }

    /// The state of the fetches, for people.
    pub fn status(&self) -> FetchStatus {
        FetchStatus {
            next_fetch: match self.state() {
                FetchState::Due(next) => Some(next.to_string()),
                FetchState::UnderWay => None,
            },
            failures: self.failures,
            last_error: self.last_error.clone(),
        }
    }

    /// Whether the document should have been fetched again by now.
    pub fn is_stale(&self, now: UnixTime) -> bool {
        self.fresh_until.is_some_and(|until| until < now)
    }

    /// When the last document becomes, or became, stale.
    pub const fn fresh_until(&self) -> Option<UnixTime> {
        self.fresh_until
    }

    /// Makes a fetch due now, unless one is under way or any worker has requested one less than
    /// `interval` ago. Returns whether it did.
    pub fn request(&mut self, now: UnixTime, interval: Duration) -> bool {
        let is_early = self
            .requested_at
            .is_some_and(|last| now.saturating_since(last) < interval && !is_set_back(last, now));
        match &mut self.state {
            WorkerState::Idle { next, .. } if !is_early => {
                *next = now.min(*next);
                self.requested_at = Some(now);
                true
            }
            _ => false,
        }
    }

    /// Creates a free lease, so that a worker that takes it can compare its version. Call this
    /// while the host sets up its workers one after the other.
    pub fn init_lease(&self, shared_data: &dyn SharedData) {
        if shared_data.read(&self.lease()).is_none() {
            self.release(shared_data);
        }
    }

    /// Releases the lease, because this worker ends before its fetch.
    pub fn shutdown(&self, shared_data: &dyn SharedData) {
        if self.state == WorkerState::Fetching {
            self.release(shared_data);
        }
    }

    /// Reads what another worker has published since the last call.
    pub fn sync(&mut self, shared_data: &dyn SharedData) -> Option<SharedEntry> {
        if self.state == WorkerState::Fetching {
            return None;
        }
        let (entry, version) = self.entry(shared_data)?;
        if self.seen.replace(version) == Some(version) {
            return None;
        }
        self.failures = entry.failures;
        self.last_error.clone_from(&entry.last_error);
        self.fresh_until = entry.fresh_until;
        self.requested_at = self.requested_at.max(entry.requested_at);
        self.state = WorkerState::Idle {
            decided_at: entry.decided_at,
            next: entry.next_fetch,
        };
        Some(entry)
    }

    /// Takes the lease if a fetch is due and no other worker has it. Returns whether this worker is
    /// to fetch the document now, within `time_limit`.
    pub fn try_start(
        &mut self,
        now: UnixTime,
        time_limit: Duration,
        shared_data: &dyn SharedData,
    ) -> bool {
        let due = match self.state {
            WorkerState::Idle { decided_at, .. } if is_set_back(decided_at, now) => now,
            WorkerState::Idle { next, .. } => next,
            // The other worker's lease may have expired.
            WorkerState::FetchingElsewhere => now,
            WorkerState::Fetching => return false,
        };
        if due > now {
            return false;
        }
        let lease = shared_data.read(&self.lease());
        let until: Option<UnixTime> = lease
            .as_ref()
            .and_then(|(text, _)| serde_json::from_slice(text).ok());
        // A lease that lasts longer was taken before the clock was set back.
        let longest = now + time_limit + SMALL_STEP_BACK;
        if until.is_some_and(|until| now < until && until <= longest) {
            self.state = WorkerState::FetchingElsewhere;
            return false;
        }
        let deadline = serde_json::to_vec(&(now + time_limit)).unwrap_or_default();
        let version = lease.map(|(_, version)| version);
        let is_taken = shared_data.write(&self.lease(), &deadline, version);
        self.state = if is_taken {
            WorkerState::Fetching
        } else {
            WorkerState::FetchingElsewhere
        };
        is_taken
    }

    /// Publishes a document that was fetched.
    pub fn succeeded(
        &mut self,
        document: String,
        now: UnixTime,
        validity: Validity,
        shared_data: &dyn SharedData,
    ) {
        self.failures = 0;
        self.last_error = None;
        self.fetches.succeeded += 1;
        self.fresh_until = Some(validity.fresh_until);
        self.publish(Some(document), now, validity.next_fetch, now, shared_data);
    }

    /// Publishes that a fetch failed, and returns the delay until the next attempt. The last good
    /// document stays published for workers that start later.
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
        let last = self.entry(shared_data).map(|(entry, _)| entry);
        if let Some(last) = &last {
            self.fresh_until = last.fresh_until;
        }
        let (document, at) = last.map_or((None, now), |last| (last.document, last.fetched_at));
        self.publish(document, at, now + backoff, now, shared_data);
        backoff
    }

    /// Takes the number of fetches that ended in this worker since the last call.
    pub fn take_fetches(&mut self) -> FetchCounts {
        std::mem::take(&mut self.fetches)
    }

    fn entry(&self, shared_data: &dyn SharedData) -> Option<(SharedEntry, u32)> {
        let (text, version) = shared_data.read(&self.name)?;
        Some((serde_json::from_slice(&text).ok()?, version))
    }

    fn publish(
        &mut self,
        document: Option<String>,
        fetched_at: UnixTime,
        next_fetch: UnixTime,
        now: UnixTime,
        shared_data: &dyn SharedData,
    ) {
        self.state = WorkerState::Idle {
            decided_at: now,
            next: next_fetch,
        };
        let entry = SharedEntry {
            document,
            fetched_at,
            fresh_until: self.fresh_until,
            next_fetch,
            failures: self.failures,
            last_error: self.last_error.clone(),
            requested_at: self.requested_at,
            decided_at: now,
        };
        let text = serde_json::to_vec(&entry).unwrap_or_default();
        shared_data.write(&self.name, &text, None);
        self.seen = shared_data.read(&self.name).map(|(_, version)| version);
        self.release(shared_data);
    }

    fn release(&self, shared_data: &dyn SharedData) {
        let expired = serde_json::to_vec(&UnixTime::default()).unwrap_or_default();
        shared_data.write(&self.lease(), &expired, None);
    }

    fn lease(&self) -> String {
        format!("{}/lease", self.name)
    }
}

/// Whether the clock, which once showed `before`, has been set back by more than a small step.
fn is_set_back(before: UnixTime, now: UnixTime) -> bool {
    before > now + SMALL_STEP_BACK
}

#[cfg(test)]
mod tests;
