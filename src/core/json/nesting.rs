//! The containers around the current position: the wanted ones with what is wanted of their content,
//! and the others as bits.

use super::token::unescaped_string;
use super::{Malformed, Member, ScanPolicy, ScanState, Scanner, StringRole, Wanted};

/// How many containers the stack holds.
pub(super) const MAX_DEPTH: u32 = u64::BITS;

/// A kind of container.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Container {
    Object,
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

/// A wanted container, and what is wanted of its content.
#[derive(Clone, Copy, Debug)]
pub(super) enum Frame<F: 'static> {
    Object(&'static [Member<F>]),
    /// An array, and what is wanted of its elements.
    Array(Option<Wanted<F>>),
}

impl<F: Copy, P: ScanPolicy> Scanner<F, P> {
    pub(super) fn open(&mut self, frame: Frame<F>) {
        let container = frame.container();
        let Some(slot) = self.frames.get_mut(self.depth) else {
            return self.open_unwanted(container);
        };
        *slot = frame;
        self.depth += 1;
        self.state = ScanState::first_in(container);
        if let Frame::Array(element) = frame {
            self.target = element;
        }
    }

    pub(super) fn open_unwanted(&mut self, container: Container) {
        self.target = None;
        self.state = if P::IS_STRICT && self.unwanted.push(container) {
            ScanState::first_in(container)
        } else {
            ScanState::Skip { depth: 1 }
        };
    }

    pub(super) fn close(&mut self) {
        if !(P::IS_STRICT && self.unwanted.pop()) {
            self.depth = self.depth.saturating_sub(1);
        }
        self.end_value();
    }

    pub(super) fn end_value(&mut self) {
        self.state = if self.depth == 0 {
            self.complete_documents += 1;
            ScanState::Between
        } else {
            ScanState::CommaOrEnd
        };
    }

    /// The innermost container around the current position.
    pub(super) fn container(&self) -> Option<Frame<F>> {
        if P::IS_STRICT
            && let Some(container) = self.unwanted.innermost()
        {
            return Some(match container {
                Container::Object => Frame::Object(&[]),
                Container::Array => Frame::Array(None),
            });
        }
        self.frames.get(self.depth.checked_sub(1)?).copied()
    }

    /// What is wanted of the innermost object.
    pub(super) fn members(&self) -> &'static [Member<F>] {
        match self.container() {
            Some(Frame::Object(members)) => members,
            _ => &[],
        }
    }

    /// Skips the content of a container, with `depth` levels open.
    pub(super) fn skip<'a>(
        &mut self,
        mut bytes: &'a [u8],
        mut depth: u64,
    ) -> Result<&'a [u8], Malformed> {
        while let Some((byte, rest)) = bytes.split_first() {
            bytes = rest;
            match byte {
                b'"' => match unescaped_string::<P>(rest)? {
                    Some((_, after)) => bytes = after,
                    None => {
                        self.begin_partial(StringRole::Skipped { depth });
                        return Ok(rest);
                    }
                },
                b'{' | b'[' => depth += 1,
                b'}' | b']' if depth == 1 => {
                    self.end_value();
                    return Ok(rest);
                }
                b'}' | b']' => depth -= 1,
                _ => {}
            }
        }
        self.state = ScanState::Skip { depth };
        Ok(&[])
    }
}

impl ScanState {
    /// The state after the opening bracket of a container.
    const fn first_in(container: Container) -> Self {
        match container {
            Container::Object => Self::NameOrEnd,
            Container::Array => Self::ValueOrEnd,
        }
    }
}

impl<F> Frame<F> {
    const fn container(&self) -> Container {
        match self {
            Self::Object(_) => Container::Object,
            Self::Array(_) => Container::Array,
        }
    }
}
