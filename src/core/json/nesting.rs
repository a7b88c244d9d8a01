//! The containers around the current position: the wanted ones with what is wanted of their content,
//! and the others as bits.

use super::token::unescaped_string;
use super::{
    Interest, MAX_FRAMES, Malformed, Member, Scalar, ScanPolicy, ScanState, Scanner, StringRole,
    Visitor, Wanted,
};

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
    /// How many containers are open.
    pub(super) const fn depth(self) -> u32 {
        self.depth
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

/// What a strict visitor wants inside containers.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope<F> {
    /// Inside the current or the next value.
    pub(super) interest: Interest<F>,
    /// How many containers are open up to the outermost one that is ignored; 0 if none is.
    pub(super) ignored: u32,
    /// The same for the outermost value whose strings are wanted, with their field.
    pub(super) values: Option<(u32, F)>,
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
            self.expect_element();
        }
    }

    /// Reports a value that begins with `byte` and is no string. Returns whether it is a container
    /// that the visitor enters.
    pub(super) fn enters(
        &mut self,
        byte: u8,
        visitor: &mut impl Visitor<F>,
    ) -> Result<bool, Malformed> {
        let field = match self.target {
            None => return Ok(false),
            Some(Wanted::Members(_) | Wanted::ValueOrMembers(..)) if byte == b'{' => {
                visitor.begin();
                return Ok(false);
            }
            // The array around several documents.
            Some(Wanted::Members(_)) if byte == b'[' && self.depth == 0 => return Ok(false),
            Some(Wanted::Members(_) | Wanted::ValueOrMembers(..)) => return Err(Malformed),
            Some(Wanted::Value(field)) => field,
        };
        let frame = match byte {
            b'"' => return Ok(false),
            b'-' | b'0'..=b'9' if P::REPORTS_NUMBERS => return Ok(false),
            b'{' => Some(Frame::Object(&[])),
            b'[' => Some(Frame::Array(self.target)),
            _ => None,
        };
        if let Some(frame) = frame
            && self.depth < MAX_FRAMES
            && visitor.enter(field, frame.container())
        {
            self.open(frame);
            return Ok(true);
        }
        let is_for_list = matches!(self.scope.interest, Interest::Values(_));
        if !(is_for_list && matches!(byte, b'[' | b'n')) {
            visitor.value(field, Scalar::Other);
        }
        self.target = None;
        Ok(false)
    }

    pub(super) fn open_unwanted(&mut self, container: Container) {
        self.target = None;
        self.state = if P::IS_STRICT && self.unwanted.push(container) {
            self.scope.enter(self.unwanted.depth());
            self.expect_element();
            ScanState::first_in(container)
        } else if P::IS_STRICT && !self.scope.ignores_next() {
            ScanState::TooDeep
        } else {
            ScanState::Skip { depth: 1 }
        };
    }

    /// Prepares for an element of an array: of one that [`Strict`](super::Strict) keeps track of, or
    /// of one that the visitor has entered, whose elements have a target already.
    pub(super) fn expect_element(&mut self) {
        if !P::IS_STRICT {
            return;
        }
        if self.unwanted.depth() == 0 {
            self.scope.interest = Interest::Ignore;
            return;
        }
        self.scope.interest = Interest::Members;
        let is_array = matches!(self.unwanted.innermost(), Some(Container::Array));
        self.target = match self.scope.values {
            Some((_, field)) if is_array && self.scope.ignored == 0 => Some(Wanted::Value(field)),
            _ => None,
        };
    }

    pub(super) fn close(&mut self, visitor: &mut impl Visitor<F>) {
        if P::IS_STRICT && self.unwanted.pop() {
            self.scope.leave(self.unwanted.depth());
        } else {
            self.depth = self.depth.saturating_sub(1);
            if P::IS_STRICT && matches!(self.frames.get(self.depth), Some(Frame::Object(_))) {
                visitor.leave();
            }
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

    /// How many containers are open. Only [`Strict`] needs it.
    pub(super) const fn level(&self) -> u32 {
        self.unwanted.depth() + 1
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

impl<F: Copy> Scope<F> {
    pub(super) const NEW: Self = Self {
        interest: Interest::Members,
        ignored: 0,
        values: None,
    };

    /// Whether nothing is wanted of the next value.
    pub(super) const fn ignores_next(&self) -> bool {
        self.ignored > 0 || matches!(self.interest, Interest::Ignore | Interest::Value(_))
    }

    /// Enters a container, which is the innermost of so many.
    pub(super) fn enter(&mut self, depth: u32) {
        if self.ignored > 0 {
            return;
        }
        match self.interest {
            Interest::Ignore | Interest::Value(_) => self.ignored = depth,
            Interest::Values(field) if self.values.is_none() => {
                self.values = Some((depth, field));
            }
            Interest::Members | Interest::Values(_) => {}
        }
    }

    /// Leaves a container, so that so many are open.
    pub(super) fn leave(&mut self, depth: u32) {
        if depth < self.ignored {
            self.ignored = 0;
        }
        if self.values.is_some_and(|(outermost, _)| depth < outermost) {
            self.values = None;
        }
    }
}

impl<F: Copy> Interest<F> {
    pub(super) const fn field(self) -> Option<F> {
        match self {
            Self::Value(field) | Self::Values(field) => Some(field),
            Self::Ignore | Self::Members => None,
        }
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
