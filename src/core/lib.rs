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
//! [`driver::Driver`] passes the events of all requests to their transactions and applies the effects
//! through the trait [`driver::Host`], which `src/filter` implements for Envoy.
//!
//! The gateway never does the following:
//!
//! - change a body,
//! - hold a body for longer than a signature or a model check needs,
//! - send a request to a host that is not in the configuration,
//! - forward a client's credential, unless the provider is configured for passthrough,
//! - write a secret to a log.
//!
//! # Layers
//!
//! A module imports only from the layers below its own. From the top:
//!
//! | layer | modules |
//! | --- | --- |
//! | 11 | [`driver`] |
//! | 10 | [`transaction`] |
//! | 9 | [`admin`] |
//! | 8 | [`gateway`] |
//! | 7 | [`config`], [`reply`] |
//! | 6 | [`forward`], [`telemetry`] |
//! | 5 | [`provider`], [`mcp_server`] |
//! | 4 | [`provider_kind`], [`authz`] |
//! | 3 | [`authn`], [`models`], [`aws`], [`mcp`] |
//! | 2 | [`usage`], [`fetch`] |
//! | 1 | [`base`], [`http`], [`json`] |
//!
//! `docs/design.md` says what each module is for. `tools/check-layers.py` enforces its table.

pub mod driver;

pub mod transaction;

pub mod admin;

pub mod gateway;

pub mod config;
pub mod reply;

pub mod forward;
pub mod telemetry;

pub mod mcp_server;
pub mod provider;

pub mod authz;
pub mod provider_kind;

pub mod authn;
pub mod aws;
pub mod mcp;
pub mod models;

pub mod fetch;
pub mod usage;

pub mod base;
pub mod http;
pub mod json;

#[cfg(any(test, feature = "testing"))]
#[allow(
    missing_docs,
    clippy::unwrap_used,
    reason = "a test stops at a surprise"
)]
pub mod testing;
