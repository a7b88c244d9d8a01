//! The Model Context Protocol (MCP), as far as a gateway between a client and a server must know it.
//!
//! A message is JSON-RPC 2.0 in the body of an HTTP request. Nothing here does I/O:
//!
//! - [`method`] is the table of the methods: what each needs, and where it names what it is about.
//! - [`message`] reads the messages in a request's body while it arrives, and checks them.
//! - [`header`] reads the headers in which newer clients repeat the method and the name.
//! - [`access`] says what one caller may do with one server.
//! - [`list_filter`] removes from a response what the caller may not use.
//! - [`pin`] recognises definitions of tools that have changed.
//! - [`outcome`] reads from a response whether the request succeeded.
//! - [`route`] and [`metadata`] are the paths of the endpoints and of the discovery documents.

pub mod access;
pub mod header;
pub mod list_filter;
pub mod message;
pub mod metadata;
pub mod method;
pub mod outcome;
pub mod pattern;
pub mod pin;
pub mod route;

/// The first version of the protocol without sessions. Since then the method and the name are also
/// in headers.
pub const STATELESS: &str = "2026-07-28";

/// Whether a version of the protocol has no sessions. Versions are dates.
pub fn is_stateless(version: &[u8]) -> bool {
    version.len() == STATELESS.len() && version >= STATELESS.as_bytes()
}
