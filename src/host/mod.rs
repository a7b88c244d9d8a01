//! The adapter between the rooms and Envoy: reads bytes, hands them over, applies what comes back.
//!
//! One [`root::Root`] for each configuration in each worker, one [`stream::Stream`] for each
//! request. Callouts belong to the root: the SDK gives an answer to the context that asked and
//! drops it when that one is gone, so a client that leaves must not take a fetch of keys with it.

mod abi;
mod root;
mod signature;
mod stream;
mod worker;

use proxy_wasm::traits::RootContext;

proxy_wasm::main! {{
    proxy_wasm::set_root_context(|context_id| -> Box<dyn RootContext> {
        Box::new(root::Root::new(context_id))
    });
}}
