//! Any JSON. The extracted values do not depend on how it is split into chunks, and whatever a full parser accepts is
//! accepted.
#![no_main]

use ai_gateway_core::json::{Scalar, Scanner};
use ai_gateway_core::usage::dialect::CHAT_COMPLETIONS;
use ai_gateway_core::usage::field::Field;
use ai_gateway_filter_fuzz::{chunks, split_lengths};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

type Extracted = Result<(Vec<String>, bool), ()>;

fuzz_target!(|data: &[u8]| {
    let (lengths, document) = split_lengths(data);
    let whole = extract([document]);
    assert_eq!(whole, extract(chunks(lengths, document)));
    let parsed: Option<Value> = serde_json::from_slice(document).ok();
    // The scanner rejects bare numbers and strings, which are never a response.
    if parsed.is_some_and(|value| value.is_object() || value.is_array()) {
        assert!(whole.is_ok_and(|(_, is_at_end)| is_at_end));
    }
});

fn extract<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> Extracted {
    let mut scanner = Scanner::lenient(CHAT_COMPLETIONS.members);
    let mut found = Vec::new();
    for chunk in chunks {
        let mut record =
            |field: Field, value: Scalar<'_>| found.push(format!("{field:?} {value:?}"));
        scanner.feed(chunk, &mut record).map_err(|_| ())?;
    }
    Ok((found, scanner.is_at_end()))
}
