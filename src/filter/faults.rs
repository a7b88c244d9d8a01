//! Traps on demand, with which tests see what Envoy makes of them. Without the feature `faults`, which no shipped
//! module has, all of this is nothing.

use ai_gateway_core::http::head::RequestHead;

/// Where a VM may be told to trap.
#[derive(Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(feature = "faults"), allow(dead_code, reason = "nobody is told"))]
pub(super) enum Place {
    RequestHead,
    RequestBody,
    ResponseHead,
    ResponseBody,
    Log,
    Tick,
}

#[cfg(not(feature = "faults"))]
mod unarmed {
    use super::{Place, RequestHead};

    pub(crate) const fn arm(_: &RequestHead) {}

    pub(crate) const fn meet(_: Place) {}
}
#[cfg(not(feature = "faults"))]
pub(super) use unarmed::{arm, meet};

#[cfg(feature = "faults")]
mod armed {
    use std::cell::Cell;

    use super::{Place, RequestHead};

    thread_local! {
        static NEXT: Cell<Option<Place>> = const { Cell::new(None) };
    }

    /// Has this VM trap at the place that the request names.
    pub(crate) fn arm(head: &RequestHead) {
        let place = match head.first("x-test-trap") {
            Some(b"request head") => Place::RequestHead,
            Some(b"request body") => Place::RequestBody,
            Some(b"response head") => Place::ResponseHead,
            Some(b"response body") => Place::ResponseBody,
            Some(b"log") => Place::Log,
            Some(b"tick") => Place::Tick,
            _ => return,
        };
        NEXT.set(Some(place));
    }

    /// Traps, if it was told to do so here.
    #[allow(clippy::panic, reason = "it is what this is for")]
    pub(crate) fn meet(place: Place) {
        if NEXT.get() == Some(place) {
            panic!("a test has asked for this");
        }
    }
}
#[cfg(feature = "faults")]
pub(super) use armed::{arm, meet};
