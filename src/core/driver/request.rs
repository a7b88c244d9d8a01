//! One request as the driver keeps it.

use super::end_of_stream::EndOfStream;
use super::held_body::HeldBody;
use crate::transaction::{Authenticated, Flow, Transaction};

/// A request: its transaction, and how much of its body has arrived.
pub(super) struct Request {
    pub(super) context: u32,
    pub(super) transaction: Transaction,
    pub(super) body: ReceivedBody,
    /// How much of the body the host holds.
    pub(super) held: Held,
    pub(super) held_body: HeldBody,
    /// What was known when the request was resumed, until the next piece of its body arrives.
    pub(super) resumed: Option<Resumed>,
}

/// The body of a request when it was resumed from outside of its callbacks.
///
/// The host shows the next piece alone, or after these bytes if a later filter has not taken them
/// yet. How much has arrived in all says which. What the bytes are does not: a client chooses them.
pub(super) struct Resumed {
    pub(super) available: usize,
}

impl Resumed {
    /// How many of the `size` bytes that the host shows it has shown before, if `received` bytes of
    /// the body have arrived in all. It shows either the whole body or the next piece alone.
    pub(super) fn shown_before(&self, size: usize, received: Option<i64>) -> usize {
        let shows_whole_body =
            received.is_some_and(|received| usize::try_from(received) == Ok(size));
        if shows_whole_body { self.available } else { 0 }
    }
}

/// How much of the body of one request the host holds, and for whom.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Held {
    pub(super) authenticated: Authenticated,
    pub(super) bytes: u64,
}

/// How much of the bodies of all requests of a worker the host holds.
#[derive(Clone, Copy, Default)]
pub(super) struct HeldBytes {
    authenticated: u64,
    unauthenticated: u64,
}

/// The part of the worker's limit that unauthenticated callers may use, so that they cannot use up
/// what the others need.
const UNAUTHENTICATED_SHARE: u64 = 4;

impl Default for Held {
    fn default() -> Self {
        Self {
            authenticated: Authenticated::Yes,
            bytes: 0,
        }
    }
}

impl HeldBytes {
    /// Counts `now` instead of `before`.
    pub(super) fn replace(&mut self, before: Held, now: Held) {
        let sum = self.of(before.authenticated);
        *sum = sum.saturating_sub(before.bytes);
        let sum = self.of(now.authenticated);
        *sum = sum.saturating_add(now.bytes);
    }

    /// Whether the host holds more than `max` bytes, or more than the share of these callers.
    pub(super) const fn exceed(self, max: u64, authenticated: Authenticated) -> bool {
        let all = self.authenticated.saturating_add(self.unauthenticated);
        let is_over_share = match authenticated {
            Authenticated::Yes => false,
            Authenticated::No => self.unauthenticated > max / UNAUTHENTICATED_SHARE,
        };
        all > max || is_over_share
    }

    const fn of(&mut self, authenticated: Authenticated) -> &mut u64 {
        match authenticated {
            Authenticated::Yes => &mut self.authenticated,
            Authenticated::No => &mut self.unauthenticated,
        }
    }
}

/// How far the body of a held request has come.
#[derive(Clone, Copy, Default)]
pub(super) struct ReceivedBody {
    /// How many bytes the host holds.
    pub(super) available: usize,
    /// How many of them the transaction has taken.
    pub(super) taken: usize,
    pub(super) end: EndOfStream,
}

impl Request {
    pub(super) fn new(context: u32) -> Self {
        Self {
            context,
            transaction: Transaction::default(),
            body: ReceivedBody::default(),
            held: Held::default(),
            held_body: HeldBody::default(),
            resumed: None,
        }
    }

    pub(super) const fn flow(&self) -> Flow {
        self.transaction.flow()
    }
}

impl ReceivedBody {
    /// Notes how many bytes the host holds. An end that was seen stays.
    pub(super) fn received(&mut self, available: usize, end: EndOfStream) {
        self.available = self.available.max(available);
        if end == EndOfStream::Yes {
            self.end = end;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_bytes_that_arrived_since_a_resumption_are_new() {
        let resumed = Resumed { available: 1050 };
        for (size, received, before) in [
            (1450, Some(1450), 1050), // shown after the held bytes
            (400, Some(1450), 0),     // shown alone
            (1450, Some(2500), 0),    // alone, and as long as both
            (1450, Some(1449), 0),    // a number that makes no sense
            (1450, Some(1000), 0),
            (1450, None, 0),
        ] {
            assert_eq!(resumed.shown_before(size, received), before, "{size}");
        }
    }
}
