//! The workaround for a bug of Envoy before 1.39 with request bodies that a filter holds.
//!
//! When a request is resumed from outside of its own callbacks, these versions append the next piece
//! of the body to the held ones, where it stays. They send it only when a callback that finds the
//! request held lets it continue. So a request of which a part of the body has arrived is not
//! resumed before the next piece arrives. A WebSocket handshake is held with an empty piece and
//! cannot wait for another: it is resumed at once, and the piece after that is held a second time,
//! until another piece arrives or until the root context's tick.

use super::end_of_stream::EndOfStream;
use crate::transaction::Flow;

/// What the workaround does with the next piece.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum NextPiece {
    /// Pieces pass.
    #[default]
    Passes,
    /// The request is resumed with it. The host shows it after `seen` bytes that it has shown before.
    Resumes { seen: usize },
    /// The host would lose it, so it is held a second time.
    WouldBeLost,
    /// A piece is held for the second time. The next one releases it.
    ReleasesHeld,
}

/// The state of the workaround for one request.
#[derive(Debug, Default)]
pub(super) struct HeldBody {
    has_piece: bool,
    next: NextPiece,
}

/// When a held request may be resumed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Resume {
    Now,
    /// When the next piece of its body arrives.
    WithNextPiece,
}

/// What to do with a piece of the body of a request that continues.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Passing {
    /// How many of the bytes that the host shows it has shown before.
    pub(super) seen: usize,
    pub(super) flow: Flow,
}

impl HeldBody {
    /// Notes a piece, empty or not, that arrives while the request is held.
    pub(super) const fn received_while_held(&mut self) {
        self.has_piece = true;
    }

    /// Says when to resume the request, of whose body `available` bytes have arrived.
    pub(super) const fn resume(&mut self, available: usize, end: EndOfStream) -> Resume {
        if !self.has_piece || matches!(end, EndOfStream::Yes) {
            return Resume::Now;
        }
        if available == 0 {
            self.next = NextPiece::WouldBeLost;
            return Resume::Now;
        }
        self.next = NextPiece::Resumes { seen: available };
        Resume::WithNextPiece
    }

    /// Takes in a piece of a request that continues.
    pub(super) const fn pass(&mut self) -> Passing {
        let (next, seen, flow) = match self.next {
            NextPiece::Passes | NextPiece::ReleasesHeld => (NextPiece::Passes, 0, Flow::Continue),
            NextPiece::Resumes { seen } => (NextPiece::Passes, seen, Flow::Continue),
            NextPiece::WouldBeLost => (NextPiece::ReleasesHeld, 0, Flow::Pause),
        };
        self.next = next;
        Passing { seen, flow }
    }

    /// Says whether a piece is held for the second time. The caller then lets it continue, after
    /// which the host would lose the next one again.
    pub(super) fn release(&mut self) -> bool {
        let is_held = self.next == NextPiece::ReleasesHeld;
        if is_held {
            self.next = NextPiece::WouldBeLost;
        }
        is_held
    }
}
