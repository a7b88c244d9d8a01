//! The requests that wait: for a fetch, or for the host to deliver their body.

use std::collections::VecDeque;

use crate::base::time::UnixTime;
use crate::gateway::Resource;

/// How many requests may wait for a fetch in one worker. Each keeps its head in memory.
pub(super) const MAX_WAITING: usize = 1000;

/// The requests that wait for a fetch, by their context, in the order of their arrival.
#[derive(Default)]
pub(super) struct WaitList {
    waiting: Vec<(Resource, u32)>,
    /// Those whose fetch has ended, and that have not been resumed yet.
    ready: VecDeque<u32>,
}

/// [`MAX_WAITING`] requests wait already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct WaitListFull;

impl WaitList {
    pub(super) fn add(&mut self, resource: Resource, context: u32) -> Result<(), WaitListFull> {
        if self.len() >= MAX_WAITING {
            return Err(WaitListFull);
        }
        self.waiting.push((resource, context));
        Ok(())
    }

    /// Notes that the fetch of `resource` has ended.
    pub(super) fn fetch_ended(&mut self, resource: &Resource) {
        let ended = |(awaited, _): &mut (Resource, u32)| awaited == resource;
        let ended = self.waiting.extract_if(.., ended);
        self.ready.extend(ended.map(|(_, context)| context));
    }

    /// Removes and returns up to `count` requests whose fetch has ended.
    pub(super) fn take_ready(&mut self, count: usize) -> Vec<u32> {
        let count = count.min(self.ready.len());
        self.ready.drain(..count).collect()
    }

    /// Whether there are requests whose fetch has ended.
    pub(super) fn has_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    pub(super) fn remove(&mut self, context: u32) {
        self.waiting.retain(|(_, waiting)| *waiting != context);
        self.ready.retain(|ready| *ready != context);
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.ready.len()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The requests that wait for their body, by their context, each with the time until which the host
/// may deliver it.
#[derive(Default)]
pub(super) struct BodyDeadlines(Vec<(UnixTime, u32)>);

impl BodyDeadlines {
    pub(super) fn add(&mut self, deadline: UnixTime, context: u32) {
        self.0.push((deadline, context));
    }

    /// Removes and returns the requests whose time is over.
    pub(super) fn take_overdue(&mut self, now: UnixTime) -> Vec<u32> {
        let taken = self.0.extract_if(.., |(deadline, _)| *deadline <= now);
        taken.map(|(_, context)| context).collect()
    }

    pub(super) fn remove(&mut self, context: u32) {
        self.0.retain(|(_, waiting)| *waiting != context);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }
}
