#![cfg(target_arch = "wasm32")]

//! The adapter between the rooms and Envoy: reads bytes, hands them over, applies what comes back.
//!
//! One [`root::Root`] for each configuration in each worker, one [`stream::Stream`] for each
//! request. Callouts belong to the root: the host drops the answer to a callout when the context that
//! asked is gone, so a client that leaves must not take a fetch of keys with it.
//!
//! ```text
//! host ─ exports ─► root, stream ─► worker ─► transaction ─ effects ─► abi ─ imports ─► host
//! ```

mod abi;
mod exports;
mod faults;
mod held_body;
mod imports;
mod log;
mod root;
mod signature;
mod stream;
mod worker;
