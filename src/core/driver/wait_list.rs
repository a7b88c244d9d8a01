//! The requests that wait: for a fetch, or for the host to deliver their body.

use crate::base::time::UnixTime;
use crate::gateway::Resource;

/// How many requests may wait for a fetch in one worker. Each keeps its head in memory.
pub(super) const MAX_WAITING: usize = 1000;

/// The requests that wait for a fetch, by their context, in the order of their arrival.
#[derive(Default)]
pub(super) struct WaitList(Vec<(Resource, u32)>);

/// [`MAX_WAITING`] requests wait already.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct WaitListFull;

impl WaitList {
    pub(super) fn add(&mut self, resource: Resource, context: u32) -> Result<(), WaitListFull> {
        if self.0.len() >= MAX_WAITING {
            return Err(WaitListFull);
        }
        self.0.push((resource, context));
        Ok(())
    }

    /// Removes and returns the requests that wait for `resource`.
    pub(super) fn take(&mut self, resource: &Resource) -> Vec<u32> {
        let taken = self.0.extract_if(.., |(awaited, _)| awaited == resource);
        taken.map(|(_, context)| context).collect()
    }

    pub(super) fn remove(&mut self, context: u32) {
        self.0.retain(|(_, waiting)| *waiting != context);
    }

    pub(super) const fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.0.is_empty()
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
