//! How the body of a request goes on that was held, and is let go on from outside of its callbacks.
//!
//! Envoy before 1.39 puts the piece that comes next to what it held, where it stays: the piece never goes on, unless a
//! callback that finds the request held says so. So there a request of which some has come goes on when more does. A
//! WebSocket, which is held with an empty piece, cannot wait for that: its handshake goes on, and the next piece is held
//! once more, until another comes or until the root's tick.

use std::cell::Cell;

use ai_gateway_core::transaction::Flow;

/// How far a request is with that.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum State {
    /// Pieces pass.
    #[default]
    Passing,
    /// The request waits for the next piece; of what the host shows then, this much has been seen.
    AwaitingPiece { seen: usize },
    /// The host would keep the next piece.
    Astray,
    /// A piece is held once more.
    HeldAgain,
}

/// One request's body, for hosts that have this fault.
#[derive(Debug, Default)]
pub(super) struct HeldBody {
    /// Whether a piece came while the request was held.
    came_while_held: Cell<bool>,
    state: Cell<State>,
}

/// What to do with a piece of the body of a request that goes on.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Piece {
    /// How much of what the host shows was shown before.
    pub(super) seen: usize,
    pub(super) flow: Flow,
}

impl HeldBody {
    /// Notes a piece that comes while the request is held.
    pub(super) fn came_while_held(&self) {
        self.came_while_held.set(true);
    }

    /// Whether a request goes on at once, of whose body so much has come.
    pub(super) fn resume(&self, available: usize, has_ended: bool) -> bool {
        if !self.came_while_held.get() || has_ended {
            return true;
        }
        let waits = available > 0;
        self.state.set(if waits {
            State::AwaitingPiece { seen: available }
        } else {
            State::Astray
        });
        !waits
    }

    /// Takes in a piece of a request that goes on.
    pub(super) fn passes(&self) -> Piece {
        let (next, seen, flow) = match self.state.get() {
            State::Passing | State::HeldAgain => (State::Passing, 0, Flow::Continue),
            State::AwaitingPiece { seen } => (State::Passing, seen, Flow::Continue),
            State::Astray => (State::HeldAgain, 0, Flow::Pause),
        };
        self.state.set(next);
        Piece { seen, flow }
    }

    /// Whether a piece is held again, which the caller lets go on.
    pub(super) fn release(&self) -> bool {
        let is_held = self.state.get() == State::HeldAgain;
        if is_held {
            self.state.set(State::Astray);
        }
        is_held
    }
}
