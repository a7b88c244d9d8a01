//! Remote documents that the gateway itself fetches: callouts, and keeping a document fresh for all workers.

pub mod callout;
pub mod refresh;
