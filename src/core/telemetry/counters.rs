//! Counts that are kept here between two ticks of the host, so that a request pays for an addition
//! and not for a call of the host.

use std::cell::RefCell;

use super::metric::{Measurement, Metric};
use crate::base::hash::FxHashMap;

/// Counters and what has been added to them.
#[derive(Default)]
pub struct Counters(RefCell<FxHashMap<Metric, u64>>);

impl Counters {
    /// Counts one.
    pub fn count(&self, metric: Metric) {
        self.add(metric, 1);
    }

    /// Counts some.
    pub fn add(&self, metric: Metric, value: u64) {
        if value > 0 {
            *self.0.borrow_mut().entry(metric).or_default() += value;
        }
    }

    /// What has been counted since this was last asked.
    pub fn take(&self) -> impl Iterator<Item = Measurement> {
        let counts = std::mem::take(&mut *self.0.borrow_mut());
        counts
            .into_iter()
            .map(|(metric, value)| Measurement { metric, value })
    }
}
