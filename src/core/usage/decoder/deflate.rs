//! gzip (RFC 1952), zlib (RFC 1950) and raw deflate (RFC 1951), pushed in and cut anywhere.
//!
//! The window is also the output, so that nothing is copied. Checksums are not compared: a response
//! comes over TLS, and a count is read before its checksum comes.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_PARSE_ZLIB_HEADER,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use crate::usage::response_usage::IncompleteReason;

/// The largest window that the format knows.
const WINDOW: usize = 32 * 1024;

/// What a stream is wrapped in.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    Gzip,
    /// `deflate` means zlib; some servers send raw data instead.
    ZlibOrRaw,
}

/// The state of one stream.
pub(super) struct Deflate {
    inflater: DecompressorOxide,
    window: [u8; WINDOW],
    /// Where the next output goes.
    position: usize,
    step: Step,
    format: Format,
    flags: u32,
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Step {
    /// This byte of a gzip member's fixed header, flags unknown or known.
    Header { index: u8, flags: u8 },
    /// The length of the extra field, its low byte known or not.
    ExtraLength { low: Option<u8>, flags: u8 },
    /// So many bytes of the extra field.
    Extra { left: u16, flags: u8 },
    /// A text that ends with zero: the file's name, or a comment.
    Text { flags: u8 },
    /// So many bytes of the header's check.
    HeaderCheck { left: u8 },
    /// The first byte, which tells zlib from raw data.
    ZlibOrRaw,
    /// Compressed data.
    Body,
    /// So many bytes of a gzip member's check and length.
    Trailer { left: u8 },
    /// Nothing that counts.
    End,
}

const EXTRA: u8 = 4;
const NAME: u8 = 8;
const COMMENT: u8 = 16;
const HEADER_CHECK: u8 = 2;
const GZIP_HEADER: [u8; 3] = [0x1f, 0x8b, 8];
const GZIP_HEADER_LENGTH: u8 = 10;
const GZIP_TRAILER_LENGTH: u8 = 8;

impl Deflate {
    pub(super) fn boxed(format: Format) -> Box<Self> {
        Box::new(Self {
            inflater: DecompressorOxide::new(),
            window: [0; WINDOW],
            position: 0,
            step: match format {
                Format::Gzip => Step::Header { index: 0, flags: 0 },
                Format::ZlibOrRaw => Step::ZlibOrRaw,
            },
            format,
            flags: TINFL_FLAG_HAS_MORE_INPUT,
        })
    }

    /// Whether the last member has come whole.
    pub(super) fn is_whole(&self) -> bool {
        matches!(self.step, Step::End | Step::Header { index: 0, .. })
    }

    pub(super) fn decode(
        &mut self,
        mut bytes: &[u8],
        sink: &mut impl FnMut(&[u8]) -> Result<(), IncompleteReason>,
    ) -> Result<(), IncompleteReason> {
        while let Some((&byte, rest)) = bytes.split_first() {
            bytes = match self.step {
                Step::Body => self.inflate(bytes, sink)?,
                Step::ZlibOrRaw => {
                    if byte & 0x0f == 8 {
                        self.flags |= TINFL_FLAG_PARSE_ZLIB_HEADER;
                    }
                    self.step = Step::Body;
                    bytes
                }
                Step::End => return Ok(()),
                step => {
                    self.step = wrapped(step, byte)?;
                    rest
                }
            };
        }
        Ok(())
    }

    /// Inflates on; returns what does not belong to the compressed data.
    fn inflate<'a>(
        &mut self,
        bytes: &'a [u8],
        sink: &mut impl FnMut(&[u8]) -> Result<(), IncompleteReason>,
    ) -> Result<&'a [u8], IncompleteReason> {
        let mut bytes = bytes;
        loop {
            let (status, consumed, produced) = decompress(
                &mut self.inflater,
                bytes,
                &mut self.window,
                self.position,
                self.flags,
            );
            let end = self.position.saturating_add(produced);
            if let Some(output) = self.window.get(self.position..end)
                && !output.is_empty()
            {
                sink(output)?;
            }
            self.position = end % WINDOW;
            bytes = bytes.get(consumed..).unwrap_or_default();
            match status {
                TINFLStatus::HasMoreOutput => {}
                TINFLStatus::NeedsMoreInput => return Ok(&[]),
                TINFLStatus::Done => {
                    self.step = match self.format {
                        Format::ZlibOrRaw => Step::End,
                        Format::Gzip => Step::Trailer {
                            left: GZIP_TRAILER_LENGTH,
                        },
                    };
                    self.inflater.init();
                    self.position = 0;
                    return Ok(bytes);
                }
                _ => return Err(IncompleteReason::Undecodable),
            }
        }
    }
}

/// The step after a byte around the compressed data.
fn wrapped(step: Step, byte: u8) -> Result<Step, IncompleteReason> {
    Ok(match step {
        Step::Header { index, flags } => {
            if GZIP_HEADER.get(usize::from(index)).unwrap_or(&byte) != &byte {
                return Err(IncompleteReason::Undecodable);
            }
            let flags = if index == 3 { byte } else { flags };
            let index = index + 1;
            if index < GZIP_HEADER_LENGTH {
                Step::Header { index, flags }
            } else {
                next_field(flags)
            }
        }
        Step::ExtraLength { low: None, flags } => Step::ExtraLength {
            low: Some(byte),
            flags,
        },
        Step::ExtraLength {
            low: Some(low),
            flags,
        } => match u16::from_le_bytes([low, byte]) {
            0 => next_field(flags),
            left => Step::Extra { left, flags },
        },
        Step::Extra { left: 1, flags } => next_field(flags),
        Step::Extra { left, flags } => Step::Extra {
            left: left - 1,
            flags,
        },
        Step::Text { flags } if byte == 0 => next_field(flags),
        Step::HeaderCheck { left: 1 } => Step::Body,
        Step::HeaderCheck { left } => Step::HeaderCheck { left: left - 1 },
        Step::Trailer { left: 1 } => Step::Header { index: 0, flags: 0 },
        Step::Trailer { left } => Step::Trailer { left: left - 1 },
        step => step,
    })
}

/// The next field of a gzip header of those that `flags` still announces.
const fn next_field(flags: u8) -> Step {
    if flags & EXTRA != 0 {
        Step::ExtraLength {
            low: None,
            flags: flags & !EXTRA,
        }
    } else if flags & NAME != 0 {
        Step::Text {
            flags: flags & !NAME,
        }
    } else if flags & COMMENT != 0 {
        Step::Text {
            flags: flags & !COMMENT,
        }
    } else if flags & HEADER_CHECK != 0 {
        Step::HeaderCheck { left: 2 }
    } else {
        Step::Body
    }
}
