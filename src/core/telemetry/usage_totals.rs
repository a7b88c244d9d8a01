//! Usage since the start by provider and model, of all workers together.
//!
//! Each worker adds up its own totals and publishes them in [`SharedData`], in a slot that no other
//! worker writes to, so that no update is lost. A worker that shuts down leaves its slot and its
//! totals to the next one, so a new configuration loses nothing either. A worker that traps stops
//! renewing its slot. The slot expires and is taken over in the same way.

mod gateway_counts;
mod totals;
mod usage_report;

use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use gateway_counts::GatewayCounts;
pub use usage_report::UsageReport;

use totals::{Total, Totals};

use crate::base::shared_data::SharedData;
use crate::base::time::UnixTime;
use crate::provider::Provider;
use crate::telemetry::{AccessLogEntry, OtherModelUsage};

/// One worker's totals, and its slot.
#[derive(Default)]
pub struct UsageTotals {
    totals: WorkerTotals,
    slot: Option<OwnSlot>,
    is_changed: bool,
    /// Whether the time of the start has been published.
    is_start_published: bool,
}

/// What a worker publishes: the usage of the providers, and the gateway's own counters.
#[derive(Clone, Default, Serialize, Deserialize)]
struct WorkerTotals {
    usage: Totals,
    gateway: GatewayCounts,
}

/// The slot that a worker holds, as it last wrote it.
struct OwnSlot {
    index: usize,
    version: u32,
    written: WorkerTotals,
    renew_at: UnixTime,
}

/// What all workers share besides their slots.
#[derive(Default, Serialize, Deserialize)]
struct Register {
    slots: usize,
    since: Option<UnixTime>,
}

#[derive(Default, Serialize, Deserialize)]
struct Slot {
    /// Until then the slot belongs to the worker that wrote it.
    held_until: UnixTime,
    totals: WorkerTotals,
}

const REGISTER: &str = "usage";

/// A slot that was not renewed for so long is free.
const HELD_FOR: Duration = Duration::from_secs(60);

/// A slot is renewed after this time.
const RENEWED_AFTER: Duration = Duration::from_secs(15);

impl WorkerTotals {
    fn add_all(&mut self, other: &Self) {
        self.usage.add_all(&other.usage);
        self.gateway.add_all(&other.gateway);
    }

    fn subtract(&mut self, earlier: &Self) {
        self.usage.subtract(&earlier.usage);
        self.gateway.subtract(&earlier.gateway);
    }
}

impl UsageTotals {
    /// Empty totals. Call this while the host sets up its workers one after the other.
    pub fn new(shared_data: &dyn SharedData) -> Self {
        if shared_data.read(REGISTER).is_none() {
            shared_data.write(REGISTER, &json(&Register::default()), None);
        }
        Self::default()
    }

    /// Adds a request that has ended, under the label value of its model.
    pub fn add(&mut self, entry: &AccessLogEntry, model: &str) {
        let total = Total {
            requests: 1,
            usage_unknown: u64::from(entry.incomplete.is_some()),
            cost_incomplete: u64::from(!entry.cost_gaps.is_empty()),
            ..Total::of(&entry.tokens, entry.cost)
        };
        self.totals.usage.add(&entry.provider, model, &total);
        self.is_changed = true;
    }

    /// Adds what another model used, under its label value.
    pub fn add_other(&mut self, provider: &str, other: &OtherModelUsage, model: &str) {
        let total = Total::of(&other.tokens, other.cost);
        self.totals.usage.add(provider, model, &total);
        self.is_changed = true;
    }

    /// Counts a request that the gateway refused.
    pub fn count_refusal(&mut self, code: &str) {
        self.totals.gateway.add_refusal(code);
        self.is_changed = true;
    }

    /// Counts this worker among those that received a request's body while its headers were held.
    /// Call this once.
    pub fn count_held_bodies(&mut self) {
        self.totals.gateway.workers_with_held_bodies += 1;
        self.is_changed = true;
    }

    /// The gateway's own counters, of all workers.
    pub fn gateway_counts(&self, shared_data: &dyn SharedData) -> GatewayCounts {
        self.of_all_workers(shared_data).gateway
    }

    /// Publishes the totals if they have changed, and renews the slot if that is due.
    pub fn publish(&mut self, now: UnixTime, shared_data: &dyn SharedData) {
        if !self.is_start_published {
            self.is_start_published = publish_start(now, shared_data);
        }
        let is_due = self.slot.as_ref().is_some_and(|slot| slot.renew_at <= now);
        if self.is_changed || is_due {
            self.is_changed = !self.write(now, now + HELD_FOR, shared_data);
        }
    }

    /// Publishes the totals and frees the slot, since this worker shuts down.
    pub fn shutdown(&mut self, now: UnixTime, shared_data: &dyn SharedData) {
        if self.slot.is_some() || self.is_changed {
            self.write(now, UnixTime::default(), shared_data);
        }
        *self = Self::default();
    }

    /// The usage of these providers by all workers; that of the others as they last published it.
    pub fn usage_report<'a>(
        &self,
        providers: impl Iterator<Item = &'a Provider>,
        shared_data: &dyn SharedData,
    ) -> UsageReport {
        let since = register(shared_data).0.since;
        UsageReport::new(since, providers, &self.of_all_workers(shared_data).usage)
    }

    fn of_all_workers(&self, shared_data: &dyn SharedData) -> WorkerTotals {
        let mut totals = self.totals.clone();
        let own = self.slot.as_ref().map(|slot| slot.index);
        let others = (0..register(shared_data).0.slots).filter(|slot| Some(*slot) != own);
        for (slot, _) in others.filter_map(|slot| slot_at(slot, shared_data)) {
            totals.add_all(&slot.totals);
        }
        totals
    }

    /// Writes the totals into this worker's slot, and takes a slot first if it has none. Returns
    /// whether they were written.
    fn write(&mut self, now: UnixTime, held_until: UnixTime, shared_data: &dyn SharedData) -> bool {
        let Some((index, version)) = self.take_slot(now, shared_data) else {
            return false;
        };
        let totals = self.totals.clone();
        let text = json(&Slot { held_until, totals });
        if shared_data.write(&key(index), &text, version) {
            self.slot = version_of(index, shared_data).map(|version| OwnSlot {
                index,
                version,
                written: self.totals.clone(),
                renew_at: now + RENEWED_AFTER,
            });
            return true;
        }
        // The slot had expired, and another worker has taken it over with the totals in it.
        if let Some(lost) = self.slot.take() {
            self.totals.subtract(&lost.written);
        }
        false
    }

    /// This worker's slot, a free one, or a new one, with its version.
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
                if shared_data.write(&key(index), &json(&slot), Some(version)) {
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

/// Publishes the time of the start, unless that is done. Returns whether it is published.
fn publish_start(now: UnixTime, shared_data: &dyn SharedData) -> bool {
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
    let (text, version) = shared_data.read(&key(index))?;
    Some((serde_json::from_slice(&text).ok()?, version))
}

fn version_of(slot: usize, shared_data: &dyn SharedData) -> Option<u32> {
    shared_data.read(&key(slot)).map(|(_, version)| version)
}

fn key(slot: usize) -> String {
    format!("{REGISTER}/{slot}")
}

fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

#[cfg(test)]
mod tests;
