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
//! What it never does: change a body, hold one for longer than a signature or a catalog needs, choose an upstream from what a client says, let a
//! client's credential through, or write a secret to a log.

pub mod authn;
pub mod authz;
pub mod bytes;
pub mod callout;
pub mod catalog;
pub mod config;
pub mod credential;
pub mod diagnosis;
pub mod directory;
pub mod exchange;
pub mod forward;
pub mod head;
pub mod observe;
pub mod page;
pub mod price;
pub mod provider;
pub mod refresh;
pub mod reply;
pub mod route;
pub mod shared;
pub mod sigv4;
pub mod time;
pub mod totals;
pub mod transaction;
pub mod upload;
pub mod url;
pub mod usage;

#[cfg(target_arch = "wasm32")]
mod host;

#[cfg(any(test, feature = "testing"))]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "no test goes on after a surprise"
)]
pub mod testing;
