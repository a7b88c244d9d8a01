//! Model catalogs and prices, and the model that a request names in its body.

pub mod catalog;
pub mod pattern;
pub mod price;
pub mod request_body;
pub mod requested_model;
