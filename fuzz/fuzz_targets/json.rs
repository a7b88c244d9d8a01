//! Any JSON, cut anywhere: the same accumulator, and none of what a full parser takes is refused.
#![no_main]

use ai_gateway_core::json::{Scalar, Scanner};
use ai_gateway_core::usage::dialect::CHAT_COMPLETIONS;
use ai_gateway_core::usage::field::Field;
use ai_gateway_filter_fuzz::{pieces, split_cuts};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

type UsageAccumulator = Result<(Vec<String>, bool), ()>;

fuzz_target!(|data: &[u8]| {
    let (cuts, document) = split_cuts(data);
    let whole = accumulator([document]);
    assert_eq!(whole, accumulator(pieces(cuts, document)));
    let parsed: Option<Value> = serde_json::from_slice(document).ok();
    // A response is never a bare number or text, which the scanner refuses.
    if parsed.is_some_and(|value| value.is_object() || value.is_array()) {
        assert!(whole.is_ok_and(|(_, is_at_end)| is_at_end));
    }
});

fn accumulator<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> UsageAccumulator {
    let mut scanner = Scanner::lenient(CHAT_COMPLETIONS.members);
    let mut found = Vec::new();
    for piece in pieces {
        let mut note = |field: Field, value: Scalar<'_>| found.push(format!("{field:?} {value:?}"));
        scanner.feed(piece, &mut note).map_err(|_| ())?;
    }
    Ok((found, scanner.is_at_end()))
}
