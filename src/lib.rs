//! An AI gateway as one Envoy filter.
//!
//! A client sends `<prefix>/<provider>/<native path>` with an OIDC token. The filter verifies the
//! token, checks permissions, swaps the client's credential for the provider's, and lets Envoy
//! stream the provider's native API byte for byte.
//!
//! The rooms are *sans-I/O*: they take bytes and a clock and return decisions, and know nothing of
//! Envoy. [`transaction`] alone knows the order of the steps; `host`, compiled for Wasm only, is
//! the one place that talks to Envoy.
//!
//! What it never does: change a body, hold one for longer than a signature or a catalog needs, choose
//! an upstream from what a client says, let a client's credential through, or write a secret to a
//! log.

// The state machine, and what all requests of a worker share.
pub mod shared;
pub mod transaction;

// The steps of a request, each a room.
pub mod authn;
pub mod authz;
pub mod catalog;
pub mod forward;
pub mod redirect;
pub mod reply;
pub mod route;
pub mod sigv4;
pub mod upload;

// What is learnt as a response passes, counted, and told.
pub mod exchange;
pub mod management;
pub mod observe;
pub mod price;
pub mod totals;
pub mod usage;

// What is configured.
pub mod config;
pub mod credential;
pub mod provider;

// What several rooms need.
pub mod bytes;
pub mod callout;
pub mod head;
pub mod refresh;
pub mod time;
pub mod url;

#[cfg(target_arch = "wasm32")]
mod host;

#[cfg(any(test, feature = "testing"))]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "no test goes on after a surprise"
)]
pub mod testing;
