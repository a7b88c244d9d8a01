//! One request as the driver keeps it.

use super::end_of_stream::EndOfStream;
use super::held_body::HeldBody;
use crate::transaction::{Flow, Transaction};

/// A request: its transaction, and how much of its body has arrived.
pub(super) struct Request {
    pub(super) context: u32,
    pub(super) transaction: Transaction,
    pub(super) body: ReceivedBody,
    pub(super) held_body: HeldBody,
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
            held_body: HeldBody::default(),
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
