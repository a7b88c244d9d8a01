//! What was used since the start, by provider and model, all workers together.
//!
//! Each worker adds up for itself and publishes its totals on the [`SharedData`] in a slot that nobody
//! else writes, so that no update is lost. Whoever ends leaves its slot, and what it adds up to, to
//! the next: a new configuration loses nothing either. Who ends without a word, in a trap, renews
//! its slot no more, and leaves it so.

mod totals;
mod usage_report;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use usage_report::UsageReport;

use totals::{Total, Totals};

use crate::base::shared_data::SharedData;
use crate::base::time::UnixTime;
use crate::provider::Provider;
use crate::telemetry::AccessLogEntry;

/// One worker's part of the totals.
#[derive(Default)]
pub struct UsageTotals {
    totals: Totals,
    slot: Option<Place>,
    is_changed: bool,
    /// Whether the start is on the shared_data.
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

impl UsageTotals {
    /// Nothing is used yet. To be called while the host sets up its workers one after the other.
    pub fn new(shared_data: &dyn SharedData) -> Self {
        if shared_data.read(REGISTER).is_none() {
            shared_data.write(REGISTER, &json(&Register::default()), None);
        }
        Self::default()
    }

    /// Takes in a request that has ended; `model` as it is labelled.
    pub fn add(&mut self, record: &AccessLogEntry, model: &str) {
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
    pub fn counts(&self, shared_data: &dyn SharedData) -> BTreeMap<String, u64> {
        let own = self.of_all(shared_data).0.remove(OWN).unwrap_or_default();
        own.into_iter()
            .map(|(what, total)| (what, total.requests))
            .collect()
    }

    /// Has the other workers know, if there is anything new.
    pub fn publish(&mut self, now: UnixTime, shared_data: &dyn SharedData) {
        if !self.is_begun {
            self.is_begun = begin(now, shared_data);
        }
        let is_due = self.slot.as_ref().is_some_and(|slot| slot.renew_at <= now);
        if self.is_changed || is_due {
            self.is_changed = !self.write(now, now + HELD_FOR, shared_data);
        }
    }

    /// Leaves everything to the next worker, since this one ends.
    pub fn abandon(&mut self, now: UnixTime, shared_data: &dyn SharedData) {
        if self.slot.is_some() || self.is_changed {
            self.write(now, UnixTime::default(), shared_data);
        }
        *self = Self::default();
    }

    /// What all workers used of these providers: of this one until now, of the others until they
    /// last published.
    pub fn usage_report<'a>(
        &self,
        providers: impl Iterator<Item = &'a Provider>,
        shared_data: &dyn SharedData,
    ) -> UsageReport {
        let since = register(shared_data).0.since;
        UsageReport::new(since, providers, &self.of_all(shared_data))
    }

    fn of_all(&self, shared_data: &dyn SharedData) -> Totals {
        let mut totals = self.totals.clone();
        let own = self.slot.as_ref().map(|slot| slot.index);
        let others = (0..register(shared_data).0.slots).filter(|slot| Some(*slot) != own);
        for (slot, _) in others.filter_map(|slot| slot_at(slot, shared_data)) {
            totals.add_all(&slot.totals);
        }
        totals
    }

    /// Writes the totals into this worker's slot, which is taken first if there is none; says
    /// whether they are there.
    fn write(&mut self, now: UnixTime, held_until: UnixTime, shared_data: &dyn SharedData) -> bool {
        let Some((index, version)) = self.take_slot(now, shared_data) else {
            return false;
        };
        let totals = self.totals.clone();
        let text = json(&Slot { held_until, totals });
        if shared_data.write(&name(index), &text, version) {
            self.slot = version_of(index, shared_data).map(|version| Place {
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
    fn take_slot(
        &mut self,
        now: UnixTime,
        shared_data: &dyn SharedData,
    ) -> Option<(usize, Option<u32>)> {
        if let Some(slot) = &self.slot {
            return Some((slot.index, Some(slot.version)));
        }
        let (mut register, version) = register(shared_data);
        for index in 0..register.slots {
            if let Some((mut slot, version)) = slot_at(index, shared_data)
                && slot.held_until <= now
            {
                slot.held_until = now + HELD_FOR;
                if shared_data.write(&name(index), &json(&slot), Some(version)) {
                    self.totals.add_all(&slot.totals);
                    return Some((index, version_of(index, shared_data)));
                }
            }
        }
        let index = register.slots;
        register.slots += 1;
        let is_added = shared_data.write(REGISTER, &json(&register), Some(version));
        is_added.then_some((index, None))
    }
}

/// Puts the start on the shared_data; says whether it is there.
fn begin(now: UnixTime, shared_data: &dyn SharedData) -> bool {
    let (mut register, version) = register(shared_data);
    if register.since.is_none() {
        register.since = Some(now);
        return shared_data.write(REGISTER, &json(&register), Some(version));
    }
    true
}

fn register(shared_data: &dyn SharedData) -> (Register, u32) {
    let (text, version) = shared_data.read(REGISTER).unwrap_or_default();
    (serde_json::from_slice(&text).unwrap_or_default(), version)
}

fn slot_at(index: usize, shared_data: &dyn SharedData) -> Option<(Slot, u32)> {
    let (text, version) = shared_data.read(&name(index))?;
    Some((serde_json::from_slice(&text).ok()?, version))
}

fn version_of(slot: usize, shared_data: &dyn SharedData) -> Option<u32> {
    shared_data.read(&name(slot)).map(|(_, version)| version)
}

fn name(slot: usize) -> String {
    format!("{REGISTER}/{slot}")
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
