//! What becomes of a request as far as its head tells.

use super::{AwaitingBodyHash, AwaitingModel};
use crate::forward::UpstreamRequest;
use crate::gateway::Resource;
use crate::reply::{Rejection, Reply};
use crate::transaction::exchange::Exchange;

/// It can go on, or is answered.
pub(super) enum Decision {
    Forward(UpstreamRequest, Box<Exchange>),
    Sign(Box<AwaitingBodyHash>),
    AwaitModel(Box<AwaitingModel>),
    Answer(Reply),
}

/// It cannot.
pub(super) enum Obstacle {
    Awaiting(Resource),
    Rejected(Rejection),
}

/// Whether the gateway itself answers.
pub(super) const fn is_answered(decision: &Result<Decision, Obstacle>) -> bool {
    matches!(
        decision,
        Ok(Decision::Answer(_)) | Err(Obstacle::Rejected(_))
    )
}

impl From<Rejection> for Obstacle {
    fn from(rejection: Rejection) -> Self {
        Self::Rejected(rejection)
    }
}
