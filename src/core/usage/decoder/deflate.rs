//! Push-based decoder for gzip (RFC 1952), zlib (RFC 1950) and raw deflate (RFC 1951).
//!
//! The window is also the output buffer, so nothing is copied. Checksums are not verified: TLS
//! protects the response, and usage is read before the checksum arrives.

use miniz_oxide::inflate::TINFLStatus;
use miniz_oxide::inflate::core::inflate_flags::{
    TINFL_FLAG_HAS_MORE_INPUT, TINFL_FLAG_PARSE_ZLIB_HEADER,
};
use miniz_oxide::inflate::core::{DecompressorOxide, decompress};

use crate::usage::response_usage::IncompleteReason;

/// The largest window of the format.
const WINDOW: usize = 32 * 1024;

/// The container format of a stream.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Format {
    Gzip,
    /// `deflate` means zlib, but some servers send raw deflate.
    ZlibOrRaw,
}

/// Decodes one stream.
pub(super) struct Deflate {
    inflater: DecompressorOxide,
    window: [u8; WINDOW],
    /// The position of the next output in the window.
    position: usize,
    step: DeflateStep,
    format: Format,
    flags: u32,
}

/// The part of the stream that comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum DeflateStep {
    /// The byte with this index of the fixed header of a gzip member.
    Header { index: u8, flags: u8 },
    /// The length of the extra field, after its low byte if that is known.
    ExtraLength { low: Option<u8>, flags: u8 },
    /// The extra field, of which so many bytes are left.
    Extra { left: u16, flags: u8 },
    /// A zero-terminated string: the file name or a comment.
    Text { flags: u8 },
    /// The checksum of the header, of which so many bytes are left.
    HeaderCheck { left: u8 },
    /// The first byte, which distinguishes zlib from raw deflate.
    ZlibOrRaw,
    /// Compressed data.
    Body,
    /// The checksum and length of a gzip member, of which so many bytes are left.
    Trailer { left: u8 },
    /// Data after the end, which is ignored.
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
                Format::Gzip => DeflateStep::Header { index: 0, flags: 0 },
                Format::ZlibOrRaw => DeflateStep::ZlibOrRaw,
            },
            format,
            flags: TINFL_FLAG_HAS_MORE_INPUT,
        })
    }

    /// Whether the last member is complete.
    pub(super) fn is_complete(&self) -> bool {
        matches!(
            self.step,
            DeflateStep::End | DeflateStep::Header { index: 0, .. }
        )
    }

    pub(super) fn decode(
        &mut self,
        mut bytes: &[u8],
        sink: &mut impl FnMut(&[u8]) -> Result<(), IncompleteReason>,
    ) -> Result<(), IncompleteReason> {
        while let Some((&byte, rest)) = bytes.split_first() {
            bytes = match self.step {
                DeflateStep::Body => self.inflate(bytes, sink)?,
                DeflateStep::ZlibOrRaw => {
                    if byte & 0x0f == 8 {
                        self.flags |= TINFL_FLAG_PARSE_ZLIB_HEADER;
                    }
                    self.step = DeflateStep::Body;
                    bytes
                }
                DeflateStep::End => return Ok(()),
                step => {
                    self.step = after_wrapper_byte(step, byte)?;
                    rest
                }
            };
        }
        Ok(())
    }

    /// Inflates the next bytes. Returns those after the compressed data.
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
                        Format::ZlibOrRaw => DeflateStep::End,
                        Format::Gzip => DeflateStep::Trailer {
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

/// The step after a byte of a header or trailer.
fn after_wrapper_byte(step: DeflateStep, byte: u8) -> Result<DeflateStep, IncompleteReason> {
    Ok(match step {
        DeflateStep::Header { index, flags } => {
            if GZIP_HEADER.get(usize::from(index)).unwrap_or(&byte) != &byte {
                return Err(IncompleteReason::Undecodable);
            }
            let flags = if index == 3 { byte } else { flags };
            let index = index + 1;
            if index < GZIP_HEADER_LENGTH {
                DeflateStep::Header { index, flags }
            } else {
                next_field(flags)
            }
        }
        DeflateStep::ExtraLength { low: None, flags } => DeflateStep::ExtraLength {
            low: Some(byte),
            flags,
        },
        DeflateStep::ExtraLength {
            low: Some(low),
            flags,
        } => match u16::from_le_bytes([low, byte]) {
            0 => next_field(flags),
            left => DeflateStep::Extra { left, flags },
        },
        DeflateStep::Extra { left: 1, flags } => next_field(flags),
        DeflateStep::Extra { left, flags } => DeflateStep::Extra {
            left: left - 1,
            flags,
        },
        DeflateStep::Text { flags } if byte == 0 => next_field(flags),
        DeflateStep::HeaderCheck { left: 1 } => DeflateStep::Body,
        DeflateStep::HeaderCheck { left } => DeflateStep::HeaderCheck { left: left - 1 },
        DeflateStep::Trailer { left: 1 } => DeflateStep::Header { index: 0, flags: 0 },
        DeflateStep::Trailer { left } => DeflateStep::Trailer { left: left - 1 },
        step => step,
    })
}

/// The next field of a gzip header. `flags` has a bit for each field that is left.
const fn next_field(flags: u8) -> DeflateStep {
    if flags & EXTRA != 0 {
        DeflateStep::ExtraLength {
            low: None,
            flags: flags & !EXTRA,
        }
    } else if flags & NAME != 0 {
        DeflateStep::Text {
            flags: flags & !NAME,
        }
    } else if flags & COMMENT != 0 {
        DeflateStep::Text {
            flags: flags & !COMMENT,
        }
    } else if flags & HEADER_CHECK != 0 {
        DeflateStep::HeaderCheck { left: 2 }
    } else {
        DeflateStep::Body
    }
}
