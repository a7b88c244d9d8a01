//! What the gateway counts about itself, apart from the usage of any provider.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The gateway's own counters.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize, Deserialize)]
pub struct GatewayCounts {
    /// Requests that the gateway refused, by error code.
    pub refusals: BTreeMap<String, u64>,
    /// Workers that received a request's body while its headers were held.
    pub workers_with_held_bodies: u64,
}

impl GatewayCounts {
    pub(super) fn add_refusal(&mut self, code: &str) {
        match self.refusals.get_mut(code) {
            Some(count) => *count += 1,
            None => {
                self.refusals.insert(code.to_owned(), 1);
            }
        }
    }

    pub(super) fn add_all(&mut self, other: &Self) {
        for (code, count) in &other.refusals {
            *self.refusals.entry(code.clone()).or_default() += count;
        }
        self.workers_with_held_bodies += other.workers_with_held_bodies;
    }

    /// Subtracts an earlier state of these counters.
    pub(super) fn subtract(&mut self, earlier: &Self) {
        for (code, count) in &mut self.refusals {
            let counted = earlier.refusals.get(code).copied().unwrap_or_default();
            *count = count.saturating_sub(counted);
        }
        self.workers_with_held_bodies = self
            .workers_with_held_bodies
            .saturating_sub(earlier.workers_with_held_bodies);
    }
}
