//! What every other module may use: time, secrets, data shared by workers, small text helpers.

pub mod bytes;
pub mod chunk;
pub mod display;
pub mod secret;
pub mod shared_data;
pub mod time;
