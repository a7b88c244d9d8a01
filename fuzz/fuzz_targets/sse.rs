//! Any stream of server-sent events. The events do not depend on how it is split into chunks, and memory is bounded.
#![no_main]

use ai_gateway_core::usage::MAX_EVENT;
use ai_gateway_core::usage::sse::{EventPart, SseFramer};
use ai_gateway_filter_fuzz::{chunks, split_lengths};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let (lengths, stream) = split_lengths(data);
    assert_eq!(events([stream]), events(chunks(lengths, stream)));
});

fn events<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Vec<Vec<u8>> {
    let mut framer = SseFramer::default();
    let mut events = Vec::new();
    let mut part = Vec::new();
    let mut collect = |event: EventPart<'_>| match event {
        EventPart::Complete(data) => events.push(data.to_vec()),
        EventPart::Part(data) => part.extend_from_slice(data),
        EventPart::PartsEnd => events.push(std::mem::take(&mut part)),
    };
    for chunk in chunks {
        framer.feed(chunk, &mut collect);
        assert!(framer.memory_usage() <= MAX_EVENT);
    }
    framer.finish(&mut collect);
    events
}
