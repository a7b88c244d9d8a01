//! Counters that are collected here between two ticks, so that a request pays for an addition
//! and not for a call of the host.

use super::metric::{Measurement, Metric};
use crate::base::hash::FxHashMap;

/// Counters with what has been added since they were last taken.
#[derive(Default)]
pub struct Counters(FxHashMap<Metric, u64>);

impl Counters {
    /// Adds one.
    pub fn count(&mut self, metric: Metric) {
        self.add(metric, 1);
    }

    /// Adds `value`.
    pub fn add(&mut self, metric: Metric, value: u64) {
        if value > 0 {
            *self.0.entry(metric).or_default() += value;
        }
    }

    /// Takes what has been added since the last call.
    pub fn take(&mut self) -> impl Iterator<Item = Measurement> + use<> {
        std::mem::take(&mut self.0)
            .into_iter()
            .map(|(metric, value)| Measurement { metric, value })
    }
}
