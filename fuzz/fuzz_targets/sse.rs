//! Any event stream, cut anywhere: the same events, in bounded memory.
#![no_main]

use ai_gateway_core::usage::MAX_EVENT;
use ai_gateway_core::usage::sse::{EventPart, SseFramer};
use ai_gateway_filter_fuzz::{pieces, split_cuts};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (cuts, stream) = split_cuts(data);
    assert_eq!(events([stream]), events(pieces(cuts, stream)));
});

fn events<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut framer = SseFramer::default();
    let mut events = Vec::new();
    let mut part = Vec::new();
    let mut take = |piece: EventPart<'_>| match piece {
        EventPart::Complete(data) => events.push(data.to_vec()),
        EventPart::Part(data) => part.extend_from_slice(data),
        EventPart::PartsEnd => events.push(std::mem::take(&mut part)),
    };
    for piece in pieces {
        framer.feed(piece, &mut take);
        assert!(framer.memory_usage() <= MAX_EVENT);
    }
    framer.finish(&mut take);
    events
}
