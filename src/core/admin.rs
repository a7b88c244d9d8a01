//! What the gateway answers itself, of itself: to whom, and in which order, [`crate::transaction`]
//! decides. What was used (`GET …/usage`) is told by [`crate::telemetry::usage_totals`].

pub mod directory;
pub mod page;
pub mod status;
