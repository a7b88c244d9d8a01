//! What was used since the start, by provider and model, all workers together.
//!
//! Each worker adds up for itself and publishes its totals on the [`Board`] in a slot that nobody
//! else writes, so that no update is lost. Whoever ends leaves its slot, and what it adds up to, to
//! the next: a new configuration loses nothing either. Who ends without a word, in a trap, renews
//! its slot no more, and leaves it so.

mod statement;
mod sums;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use statement::Statement;

use sums::{Total, Totals};

use crate::base::shared_data::Board;
use crate::base::time::UnixTime;
use crate::provider::Provider;
use crate::telemetry::Record;

/// One worker's part of the totals.
#[derive(Default)]
pub struct Ledger {
    totals: Totals,
    slot: Option<Place>,
    is_changed: bool,
    /// Whether the start is on the board.
    is_begun: bool,
}

/// The slot that a worker holds, as it wrote it last.
struct Place {
    index: usize,
    version: u32,
    written: Totals,
    renew_at: UnixTime,
}

/// What all workers agree upon.
#[derive(Default, Serialize, Deserialize)]
struct Register {
    slots: usize,
    since: Option<UnixTime>,
}

#[derive(Default, Serialize, Deserialize)]
struct Slot {
    /// Until then it is somebody's.
    held_until: UnixTime,
    totals: Totals,
}

const REGISTER: &str = "usage";

/// What the gateway counts of its own, in the place of a provider; none can have that name.
const OWN: &str = "!gateway";

/// A slot that was not written for so long is nobody's.
const HELD_FOR: Duration = Duration::from_secs(60);

/// A slot is written at least so often.
const RENEWED_AFTER: Duration = Duration::from_secs(15);

impl Ledger {
    /// Nothing is used yet. To be called while the host sets up its workers one after the other.
    pub fn new(board: &dyn Board) -> Self {
        if board.read(REGISTER).is_none() {
            board.write(REGISTER, &json(&Register::default()), None);
        }
        Self::default()
    }

    /// Takes in a request that has ended; `model` as it is labelled.
    pub fn add(&mut self, record: &Record, model: &str) {
        let tokens = &record.tokens;
        let total = Total {
            requests: 1,
            usage_unknown: u64::from(record.incomplete.is_some()),
            input_tokens: tokens.total_input(),
            output_tokens: tokens.total_output(),
            cached_read_tokens: tokens.cached_read,
            cache_write_tokens: tokens.cache_write(),
            reasoning_tokens: tokens.reasoning,
            cost: record.cost.map(|cost| cost.0),
        };
        self.totals.add(&record.provider, model, &total);
        self.is_changed = true;
    }

    /// Counts something of the gateway's own, which is nobody's use.
    pub fn count(&mut self, what: &str) {
        let total = Total {
            requests: 1,
            ..Total::default()
        };
        self.totals.add(OWN, what, &total);
        self.is_changed = true;
    }

    /// What was counted so by all workers.
    pub fn counts(&self, board: &dyn Board) -> BTreeMap<String, u64> {
        let own = self.of_all(board).0.remove(OWN).unwrap_or_default();
        own.into_iter()
            .map(|(what, total)| (what, total.requests))
            .collect()
    }

    /// Has the other workers know, if there is anything new.
    pub fn publish(&mut self, now: UnixTime, board: &dyn Board) {
        if !self.is_begun {
            self.is_begun = begin(now, board);
        }
        let is_due = self.slot.as_ref().is_some_and(|slot| slot.renew_at <= now);
        if self.is_changed || is_due {
            self.is_changed = !self.write(now, now + HELD_FOR, board);
        }
    }

    /// Leaves everything to the next worker, since this one ends.
    pub fn abandon(&mut self, now: UnixTime, board: &dyn Board) {
        if self.slot.is_some() || self.is_changed {
            self.write(now, UnixTime::default(), board);
        }
        *self = Self::default();
    }

    /// What all workers used of these providers: of this one until now, of the others until they
    /// last published.
    pub fn statement<'a>(
        &self,
        providers: impl Iterator<Item = &'a Provider>,
        board: &dyn Board,
    ) -> Statement {
        let since = register(board).0.since;
        Statement::new(since, providers, &self.of_all(board))
    }

    fn of_all(&self, board: &dyn Board) -> Totals {
        let mut totals = self.totals.clone();
        let own = self.slot.as_ref().map(|slot| slot.index);
        let others = (0..register(board).0.slots).filter(|slot| Some(*slot) != own);
        for (slot, _) in others.filter_map(|slot| slot_at(slot, board)) {
            totals.add_all(&slot.totals);
        }
        totals
    }

    /// Writes the totals into this worker's slot, which is taken first if there is none; says
    /// whether they are there.
    fn write(&mut self, now: UnixTime, held_until: UnixTime, board: &dyn Board) -> bool {
        let Some((index, version)) = self.take_slot(now, board) else {
            return false;
        };
        let totals = self.totals.clone();
        let text = json(&Slot { held_until, totals });
        if board.write(&name(index), &text, version) {
            self.slot = version_of(index, board).map(|version| Place {
                index,
                version,
                written: self.totals.clone(),
                renew_at: now + RENEWED_AFTER,
            });
            return true;
        }
        // Someone took this worker for gone, and the slot over with what was written there.
        if let Some(lost) = self.slot.take() {
            self.totals.subtract(&lost.written);
        }
        false
    }

    /// The slot of this worker, one that nobody holds, or a new one, and its version.
    fn take_slot(&mut self, now: UnixTime, board: &dyn Board) -> Option<(usize, Option<u32>)> {
        if let Some(slot) = &self.slot {
            return Some((slot.index, Some(slot.version)));
        }
        let (mut register, version) = register(board);
        for index in 0..register.slots {
            if let Some((mut slot, version)) = slot_at(index, board)
                && slot.held_until <= now
            {
                slot.held_until = now + HELD_FOR;
                if board.write(&name(index), &json(&slot), Some(version)) {
                    self.totals.add_all(&slot.totals);
                    return Some((index, version_of(index, board)));
                }
            }
        }
        let index = register.slots;
        register.slots += 1;
        let is_added = board.write(REGISTER, &json(&register), Some(version));
        is_added.then_some((index, None))
    }
}

/// Puts the start on the board; says whether it is there.
fn begin(now: UnixTime, board: &dyn Board) -> bool {
    let (mut register, version) = register(board);
    if register.since.is_none() {
        register.since = Some(now);
        return board.write(REGISTER, &json(&register), Some(version));
    }
    true
}

fn register(board: &dyn Board) -> (Register, u32) {
    let (text, version) = board.read(REGISTER).unwrap_or_default();
    (serde_json::from_slice(&text).unwrap_or_default(), version)
}

fn slot_at(index: usize, board: &dyn Board) -> Option<(Slot, u32)> {
    let (text, version) = board.read(&name(index))?;
    Some((serde_json::from_slice(&text).ok()?, version))
}

fn version_of(slot: usize, board: &dyn Board) -> Option<u32> {
    board.read(&name(slot)).map(|(_, version)| version)
}

fn name(slot: usize) -> String {
    format!("{REGISTER}/{slot}")
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
