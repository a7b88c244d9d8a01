//! AWS: credentials and request signing (Signature Version 4).

pub mod credentials;
pub mod credentials_cache;
pub mod partition;
pub mod sigv4;

mod endpoints;
