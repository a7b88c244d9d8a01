//! Brotli (RFC 7932), pushed in and cut anywhere.
//!
//! A stream's window is up to 16 MiB. The decoder's buffer grows with what has been decoded, up to
//! the window; what would take more memory than there is gives the stream up.

use std::cell::Cell;
use std::rc::Rc;

use brotli_decompressor::{
    Allocator, BrotliDecompressStream, BrotliResult, BrotliState, SliceWrapper, SliceWrapperMut,
};

use crate::usage::report::IncompleteReason;

/// Decoded data is handed on in pieces of this size.
const PIECE: usize = 4096;

/// The state of one stream.
pub(super) struct Brotli {
    state: State,
    memory: Memory,
    budget: usize,
    whole: bool,
}

type State = BrotliState<Memory, Memory, Memory>;

impl Brotli {
    /// A decoder that takes at most `budget` bytes.
    pub(super) fn boxed(budget: usize) -> Box<Self> {
        let memory = Memory {
            left: Rc::new(Cell::new(budget.saturating_sub(size_of::<Self>()))),
            refused: Rc::default(),
        };
        Box::new(Self {
            state: BrotliState::new(memory.clone(), memory.clone(), memory.clone()),
            memory,
            budget,
            whole: false,
        })
    }

    /// Whether the stream has come whole.
    pub(super) const fn is_whole(&self) -> bool {
        self.whole
    }

    /// Bytes that it holds in memory.
    pub(super) fn held(&self) -> usize {
        self.budget.saturating_sub(self.memory.left.get())
    }

    pub(super) fn decode(
        &mut self,
        bytes: &[u8],
        sink: &mut impl FnMut(&[u8]) -> Result<(), IncompleteReason>,
    ) -> Result<(), IncompleteReason> {
        let mut input_left = bytes.len();
        let mut input_offset = 0;
        let mut output = [0; PIECE];
        while !self.whole {
            let mut output_left = PIECE;
            let mut output_offset = 0;
            let result = BrotliDecompressStream(
                &mut input_left,
                &mut input_offset,
                bytes,
                &mut output_left,
                &mut output_offset,
                &mut output,
                &mut 0,
                &mut self.state,
            );
            if let Some(decoded) = output.get(..output_offset)
                && !decoded.is_empty()
            {
                sink(decoded)?;
            }
            match result {
                BrotliResult::NeedsMoreOutput => {}
                BrotliResult::NeedsMoreInput => return Ok(()),
                BrotliResult::ResultSuccess => self.whole = true,
                BrotliResult::ResultFailure if self.memory.refused.get() => {
                    return Err(IncompleteReason::OverCap);
                }
                BrotliResult::ResultFailure => return Err(IncompleteReason::Undecodable),
            }
        }
        Ok(())
    }
}

/// Memory of which there is only so much.
#[derive(Clone)]
struct Memory {
    left: Rc<Cell<usize>>,
    refused: Rc<Cell<bool>>,
}

/// An amount of it.
#[derive(Default)]
struct Taken<T>(Vec<T>);

impl<T: Clone + Default> Allocator<T> for Memory {
    type AllocatedMemory = Taken<T>;

    /// An empty one where there is not enough left, which the decoder takes for a failure.
    fn alloc_cell(&mut self, length: usize) -> Taken<T> {
        match self
            .left
            .get()
            .checked_sub(length.saturating_mul(size_of::<T>()))
        {
            Some(left) => {
                self.left.set(left);
                Taken(vec![T::default(); length])
            }
            None => {
                self.refused.set(true);
                Taken::default()
            }
        }
    }

    fn free_cell(&mut self, taken: Taken<T>) {
        let freed = taken.0.len().saturating_mul(size_of::<T>());
        self.left.set(self.left.get().saturating_add(freed));
    }
}

impl<T> SliceWrapper<T> for Taken<T> {
    fn slice(&self) -> &[T] {
        &self.0
    }
}

impl<T> SliceWrapperMut<T> for Taken<T> {
    fn slice_mut(&mut self) -> &mut [T] {
        &mut self.0
    }
}
