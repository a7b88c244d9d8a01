//! Remote documents that the gateway itself fetches: requests to other servers ([`callout`]), when
//! to fetch a document, once for all workers ([`refresh`]), and its current value ([`refreshed`]).

pub mod callout;
pub mod refresh;
pub mod refreshed;
