//! Any binary event stream. The messages up to the first corrupt one do not depend on how it is split into chunks.
//!
//! The parts of a long message are compared byte by byte.
//!
//! Random bytes never have valid checksums, so the checksums are repaired first in some of the inputs.
#![no_main]

use ai_gateway_core::usage::MAX_EVENT;
use ai_gateway_core::usage::event_stream::{EventStreamFramer, EventStreamItem};
use ai_gateway_filter_fuzz::{chunks, split_lengths};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: (bool, &[u8])| {
    let (repairs, data) = data;
    let (lengths, stream) = split_lengths(data);
    let mut stream = stream.to_vec();
    if repairs {
        repair(&mut stream);
    }
    assert_eq!(
        messages([stream.as_slice()]),
        messages(chunks(lengths, &stream))
    );
});

fn messages<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut framer = EventStreamFramer::default();
    let mut messages = Vec::new();
    for chunk in chunks {
        let mut record = |item: EventStreamItem<'_>| match item {
            EventStreamItem::Part(part) => {
                let bytes = part.iter().map(|byte| format!(" {byte}"));
                messages.extend(bytes);
            }
            item => messages.push(format!("{item:?}")),
        };
        if framer.feed(chunk, &mut record).is_err() {
            messages.push("corrupt".to_owned());
            break;
        }
        assert!(framer.memory_usage() <= MAX_EVENT);
    }
    messages
}

/// Repairs the two checksums of each message, up to the first with an invalid length.
fn repair(mut stream: &mut [u8]) {
    while stream.len() >= 16 {
        let (prelude, _) = stream.split_at(4);
        let total = prelude
            .iter()
            .fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        let checksum = crc32(&stream[..8]).to_be_bytes();
        stream[8..12].copy_from_slice(&checksum);
        if !(16..=stream.len()).contains(&total) {
            return;
        }
        let checksum = crc32(&stream[..total - 4]).to_be_bytes();
        stream[total - 4..total].copy_from_slice(&checksum);
        stream = &mut stream[total..];
    }
}

fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| {
            crc >> 1 ^ (0xedb8_8320 & (crc & 1).wrapping_neg())
        })
    })
}
