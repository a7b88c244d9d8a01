//! Models: which are allowed, what they cost, and where a request names one.

pub mod catalog;
pub mod pattern;
pub mod price;
pub mod request_body;
pub mod requested_model;
