//! The core of the AI gateway: bytes and a clock in, decisions out.
//!
//! A client sends `<prefix>/<provider>/<native path>` with an OIDC token. The gateway verifies the
//! token, checks permissions, replaces the client's credential with the provider's, and lets the host
//! stream the provider's native API byte for byte.
//!
//! The crate does no I/O. Two types are the way in:
//!
//! - [`gateway::Gateway`] is the state of one worker: the configuration, keys, credentials, counters.
//! - [`transaction::Transaction`] is one request. Each event goes into
//!   [`Transaction::handle`](transaction::Transaction::handle), which returns the next state and pushes
//!   the effects that the host must apply.
//!
//! [`driver::Driver`] does that over the trait [`driver::Host`], which `src/filter` implements for
//! Envoy.
//!
//! The gateway never changes a body, holds one for longer than a signature or a model check needs,
//! chooses an upstream by what a client says, lets a client's credential through, or writes a secret
//! to a log.
//!
//! Modules import only from layers below their own (`tools/check-layers.py` enforces it), from the
//! bottom: [`base`], [`http`], [`fetch`]; [`json`]; [`usage`], [`authn`], [`models`], [`aws`];
//! [`provider_kind`], [`authz`], [`provider`]; [`forward`], [`telemetry`]; [`config`]; [`gateway`],
//! [`reply`], [`admin`]; [`transaction`]; [`driver`].

pub mod base;
pub mod fetch;
pub mod http;

pub mod json;

pub mod authn;
pub mod aws;
pub mod models;
pub mod usage;

pub mod authz;
pub mod provider;
pub mod provider_kind;

pub mod forward;
pub mod telemetry;

pub mod config;

pub mod admin;
pub mod gateway;
pub mod reply;

pub mod driver;
pub mod transaction;

#[cfg(any(test, feature = "testing"))]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test stops at a surprise"
)]
pub mod testing;
