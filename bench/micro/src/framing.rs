//! The time per event of a stream, for framing alone and for the whole extraction of usage.

use std::hint::black_box;
use std::rc::Rc;

use ai_gateway_core::base::chunk::Chunk;
use ai_gateway_core::base::time::UnixTime;
use ai_gateway_core::json::{Scalar, Scanner};
use ai_gateway_core::models::catalog::{Allowed, Catalog, UnlistedStatus};
use ai_gateway_core::models::pattern::ModelPattern;
use ai_gateway_core::models::request_body::{BodyCheck, RequiredModel};
use ai_gateway_core::usage::dialect::{CHAT_COMPLETIONS, CONVERSE, Dialect, GENERATE_CONTENT};
use ai_gateway_core::usage::field::Field;
use ai_gateway_core::usage::{End, UsageExtractor, event_stream, sse};
use criterion::{Criterion, Throughput};

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);

/// The number of events in a stream before the last one. Each arrives in its own chunk.
pub const EVENTS: usize = 100;

pub fn benchmarks(criterion: &mut Criterion) {
    let array = array();
    let messages = vec![message(); EVENTS];
    let events = vec![chat_event(); EVENTS];
    let count = |criterion: &mut Criterion, name: &str, frame: &dyn Fn() -> usize| {
        assert_eq!(frame(), EVENTS, "{name}");
        let mut group = criterion.benchmark_group("framer, per event");
        group.throughput(Throughput::Elements(EVENTS as u64));
        group.bench_function(name, |bencher| bencher.iter(frame));
    };
    count(criterion, "server-sent events", &|| {
        let mut framer = sse::SseFramer::default();
        let mut found = 0;
        for event in &events {
            framer.feed(black_box(event), &mut |piece| {
                found += usize::from(matches!(piece, sse::EventPart::Complete(_)));
            });
        }
        found
    });
    count(criterion, "JSON array", &|| {
        let mut scanner = Scanner::lenient(GENERATE_CONTENT.members);
        let mut values = 0;
        for element in &array {
            let _ = scanner.feed(black_box(element), &mut |_: Field, _: Scalar<'_>| {
                values += 1
            });
        }
        values / VALUES_PER_ELEMENT
    });
    count(criterion, "Amazon's event stream", &|| {
        let mut framer = event_stream::EventStreamFramer::default();
        let mut found = 0;
        for message in &messages {
            let _ = framer.feed(black_box(message), &mut |_| found += 1);
        }
        found
    });
    scan(criterion, &events);
    check(criterion);
    extract(
        criterion,
        "server-sent events",
        &CHAT_COMPLETIONS,
        "text/event-stream",
        &events,
    );
    extract(
        criterion,
        "JSON array",
        &GENERATE_CONTENT,
        "application/json",
        &array,
    );
    let binary = "application/vnd.amazon.eventstream";
    extract(
        criterion,
        "Amazon's event stream",
        &CONVERSE,
        binary,
        &messages,
    );
}

/// The JSON scanner alone, on every event of a stream. The extractor skips most events.
fn scan(criterion: &mut Criterion, events: &[Vec<u8>]) {
    let events: Vec<&[u8]> = events
        .iter()
        .map(|event| event.trim_ascii().strip_prefix(b"data: ").unwrap_or(event))
        .collect();
    let scan = || {
        let mut scanner = Scanner::lenient(CHAT_COMPLETIONS.members);
        let mut values = 0;
        for event in &events {
            scanner.reset();
            let _ = scanner.feed(black_box(event), &mut |_: Field, _: Scalar<'_>| values += 1);
        }
        values
    };
    assert_eq!(scan(), 3 * EVENTS, "id, model and content");
    let mut group = criterion.benchmark_group("JSON scanner, per event");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function("chat completion chunk", |bencher| bencher.iter(scan));
}

/// The check of the model in a request body with a long conversation, in chunks of 16 KB.
fn check(criterion: &mut Criterion) {
    let message = r#"{"role":"user","content":[{"type":"text","text":"A few words,\nand \"some more\" of them, as people write them to a model when they ask it for something."}]}"#;
    let messages = vec![message; 600].join(",");
    let body = format!(r#"{{"model":"gpt-5-mini","messages":[{messages}],"stream":true}}"#);
    let pattern = ModelPattern::parse("gpt-5-*").expect("a pattern");
    let catalog = Catalog::new(vec![pattern]).map(Rc::new);
    let allowed = Allowed::new("p", catalog, None, UnlistedStatus::NotFound).expect("a catalog");
    let check = || {
        let mut check =
            BodyCheck::new(allowed.clone(), RequiredModel::Member("model"), "", 1 << 20);
        for piece in body.as_bytes().chunks(16 << 10) {
            check
                .push(Chunk::More(black_box(piece)))
                .expect("an allowed model");
        }
        check
    };
    let mut group = criterion.benchmark_group("model check");
    group.throughput(Throughput::Bytes(body.len() as u64));
    group.bench_function("request body of 100 KB", |bencher| bencher.iter(check));
}

/// The whole extraction of usage: framing, search for fields, and timing.
fn extract(
    criterion: &mut Criterion,
    name: &str,
    dialect: &'static Dialect,
    content_type: &str,
    events: &[Vec<u8>],
) {
    let extract = || {
        let mut extractor = UsageExtractor::new(dialect, content_type.as_bytes(), b"");
        for event in events {
            extractor.push(black_box(event), &NOW);
        }
        assert!(extractor.is_reading(), "{name}: the extractor gave up");
        extractor.finish(End::Complete)
    };
    assert!(
        extract().timing.first_token.is_some(),
        "{name}: no event was recognised"
    );
    let mut group = criterion.benchmark_group("usage, per event");
    group.throughput(Throughput::Elements(EVENTS as u64));
    group.bench_function(name, |bencher| bencher.iter(extract));
}

pub fn chat_event() -> Vec<u8> {
    br#"data: {"id":"chatcmpl-CUr2nV3vYk6mJ1h8Q0aZb4TqXw9Le","object":"chat.completion.chunk","created":1762876543,"model":"gpt-5-mini-2025-08-07","service_tier":"default","system_fingerprint":null,"choices":[{"index":0,"delta":{"content":" and so on"},"logprobs":null,"finish_reason":null}],"usage":null,"obfuscation":"aB3xYz"}

"#
    .to_vec()
}

/// How many values each element of [`array`] has that the scanner extracts.
const VALUES_PER_ELEMENT: usize = 5;

/// The chunks of an array that is not yet closed.
fn array() -> Vec<Vec<u8>> {
    let element = r#"{"candidates":[{"content":{"parts":[{"text":" and so on"}],"role":"model"},"index":0}],"usageMetadata":{"promptTokenCount":300,"candidatesTokenCount":4,"totalTokenCount":304,"promptTokensDetails":[{"modality":"TEXT","tokenCount":300}]},"modelVersion":"gemini-2.5-flash","responseId":"hVkTaYz4Mr2UxN8P"}"#;
    (0..EVENTS)
        .map(|index| format!("{}{element}\n", if index == 0 { "[" } else { ",\n" }).into_bytes())
        .collect()
}

/// A message of Bedrock's `converse-stream` response.
fn message() -> Vec<u8> {
    let mut headers = Vec::new();
    for (name, value) in [
        (":event-type", "contentBlockDelta"),
        (":content-type", "application/json"),
        (":message-type", "event"),
    ] {
        headers.push(name.len() as u8);
        headers.extend(name.as_bytes());
        headers.push(7);
        headers.extend((value.len() as u16).to_be_bytes());
        headers.extend(value.as_bytes());
    }
    let payload =
        br#"{"contentBlockIndex":0,"delta":{"text":" and so on"},"p":"abcdefghijklmnop"}"#;
    let length = (12 + headers.len() + payload.len() + 4) as u32;
    let mut message = length.to_be_bytes().to_vec();
    message.extend((headers.len() as u32).to_be_bytes());
    message.extend(crc32fast::hash(&message).to_be_bytes());
    message.extend(headers);
    message.extend(payload);
    message.extend(crc32fast::hash(&message).to_be_bytes());
    message
}
