//! Any response in any dialect. The usage does not depend on how it is split into chunks, and memory is bounded.
#![no_main]

use ai_gateway_core::base::time::UnixTime;
use ai_gateway_core::provider_kind::ProviderKind;
use ai_gateway_core::usage::response_usage::ResponseUsage;
use ai_gateway_core::usage::{End, MAX_MEMORY, UsageExtractor};
use ai_gateway_filter_fuzz::{chunks, split_lengths};
use libfuzzer_sys::fuzz_target;

const DIALECTS: [(ProviderKind, &str); 6] = [
    (ProviderKind::OpenAi, "chat/completions"),
    (ProviderKind::OpenAi, "responses"),
    (ProviderKind::Anthropic, "v1/messages"),
    (
        ProviderKind::Google,
        "v1beta/models/m:streamGenerateContent",
    ),
    (ProviderKind::Bedrock, "model/m/converse-stream"),
    (ProviderKind::Bedrock, "model/m/invoke-with-response-stream"),
];

const CONTENT_TYPES: [&str; 4] = [
    "",
    "application/json",
    "text/event-stream",
    "application/vnd.amazon.eventstream",
];

const ENCODINGS: [&str; 3] = ["", "gzip", "deflate"];

fuzz_target!(|data: (u8, &[u8])| {
    let (variant, data) = data;
    let (lengths, body) = split_lengths(data);
    let whole = report(variant, [body]);
    let split = report(variant, chunks(lengths, body));
    assert_eq!(whole, split);
    let max_tokens = 1_000_000_000_000_u64;
    assert!(
        whole
            .tokens
            .total_input()
            .is_none_or(|tokens| tokens <= 5 * max_tokens)
    );
    assert!(whole.incomplete.is_some() || whole.tokens.is_reported());
});

fn report<'a>(variant: u8, chunks: impl IntoIterator<Item = &'a [u8]>) -> ResponseUsage {
    let variant = usize::from(variant);
    let (kind, path) = DIALECTS[variant % 6];
    let operation = kind.profile().operation(path.as_bytes());
    let dialect = operation.dialect().expect("a path with usage");
    let content_type = CONTENT_TYPES[variant / 6 % 4];
    let encoding = ENCODINGS[variant / 24 % 3];
    let mut extractor = UsageExtractor::new(dialect, content_type.as_bytes(), encoding.as_bytes());
    for chunk in chunks {
        extractor.push(chunk, &UnixTime::default());
        assert!(extractor.memory_usage() <= MAX_MEMORY);
    }
    extractor.finish(End::Complete)
}
