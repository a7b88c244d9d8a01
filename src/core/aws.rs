//! AWS: credentials, endpoints and request signing (Signature Version 4).

pub mod credentials;
pub mod endpoints;
pub mod partition;
pub mod sigv4;
