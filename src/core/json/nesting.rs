//! The stack of open containers, as bits.

/// How many containers the stack holds.
pub(super) const MAX_DEPTH: u32 = u64::BITS;

/// A kind of container.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Container {
    /// An object.
    Object,
    /// An array.
    Array,
}

/// Up to [`MAX_DEPTH`] open containers.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Nesting {
    /// One bit for each container, the innermost lowest: 1 for an object.
    bits: u64,
    depth: u32,
}

impl Nesting {
    pub(super) const fn is_empty(self) -> bool {
        self.depth == 0
    }

    /// Opens a container. Returns whether there was space.
    pub(super) const fn push(&mut self, container: Container) -> bool {
        if self.depth == MAX_DEPTH {
            return false;
        }
        self.bits = self.bits << 1 | matches!(container, Container::Object) as u64;
        self.depth += 1;
        true
    }

    /// Closes the innermost container. Returns whether there was one.
    pub(super) const fn pop(&mut self) -> bool {
        if self.depth == 0 {
            return false;
        }
        self.bits >>= 1;
        self.depth -= 1;
        true
    }

    pub(super) const fn innermost(self) -> Option<Container> {
        match (self.depth, self.bits & 1) {
            (0, _) => None,
            (_, 0) => Some(Container::Array),
            _ => Some(Container::Object),
        }
    }
}
