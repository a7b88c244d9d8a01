//! Any binary event stream, cut anywhere: the same messages up to the same damage.
//!
//! Two checks stand in each message, which random bytes never pass: they are put right first.
#![no_main]

use ai_gateway_core::usage::MAX_EVENT;
use ai_gateway_core::usage::event_stream::{EventStreamFramer, EventStreamItem};
use ai_gateway_filter_fuzz::{pieces, split_cuts};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: (bool, &[u8])| {
    let (is_repaired, data) = data;
    let (cuts, stream) = split_cuts(data);
    let mut stream = stream.to_vec();
    if is_repaired {
        repair(&mut stream);
    }
    assert_eq!(
        messages([stream.as_slice()]),
        messages(pieces(cuts, &stream))
    );
});

fn messages<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<String> {
    let mut framer = EventStreamFramer::default();
    let mut messages = Vec::new();
    for piece in pieces {
        let mut note = |item: EventStreamItem<'_>| messages.push(format!("{item:?}"));
        if framer.feed(piece, &mut note).is_err() {
            messages.push("corrupt".to_owned());
            break;
        }
        assert!(framer.memory_usage() <= MAX_EVENT);
    }
    messages
}

/// Puts the checks right of all messages whose lengths fit.
fn repair(mut stream: &mut [u8]) {
    while stream.len() >= 16 {
        let (prelude, _) = stream.split_at(4);
        let total = prelude
            .iter()
            .fold(0_usize, |sum, byte| sum << 8 | usize::from(*byte));
        let check = crc32(&stream[..8]).to_be_bytes();
        stream[8..12].copy_from_slice(&check);
        if !(16..=stream.len()).contains(&total) {
            return;
        }
        let check = crc32(&stream[..total - 4]).to_be_bytes();
        stream[total - 4..total].copy_from_slice(&check);
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
