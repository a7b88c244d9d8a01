//! What a transaction works with besides its own state.

use super::Effect;
use crate::base::shared_data::SharedData;
use crate::base::time::{Clock, UnixTime};
use crate::gateway::Gateway;

/// What a transaction works with while it handles one event.
pub struct Context<'a> {
    /// The state of this worker.
    pub gateway: &'a mut Gateway,
    /// What the workers share.
    pub shared_data: &'a dyn SharedData,
    /// The host's clock. It is read only where the time is needed, since that costs a call.
    pub clock: &'a dyn Clock,
    /// What the host must do. Effects are appended in the order in which they must be applied.
    pub effects: &'a mut Vec<Effect>,
}

impl Context<'_> {
    /// Reads the host's clock.
    pub(super) fn now(&self) -> UnixTime {
        self.clock.now()
    }
}
