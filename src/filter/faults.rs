//! Traps on demand, so that tests can show how Envoy handles a VM that traps. Only in modules built
//! with the feature `faults`, which no shipped module is.

use std::cell::Cell;

use super::imports::{self, Map};

/// The callbacks in which a request can make the VM trap.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Callback {
    RequestHead,
    RequestBody,
    ResponseHead,
    ResponseBody,
    Log,
    Tick,
}

thread_local! {
    static ARMED: Cell<Option<Callback>> = const { Cell::new(None) };
}

/// Traps if this is the callback that the header `x-test-trap` of an earlier request, or of this
/// one, names.
#[allow(clippy::panic, reason = "traps are what this module is for")]
pub(super) fn reach(callback: Callback) {
    if callback == Callback::RequestHead {
        arm();
    }
    if ARMED.get() == Some(callback) {
        panic!("a test asked for this");
    }
}

fn arm() {
    let header = imports::header(Map::Request, "x-test-trap").unwrap_or_default();
    let callback = match header.as_slice() {
        b"request head" => Callback::RequestHead,
        b"request body" => Callback::RequestBody,
        b"response head" => Callback::ResponseHead,
        b"response body" => Callback::ResponseBody,
        b"log" => Callback::Log,
        b"tick" => Callback::Tick,
        _ => return,
    };
    ARMED.set(Some(callback));
}
