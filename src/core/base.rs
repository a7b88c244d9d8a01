//! Code that every other module may use: time, secrets, data shared by workers, helpers for text.

pub mod bytes;
pub mod chunk;
pub mod display;
pub mod hash;
pub mod secret;
pub mod shared_data;
pub mod time;
