#![cfg(target_arch = "wasm32")]

//! Connects the gateway's core to Envoy over the proxy-wasm ABI.
//!
//! The filter decides nothing: [`exports`] passes the host's callbacks to the [`Driver`] of the
//! configuration in question, and [`abi`] implements the driver's [`Host`] by calls of [`imports`].
//!
//! ```text
//! Envoy ─► exports ─► contexts ─► Driver (core) ─► abi ─► imports ─► Envoy
//! ```
//!
//! [`Driver`]: ai_gateway_core::driver::Driver
//! [`Host`]: ai_gateway_core::driver::Host

mod abi;
mod contexts;
mod exports;
#[cfg(feature = "faults")]
mod faults;
mod imports;
mod log;
