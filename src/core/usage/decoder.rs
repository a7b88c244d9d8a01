//! Decodes the content coding of a response (RFC 9110 §8.4) in bounded memory and time.

mod accept_encoding;
mod deflate;

pub use accept_encoding::decodable;

use super::response_usage::IncompleteReason;
use deflate::{Deflate, Format};

/// The decoded size that is always accepted.
const FREE_OUTPUT: u64 = 1 << 20;

/// The most that is decoded of the bytes that arrive at once, so that a worker does not stand still.
const MAX_OUTPUT_AT_ONCE: u64 = 4 << 20;

/// The maximum ratio of decoded to encoded size beyond that. Text is seldom above 30.
const MAX_RATIO: u64 = 200;

/// Decodes one response.
pub struct Decoder {
    coding: Coding,
    encoded: u64,
    decoded: u64,
}

enum Coding {
    Identity,
    Deflate(Box<Deflate>),
}

impl Decoder {
    /// A decoder for a `content-encoding`. `None` if it is not supported.
    pub fn new(content_encoding: &[u8]) -> Option<Self> {
        let coding = match content_encoding
            .trim_ascii()
            .to_ascii_lowercase()
            .as_slice()
        {
            b"" | b"identity" => Coding::Identity,
            b"gzip" | b"x-gzip" => Coding::Deflate(Deflate::boxed(Format::Gzip)),
            b"deflate" => Coding::Deflate(Deflate::boxed(Format::ZlibOrRaw)),
            _ => return None,
        };
        Some(Self {
            coding,
            encoded: 0,
            decoded: 0,
        })
    }

    /// Decodes the next bytes. Calls `sink` with pieces of at most 32 KiB, or with `encoded` itself if
    /// there is no coding.
    pub fn decode(
        &mut self,
        encoded: &[u8],
        sink: &mut impl FnMut(&[u8]) -> Result<(), IncompleteReason>,
    ) -> Result<(), IncompleteReason> {
        self.encoded = self.encoded.saturating_add(length(encoded));
        let cap = FREE_OUTPUT
            .saturating_add(self.encoded.saturating_mul(MAX_RATIO))
            .min(self.decoded.saturating_add(MAX_OUTPUT_AT_ONCE));
        let mut metered = |decoded: &[u8]| {
            self.decoded = self.decoded.saturating_add(length(decoded));
            if self.decoded > cap {
                return Err(IncompleteReason::OverCap);
            }
            sink(decoded)
        };
        match &mut self.coding {
            Coding::Identity => sink(encoded),
            Coding::Deflate(deflate) => deflate.decode(encoded, &mut metered),
        }
    }

    /// Whether the encoded data is complete.
    pub fn is_complete(&self) -> bool {
        match &self.coding {
            Coding::Identity => true,
            Coding::Deflate(deflate) => deflate.is_complete(),
        }
    }

    /// Heap memory in use, in bytes.
    pub fn memory_usage(&self) -> usize {
        match &self.coding {
            Coding::Identity => 0,
            Coding::Deflate(_) => size_of::<Deflate>(),
        }
    }
}

fn length(bytes: &[u8]) -> u64 {
    bytes.len().try_into().unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
