//! The endpoints of the gateway itself. [`crate::transaction`] decides who may use them and in
//! which order the checks are made. The body of `GET …/usage` is in
//! [`crate::telemetry::usage_totals`].

pub mod directory;
pub mod page;
pub mod status;
