//! Documents that are fetched, kept fresh, and fetched once for all workers of a host.
//!
//! Workers share nothing but a [`Board`]. Whoever finds a document due takes its lease, fetches it
//! and publishes what came of it, success or failure; the others read it there. A lease that is
//! not redeemed in time is free for the next.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::time::UnixTime;

/// What the workers of one host share: small texts of bytes, each with a version.
pub trait Board {
    /// A text and its version, if it is there.
    fn read(&self, key: &str) -> Option<(Vec<u8>, u32)>;

    /// Replaces a text, if its version is still `expected` (`None`: whatever it is); says whether
    /// it did.
    fn write(&self, key: &str, text: &[u8], expected: Option<u32>) -> bool;
}

/// One document's life in one worker.
pub struct Refresh {
    name: String,
    state: State,
    failures: u32,
    seen: Option<u32>,
    fetches: Fetches,
}

/// How many fetches have come to which end.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[allow(missing_docs, reason = "the fields are what they are called")]
pub struct Fetches {
    pub succeeded: u64,
    pub failed: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Nobody here fetches it; it is due then.
    Idle { next: UnixTime },
    /// This worker fetches it.
    Fetching,
    /// Another worker does.
    Elsewhere,
}

/// What a worker found out, for all.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Published {
    /// The last document that could be had.
    pub document: Option<String>,
    /// When it was fetched.
    pub at: UnixTime,
    /// When it is due again.
    pub next: UnixTime,
    /// How many attempts have failed in a row.
    pub failures: u32,
}

/// How a fetch stands, to whoever wants the document.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Under way, here or elsewhere.
    UnderWay,
    /// Not under way; due then.
    Due(UnixTime),
}

/// The wait after a first failed fetch; it doubles with each further one.
const FIRST_BACKOFF: Duration = Duration::from_secs(1);

/// The longest wait between two attempts.
const MAX_BACKOFF: Duration = Duration::from_secs(30);

impl Refresh {
    /// A document that is due at once. Workers mean the same one by the same name.
    pub fn new(name: String) -> Self {
        Self {
            name,
            state: State::Idle {
                next: UnixTime::default(),
            },
            failures: 0,
            seen: None,
            fetches: Fetches::default(),
        }
    }

    /// How the fetch stands.
    pub const fn standing(&self) -> Standing {
        match self.state {
            State::Idle { next } => Standing::Due(next),
            State::Fetching | State::Elsewhere => Standing::UnderWay,
        }
    }

    /// Whether the last attempt failed.
    pub const fn has_failed(&self) -> bool {
        self.failures > 0
    }

    /// Makes the document due now, unless it is being fetched.
    pub fn demand(&mut self, now: UnixTime) {
        if let State::Idle { next } = &mut self.state {
            *next = now.min(*next);
        }
    }

    /// Puts an unheld lease on the board, so that every taking of it is compared. To be called
    /// while the host sets up its workers one after the other.
    pub fn prepare(&self, board: &dyn Board) {
        if board.read(&self.lease()).is_none() {
            self.release(board);
        }
    }

    /// Lets go of the lease, where a worker ends before its fetch.
    pub fn abandon(&self, board: &dyn Board) {
        if self.state == State::Fetching {
            self.release(board);
        }
    }

    /// What another worker has published since this was last asked.
    pub fn adopt(&mut self, board: &dyn Board) -> Option<Published> {
        if self.state == State::Fetching {
            return None;
        }
        let (published, version) = self.published(board)?;
        if self.seen.replace(version) == Some(version) {
            return None;
        }
        self.failures = published.failures;
        self.state = State::Idle {
            next: published.next,
        };
        Some(published)
    }

    /// Whether this worker is to fetch the document now; if so, it has `time_limit` for it.
    pub fn begin(&mut self, now: UnixTime, time_limit: Duration, board: &dyn Board) -> bool {
        let due = match self.state {
            State::Idle { next } => next,
            // The board tells whether that worker still has its lease.
            State::Elsewhere => now,
            State::Fetching => return false,
        };
        if due > now {
            return false;
        }
        let held = board.read(&self.lease());
        let until: Option<UnixTime> = held
            .as_ref()
            .and_then(|(text, _)| serde_json::from_slice(text).ok());
        if until.is_some_and(|until| until > now) {
            self.state = State::Elsewhere;
            return false;
        }
        let deadline = serde_json::to_vec(&(now + time_limit)).unwrap_or_default();
        let taken = board.write(&self.lease(), &deadline, held.map(|(_, version)| version));
        self.state = if taken {
            State::Fetching
        } else {
            State::Elsewhere
        };
        taken
    }

    /// The fetch has brought the document, which is good until `next`.
    pub fn succeeded(
        &mut self,
        document: String,
        now: UnixTime,
        next: UnixTime,
        board: &dyn Board,
    ) {
        self.failures = 0;
        self.fetches.succeeded += 1;
        self.publish(Some(document), now, next, board);
    }

    /// The fetch has failed; the wait until the next attempt. The last good document stays on the
    /// board, for workers that are yet to come.
    pub fn failed(&mut self, now: UnixTime, board: &dyn Board) -> Duration {
        let factor = 1_u32.checked_shl(self.failures).unwrap_or(u32::MAX);
        let backoff = FIRST_BACKOFF.saturating_mul(factor).min(MAX_BACKOFF);
        self.failures = self.failures.saturating_add(1);
        self.fetches.failed += 1;
        let last = self.published(board).map(|(published, _)| published);
        let (document, at) = last.map_or((None, now), |last| (last.document, last.at));
        self.publish(document, at, now + backoff, board);
        backoff
    }

    /// The fetches that have ended here since this was last asked.
    pub fn take_fetches(&mut self) -> Fetches {
        std::mem::take(&mut self.fetches)
    }

    fn published(&self, board: &dyn Board) -> Option<(Published, u32)> {
        let (text, version) = board.read(&self.name)?;
        Some((serde_json::from_slice(&text).ok()?, version))
    }

    fn publish(
        &mut self,
        document: Option<String>,
        at: UnixTime,
        next: UnixTime,
        board: &dyn Board,
    ) {
        self.state = State::Idle { next };
        let published = Published {
            document,
            at,
            next,
            failures: self.failures,
        };
        let text = serde_json::to_vec(&published).unwrap_or_default();
        board.write(&self.name, &text, None);
        self.seen = board.read(&self.name).map(|(_, version)| version);
        self.release(board);
    }

    fn release(&self, board: &dyn Board) {
        let long_ago = serde_json::to_vec(&UnixTime::default()).unwrap_or_default();
        board.write(&self.lease(), &long_ago, None);
    }

    fn lease(&self) -> String {
        format!("{}/lease", self.name)
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::cell::RefCell;
    use std::collections::HashMap;

    use super::*;

    /// A board in memory, as the host's shared data behaves.
    #[derive(Default)]
    pub(crate) struct MemoryBoard(RefCell<HashMap<String, (Vec<u8>, u32)>>);

    impl Board for MemoryBoard {
        fn read(&self, key: &str) -> Option<(Vec<u8>, u32)> {
            self.0.borrow().get(key).cloned()
        }

        fn write(&self, key: &str, text: &[u8], expected: Option<u32>) -> bool {
            let mut texts = self.0.borrow_mut();
            let version = texts.get(key).map_or(0, |(_, version)| *version);
            let may_write = expected.is_none_or(|expected| expected == version);
            if may_write {
                texts.insert(key.to_owned(), (text.to_vec(), version + 1));
            }
            may_write
        }
    }

    const LIMIT: Duration = Duration::from_secs(10);

    fn at(seconds: u64) -> UnixTime {
        UnixTime::from_secs(seconds)
    }

    fn workers() -> (MemoryBoard, [Refresh; 2]) {
        let board = MemoryBoard::default();
        let workers = [(); 2].map(|()| Refresh::new("document".into()));
        for worker in &workers {
            worker.prepare(&board);
        }
        (board, workers)
    }

    #[test]
    fn one_worker_fetches_and_all_have_the_document() {
        let (board, [mut one, mut other]) = workers();
        assert!(one.begin(at(100), LIMIT, &board));
        assert!(!other.begin(at(100), LIMIT, &board));
        assert_eq!(other.standing(), Standing::UnderWay);
        assert_eq!(other.adopt(&board), None);

        one.succeeded("text".into(), at(101), at(700), &board);
        let published = other.adopt(&board).unwrap();
        assert_eq!(published.document.as_deref(), Some("text"));
        assert_eq!(published.at, at(101));
        assert_eq!(other.standing(), Standing::Due(at(700)));
        assert_eq!(other.adopt(&board), None);
        assert_eq!(one.adopt(&board), None);
        assert!(!other.begin(at(699), LIMIT, &board));
        assert!(other.begin(at(700), LIMIT, &board));
    }

    #[test]
    fn a_lease_that_is_not_redeemed_is_taken_over() {
        let (board, [mut one, mut other]) = workers();
        assert!(one.begin(at(100), LIMIT, &board));
        assert!(!other.begin(at(105), LIMIT, &board));
        assert!(other.begin(at(110), LIMIT, &board));
    }

    #[test]
    fn a_worker_that_ends_gives_the_lease_back() {
        let (board, [mut one, mut other]) = workers();
        assert!(one.begin(at(100), LIMIT, &board));
        assert!(!other.begin(at(100), LIMIT, &board));
        one.abandon(&board);
        assert!(other.begin(at(100), LIMIT, &board));
    }

    #[test]
    fn failures_back_off_for_all() {
        let (board, [mut one, mut other]) = workers();
        let mut now = at(100);
        for wait in [1, 2, 4, 8, 16, 30, 30] {
            let (worker, idle) = if wait % 3 == 1 {
                (&mut one, &mut other)
            } else {
                (&mut other, &mut one)
            };
            assert!(worker.begin(now, LIMIT, &board));
            let backoff = worker.failed(now, &board);
            assert_eq!(backoff, Duration::from_secs(wait));
            assert_eq!(idle.adopt(&board).unwrap().document, None);
            assert!(idle.has_failed());
            now = now + backoff;
        }
        assert!(one.begin(now, LIMIT, &board));
        one.succeeded("text".into(), now, now + LIMIT, &board);
        assert!(!one.has_failed());
        let (succeeded, failed) = (1, 3);
        assert_eq!(one.take_fetches(), Fetches { succeeded, failed });
        assert_eq!(one.take_fetches(), Fetches::default());
    }

    #[test]
    fn a_demand_makes_a_document_due() {
        let (board, [mut one, _]) = workers();
        assert!(one.begin(at(100), LIMIT, &board));
        one.demand(at(100));
        assert_eq!(one.standing(), Standing::UnderWay);
        one.succeeded("text".into(), at(100), at(700), &board);
        one.demand(at(200));
        assert_eq!(one.standing(), Standing::Due(at(200)));
    }
}
