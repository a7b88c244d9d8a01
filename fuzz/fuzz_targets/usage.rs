//! Any response of any dialect, cut anywhere: the same usage, in bounded memory.
#![no_main]

use ai_gateway_core::base::time::UnixTime;
use ai_gateway_core::provider_kind::ProviderKind;
use ai_gateway_core::usage::response_usage::ResponseUsage;
use ai_gateway_core::usage::{End, MAX_MEMORY, UsageExtractor};
use ai_gateway_filter_fuzz::{pieces, split_cuts};
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
    let (form, data) = data;
    let (cuts, body) = split_cuts(data);
    let whole = report(form, [body]);
    let cut = report(form, pieces(cuts, body));
    assert_eq!(whole, cut);
    let most = 1_000_000_000_000_u64;
    assert!(
        whole
            .tokens
            .total_input()
            .is_none_or(|tokens| tokens <= 5 * most)
    );
    assert!(whole.incomplete.is_some() || whole.tokens.is_reported());
});

fn report<'a>(form: u8, pieces: impl IntoIterator<Item = &'a [u8]>) -> ResponseUsage {
    let form = usize::from(form);
    let (kind, path) = DIALECTS[form % 6];
    let operation = kind.profile().operation(path.as_bytes());
    let dialect = operation.dialect().expect("a path with usage");
    let content_type = CONTENT_TYPES[form / 6 % 4];
    let encoding = ENCODINGS[form / 24 % 3];
    let mut extractor = UsageExtractor::new(dialect, content_type.as_bytes(), encoding.as_bytes());
    for piece in pieces {
        extractor.push(piece, &UnixTime::default());
        assert!(extractor.memory_usage() <= MAX_MEMORY);
    }
    extractor.finish(End::Complete)
}
