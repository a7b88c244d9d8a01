//! The highest and lowest values that any worker has seen, for the status report.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::base::shared_data::SharedData;

/// The marks of one worker, which it shares with the others.
#[derive(Default)]
pub struct HighWaterMarks {
    seen: Marks,
    published: Marks,
}

/// The values of the marks.
#[derive(Clone, Copy, PartialEq, Debug, Default, Serialize, Deserialize)]
pub struct Marks {
    /// The largest body that was held for a signature or a model check, in bytes.
    pub largest_held_body: u64,
    /// The smallest body that was too large for the host's buffer, in bytes.
    pub smallest_refused_body: Option<u64>,
    /// By how much a token's `iat` or `nbf` was ahead of the clock.
    pub clock_ahead: Duration,
}

/// The key in [`SharedData`].
const KEY: &str = "high_water_marks";

impl Marks {
    fn merge(self, other: Self) -> Self {
        let refused = [self.smallest_refused_body, other.smallest_refused_body];
        Self {
            largest_held_body: self.largest_held_body.max(other.largest_held_body),
            smallest_refused_body: refused.into_iter().flatten().min(),
            clock_ahead: self.clock_ahead.max(other.clock_ahead),
        }
    }
}

impl HighWaterMarks {
    /// Notes the size of a body that is held.
    pub fn note_held_body(&mut self, bytes: u64) {
        self.seen.largest_held_body = self.seen.largest_held_body.max(bytes);
    }

    /// Notes the size of a body that the host refused.
    pub fn note_refused_body(&mut self, bytes: u64) {
        let smallest = self.seen.smallest_refused_body.unwrap_or(bytes);
        self.seen.smallest_refused_body = Some(smallest.min(bytes));
    }

    /// Notes how far a token was ahead of the clock.
    pub fn note_clock_ahead(&mut self, ahead: Duration) {
        self.seen.clock_ahead = self.seen.clock_ahead.max(ahead);
    }

    /// The marks of all workers; those of the others as they were last published.
    pub fn of_all_workers(&self, shared_data: &dyn SharedData) -> Marks {
        let text = shared_data.read(KEY).map(|(text, _)| text);
        let published = text.and_then(|text| serde_json::from_slice(&text).ok());
        self.seen.merge(published.unwrap_or_default())
    }

    /// Publishes the marks if they have changed. If another worker writes at the same time, the
    /// next call writes them again.
    pub fn publish(&mut self, shared_data: &dyn SharedData) {
        if self.published == self.seen {
            return;
        }
        let version = shared_data.read(KEY).map(|(_, version)| version);
        let text = serde_json::to_vec(&self.of_all_workers(shared_data)).unwrap_or_default();
        if shared_data.write(KEY, &text, version) {
            self.published = self.seen;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::MemorySharedData;

    #[test]
    fn workers_share_their_marks() {
        let shared_data = MemorySharedData::default();
        let [mut one, mut other] = [(); 2].map(|()| HighWaterMarks::default());
        one.note_held_body(7);
        one.note_refused_body(90);
        one.publish(&shared_data);
        other.note_held_body(5);
        other.note_refused_body(80);
        other.note_clock_ahead(Duration::from_secs(3));
        other.publish(&shared_data);
        let expected = Marks {
            largest_held_body: 7,
            smallest_refused_body: Some(80),
            clock_ahead: Duration::from_secs(3),
        };
        assert_eq!(one.of_all_workers(&shared_data), expected);
        assert_eq!(other.of_all_workers(&shared_data), expected);
        let newcomer = HighWaterMarks::default();
        assert_eq!(newcomer.of_all_workers(&shared_data), expected);
    }
}
