//! Recorded responses: cut anywhere, compressed, damaged and cut short.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::base::time::UnixTime;
use crate::provider_kind::INVOKE_MODEL;
use dialect::{
    ANY_SHAPE, CHAT_COMPLETIONS, CONVERSE, GENERATE_CONTENT, INTERACTIONS, MESSAGES, RESPONSES,
};

/// A recorded response.
struct Recording {
    name: String,
    dialect: &'static Dialect,
    content_type: &'static str,
    body: Vec<u8>,
    expected: Value,
}

fn recordings() -> Vec<Recording> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/streams");
    let dialects = [
        &CHAT_COMPLETIONS,
        &RESPONSES,
        &MESSAGES,
        &GENERATE_CONTENT,
        &INTERACTIONS,
        &CONVERSE,
        &INVOKE_MODEL,
    ];
    let mut recordings = Vec::new();
    for dialect in dialects {
        let mut paths: Vec<PathBuf> = fs::read_dir(root.join(dialect.name))
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .filter(|path| path.file_name().is_some_and(|name| name != "usage.json"))
            .filter(|path| path.extension().is_some_and(|extension| extension != "gz"))
            .collect();
        paths.sort();
        recordings.extend(paths.iter().map(|path| recording(dialect, path)));
    }
    recordings
}

fn recording(dialect: &'static Dialect, path: &Path) -> Recording {
    let case = path.file_stem().unwrap().to_str().unwrap();
    let usages = fs::read(path.with_file_name("usage.json")).unwrap();
    let usages: Value = serde_json::from_slice(&usages).unwrap();
    assert!(usages[case].is_object(), "usage.json has no {case}");
    let content_type = match path.extension().unwrap().to_str().unwrap() {
        "sse" => "text/event-stream; charset=utf-8",
        "json" => "application/json",
        _ => "application/vnd.amazon.eventstream",
    };
    Recording {
        name: path.display().to_string(),
        dialect,
        content_type,
        body: fs::read(path).unwrap(),
        expected: usages[case].clone(),
    }
}

impl Recording {
    fn read<'a>(&self, encoding: &str, cuts: impl IntoIterator<Item = &'a [u8]>) -> ResponseUsage {
        self.read_to(encoding, cuts, End::Complete)
    }

    fn read_to<'a>(
        &self,
        encoding: &str,
        cuts: impl IntoIterator<Item = &'a [u8]>,
        end: End,
    ) -> ResponseUsage {
        let content_type = self.content_type.as_bytes();
        let mut extractor = UsageExtractor::new(self.dialect, content_type, encoding.as_bytes());
        for (index, cut) in cuts.into_iter().enumerate() {
            extractor.push(cut, &UnixTime::from_secs(index as u64));
            assert!(
                extractor.memory_usage() <= MAX_MEMORY,
                "{}",
                extractor.memory_usage()
            );
        }
        extractor.finish(end)
    }
}

/// A usage in the format of the expected values of the recordings.
fn written(usage: &ResponseUsage) -> Value {
    let tokens = &usage.tokens;
    let mut written = json!({
        "input": tokens.input,
        "output": tokens.output,
        "cached_read": tokens.cached_read,
        "cache_write": tokens.cache_write,
        "cache_write_5m": tokens.cache_write_5m,
        "cache_write_1h": tokens.cache_write_1h,
        "reasoning": tokens.reasoning,
        "total_input": tokens.total_input(),
        "total_output": tokens.total_output(),
        "cost": usage.cost,
        "incomplete": usage.incomplete.map(IncompleteReason::code),
        "ended": usage.ended,
        "model": usage.model,
        "response_id": usage.response_id,
        "finish_reason": usage.finish_reason,
        "streamed": usage.timing.last_event.map(|_| true),
    });
    written
        .as_object_mut()
        .unwrap()
        .retain(|_, value| !value.is_null());
    written
}

fn gzip(body: &[u8]) -> Vec<u8> {
    let mut gzip = vec![0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3];
    gzip.extend(miniz_oxide::deflate::compress_to_vec(body, 6));
    gzip.extend(crc32fast::hash(body).to_le_bytes());
    gzip.extend(u32::try_from(body.len()).unwrap().to_le_bytes());
    gzip
}

fn zlib(body: &[u8]) -> Vec<u8> {
    miniz_oxide::deflate::compress_to_vec_zlib(body, 6)
}

fn encodings(body: &[u8]) -> [(&'static str, Vec<u8>); 3] {
    [
        ("", body.to_vec()),
        ("gzip", gzip(body)),
        ("deflate", zlib(body)),
    ]
}

#[test]
fn recordings_give_their_usage_in_pieces_of_any_size() {
    for recording in recordings() {
        for (encoding, body) in encodings(&recording.body) {
            for size in (1..40).chain([97, 1000, 4096, body.len()]) {
                let usage = recording.read(encoding, body.chunks(size));
                let name = &recording.name;
                assert_eq!(
                    written(&usage),
                    recording.expected,
                    "{name} {encoding} {size}"
                );
            }
        }
    }
}

#[test]
fn recordings_give_their_usage_when_cut_in_two_anywhere() {
    for recording in recordings() {
        let length = recording.body.len();
        for cut in (0..length).step_by(1 + length / 3000) {
            let (one, other) = recording.body.split_at(cut);
            let usage = recording.read("", [one, other]);
            assert_eq!(written(&usage), recording.expected, "{}", recording.name);
        }
    }
}

#[test]
fn recordings_give_their_usage_under_another_content_type() {
    for mut recording in recordings() {
        for content_type in ["", "text/plain", "application/json", "text/event-stream"] {
            recording.content_type = content_type;
            let usage = recording.read("", [recording.body.as_slice()]);
            assert_eq!(written(&usage), recording.expected, "{}", recording.name);
        }
    }
}

#[test]
fn line_ends_comments_and_split_data_change_nothing() {
    for recording in recordings() {
        if !recording.content_type.starts_with("text/event-stream") {
            continue;
        }
        let body = String::from_utf8(recording.body.clone()).unwrap();
        let plain = body.replace("\r\n", "\n");
        for changed in [
            plain.replace('\n', "\r\n"),
            plain.replace('\n', "\r"),
            format!("\u{feff}{}", plain.replace("data: ", ": ping\ndata:")),
            plain.replace(",\"object\"", "\ndata: ,\"object\""),
        ] {
            for size in [1, 7, changed.len()] {
                let usage = recording.read("", changed.as_bytes().chunks(size));
                assert_eq!(written(&usage), recording.expected, "{}", recording.name);
            }
        }
    }
}

/// A response that was cut short reports at most the usage of the complete one, and the reason why
/// it is incomplete, unless the usage was complete by then.
#[test]
fn responses_cut_short_are_incomplete_with_a_reason() {
    for recording in recordings() {
        let length = recording.body.len();
        let whole = recording.read("", [recording.body.as_slice()]);
        for cut in (0..length).step_by(1 + length / 1000) {
            let part = &recording.body[..cut];
            for (end, reason) in [
                (End::ClientDisconnect, IncompleteReason::ClientDisconnect),
                (End::UpstreamReset, IncompleteReason::UpstreamReset),
            ] {
                let usage = recording.read_to("", [part], end);
                let name = &recording.name;
                if usage.ended {
                    assert_eq!(usage.tokens, whole.tokens, "{name} {cut}");
                } else {
                    assert_eq!(usage.incomplete, Some(reason), "{name} {cut}");
                }
                assert!(usage.tokens.input <= whole.tokens.input, "{name} {cut}");
                assert!(usage.tokens.output <= whole.tokens.output, "{name} {cut}");
            }
        }
    }
}

#[test]
fn events_without_content_are_not_the_first_token() {
    let stream = b"data: {\"choices\":[{\"delta\":{\"role\":\"assistant\",\"content\":\"\"}}]}\n\n|: ping\n\n|\
data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n|data: {\"choices\":[{\"delta\":{\"content\":\"b\"}}]}\n\n|\
data: {\"choices\":[{\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n|data: [DONE]\n\n";
    let mut extractor = UsageExtractor::new(&CHAT_COMPLETIONS, b"text/event-stream", b"");
    for (second, part) in stream.split(|byte| *byte == b'|').enumerate() {
        extractor.push(part, &UnixTime::from_secs(second as u64));
    }
    assert!(!extractor.is_reading());
    let timing = extractor.finish(End::Complete).timing;
    assert_eq!(timing.first_token, Some(UnixTime::from_secs(2)));
    assert_eq!(timing.last_event, Some(UnixTime::from_secs(4)));
}

/// The encoder flushes after each event, so each event can be read as it arrives.
#[test]
fn a_compressed_stream_is_read_as_it_arrives() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/streams/messages");
    let stream = recording(&MESSAGES, &path.join("cached_and_thinking.sse"));
    let body = fs::read(path.join("cached_and_thinking.sse.gz")).unwrap();
    for size in [1, 2, 5, 100] {
        let usage = stream.read("gzip", body.chunks(size));
        assert_eq!(written(&usage), stream.expected);
        let second = |time: Option<UnixTime>| time.unwrap().saturating_since(UnixTime::default());
        let (first, last) = (usage.timing.first_token, usage.timing.last_event);
        assert!(second(first) < second(last), "{first:?} {last:?}");
    }
    let cut = stream.read_to("gzip", [&body[..body.len() / 2]], End::ClientDisconnect);
    assert_eq!(cut.incomplete, Some(IncompleteReason::ClientDisconnect));
    assert_eq!(cut.tokens.total_input(), Some(10_412));
    assert_eq!(cut.tokens.output, None);
}

#[test]
fn headers_add_the_usage_that_the_body_lacks() {
    let mut extractor = UsageExtractor::new(&INVOKE_MODEL, b"application/json", b"");
    extractor.note_headers(HeaderUsage {
        tokens: TokenUsage {
            input: Some(5),
            output: Some(6),
            ..TokenUsage::default()
        },
        ..HeaderUsage::default()
    });
    extractor.push(br#"{"usage":{"output_tokens":7}}"#, &UnixTime::default());
    let usage = extractor.finish(End::Complete);
    assert_eq!(usage.tokens.input, Some(5));
    assert_eq!(usage.tokens.output, Some(7));
    assert_eq!(usage.incomplete, None);
}

/// The usage of a response in this dialect and of this content type.
fn usage_of(dialect: &'static Dialect, content_type: &str, body: &str) -> ResponseUsage {
    let mut extractor = UsageExtractor::new(dialect, content_type.as_bytes(), b"");
    extractor.push(body.as_bytes(), &UnixTime::default());
    extractor.finish(End::Complete)
}

/// A stream of these events.
fn stream(events: &[&str]) -> String {
    let events = events.iter().map(|event| format!("data: {event}\n\n"));
    events.collect()
}

#[test]
fn usage_is_read_from_a_choice() {
    let kimi = stream(&[
        r#"{"model":"kimi","choices":[{"delta":{"content":"a"}}]}"#,
        r#"{"model":"kimi","choices":[{"delta":{},"finish_reason":"stop","usage":{"prompt_tokens":19,"completion_tokens":13}}]}"#,
        "[DONE]",
    ]);
    for dialect in [&CHAT_COMPLETIONS, &ANY_SHAPE] {
        let usage = usage_of(dialect, "text/event-stream", &kimi);
        assert_eq!(usage.incomplete, None);
        assert_eq!(usage.tokens.input, Some(19));
        assert_eq!(usage.tokens.output, Some(13));
    }
}

#[test]
fn a_transcription_may_have_the_names_of_chat_completions_or_seconds_only() {
    let mistral = r#"{"model":"voxtral","text":"a","usage":{"prompt_audio_seconds":203,"prompt_tokens":4,"total_tokens":3264,"completion_tokens":635}}"#;
    for dialect in [&RESPONSES, &ANY_SHAPE] {
        let usage = usage_of(dialect, "application/json", mistral);
        assert_eq!(usage.incomplete, None);
        assert_eq!(usage.tokens.total_input(), Some(4));
        assert_eq!(usage.tokens.total_output(), Some(635));
        assert_eq!(usage.units.audio_seconds, Some(203));
    }
    let whisper = r#"{"text":"a","usage":{"type":"duration","seconds":11.2}}"#;
    let usage = usage_of(&RESPONSES, "application/json", whisper);
    assert_eq!(usage.incomplete, None);
    assert_eq!(usage.units.audio_seconds, Some(12));
}

#[test]
fn a_later_zero_does_not_erase_a_count() {
    let events = stream(&[
        r#"{"type":"message_start","message":{"usage":{"input_tokens":25,"cache_read_input_tokens":1000,"cache_creation_input_tokens":200,"output_tokens":1}}}"#,
        r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"input_tokens":0,"cache_read_input_tokens":0,"cache_creation_input_tokens":0,"output_tokens":7}}"#,
        r#"{"type":"message_stop"}"#,
    ]);
    for dialect in [&MESSAGES, &ANY_SHAPE] {
        let tokens = usage_of(dialect, "text/event-stream", &events).tokens;
        assert_eq!(tokens.input, Some(25));
        assert_eq!(tokens.total_input(), Some(1225));
        assert_eq!(tokens.output, Some(7));
    }
    let later = events.replace(
        r#""usage":{"input_tokens":0"#,
        r#""usage":{"input_tokens":30"#,
    );
    let tokens = usage_of(&MESSAGES, "text/event-stream", &later).tokens;
    assert_eq!(tokens.total_input(), Some(1230));
}

#[test]
fn an_error_event_is_the_reason_for_missing_usage() {
    const ERROR: &str = r#"{"error":{"message":"m","code":500}}"#;
    const TOKEN: &str = r#"{"choices":[{"delta":{"content":"a"}}]}"#;
    let error = Some(IncompleteReason::UpstreamError);
    for events in [
        &[ERROR, "[DONE]"][..],
        &[ERROR],
        &[TOKEN, TOKEN, ERROR, "[DONE]"],
        &[TOKEN, TOKEN, ERROR],
    ] {
        for dialect in [
            &CHAT_COMPLETIONS,
            &GENERATE_CONTENT,
            &RESPONSES,
            &MESSAGES,
            &ANY_SHAPE,
        ] {
            let usage = usage_of(dialect, "text/event-stream", &stream(events));
            assert_eq!(usage.incomplete, error, "{} {events:?}", dialect.name);
        }
    }
    let usage = usage_of(&CHAT_COMPLETIONS, "application/json", ERROR);
    assert_eq!(usage.incomplete, error);
    let with_usage = stream(&[ERROR, r#"{"usage":{"prompt_tokens":1}}"#, "[DONE]"]);
    let usage = usage_of(&CHAT_COMPLETIONS, "text/event-stream", &with_usage);
    assert_eq!(usage.incomplete, None);
    let none = usage_of(
        &RESPONSES,
        "application/json",
        r#"{"error":null,"usage":null}"#,
    );
    assert_eq!(none.incomplete, Some(IncompleteReason::NotReported));
}

#[test]
fn a_text_reports_no_usage_whatever_it_begins_with() {
    let texts = [
        "data: is what we need",
        "event: a party",
        "id: 5",
        "retry",
        ": so",
        "{laughs} hello",
        "[Music]",
        "1\n00:00:00,000 --> 00:00:01,000\nHello",
        "WEBVTT\n\n00:00.000",
        "Hello",
        "",
        "\u{feff}\u{e9}",
        "\0",
    ];
    let types = [
        "text/plain; charset=utf-8",
        "text/vtt",
        "text/srt",
        "Text/Plain",
        "application/x-subrip",
    ];
    for text in texts {
        for content_type in types {
            for dialect in [&RESPONSES, &ANY_SHAPE] {
                let usage = usage_of(dialect, content_type, text);
                let reason = Some(IncompleteReason::NotReported);
                assert_eq!(usage.incomplete, reason, "{content_type} {text}");
            }
        }
    }
}

#[test]
fn work_that_is_done_later_has_no_usage_yet() {
    for body in [
        r#"{"id":"r","object":"response","background":true,"status":"queued","usage":null}"#,
        r#"{"id":"r","status":"in_progress","background":true}"#,
        r#"{"id":"b","object":"batch","status":"validating","usage":{"input_tokens":0,"output_tokens":0}}"#,
        r#"{"id":"m","type":"message_batch","processing_status":"in_progress"}"#,
        r#"{"name":"models/veo/operations/1"}"#,
        r#"{"id":"v","object":"video","status":"queued"}"#,
    ] {
        let usage = usage_of(&ANY_SHAPE, "application/json", body);
        assert_eq!(
            usage.incomplete,
            Some(IncompleteReason::Background),
            "{body}"
        );
    }
    let queued = r#"{"id":"r","status":"queued","usage":null}"#;
    let usage = usage_of(&RESPONSES, "application/json", queued);
    assert_eq!(usage.incomplete, Some(IncompleteReason::Background));
    let done = stream(&[
        r#"{"type":"response.created","response":{"status":"in_progress","background":true}}"#,
        r#"{"type":"response.completed","response":{"status":"completed","usage":{"input_tokens":3,"output_tokens":4}}}"#,
    ]);
    let usage = usage_of(&RESPONSES, "text/event-stream", &done);
    assert_eq!(usage.incomplete, None);
    assert_eq!(usage.tokens.input, Some(3));
}

/// Responses of the APIs that are not known by their path, with the total input and output.
#[test]
fn usage_of_any_known_shape_is_read() {
    for (body, input, output) in [
        // Cohere
        (
            r#"{"id":"c","finish_reason":"COMPLETE","usage":{"billed_units":{"input_tokens":5,"output_tokens":418},"tokens":{"input_tokens":71,"output_tokens":420}}}"#,
            Some(5),
            Some(418),
        ),
        (
            r#"{"id":"c","texts":["a"],"meta":{"api_version":{"version":"2"},"billed_units":{"input_tokens":2}}}"#,
            Some(2),
            None,
        ),
        // vLLM
        (
            r#"{"id":"s","object":"list","model":"m","data":[{"score":0.5}],"usage":{"prompt_tokens":7,"total_tokens":7,"completion_tokens":0}}"#,
            Some(7),
            Some(0),
        ),
        (
            r#"{"id":"r","results":[],"usage":{"total_tokens":9}}"#,
            Some(9),
            None,
        ),
        // OpenAI
        (
            r#"{"usage":{"prompt_tokens":100,"completion_tokens":5,"prompt_tokens_details":{"cached_tokens":60}}}"#,
            Some(100),
            Some(5),
        ),
        (
            r#"{"usage":{"prompt_tokens":100,"completion_tokens":5,"cache_read_input_tokens":60}}"#,
            Some(100),
            Some(5),
        ),
        (
            r#"{"object":"response","status":"completed","usage":{"input_tokens":100,"input_tokens_details":{"cached_tokens":60},"output_tokens":5}}"#,
            Some(100),
            Some(5),
        ),
        // Anthropic, Bedrock
        (
            r#"{"type":"message","usage":{"input_tokens":100,"cache_read_input_tokens":60,"output_tokens":5}}"#,
            Some(160),
            Some(5),
        ),
        (
            r#"{"stopReason":"end_turn","usage":{"inputTokens":100,"outputTokens":5,"cacheReadInputTokens":60}}"#,
            Some(160),
            Some(5),
        ),
        // Google
        (
            r#"{"candidates":[],"usageMetadata":{"promptTokenCount":100,"candidatesTokenCount":5,"thoughtsTokenCount":20}}"#,
            Some(100),
            Some(25),
        ),
        (
            r#"{"id":"i","status":"completed","usage":{"total_input_tokens":100,"total_output_tokens":5,"total_thought_tokens":20,"total_tokens":125}}"#,
            Some(100),
            Some(25),
        ),
        // Ollama, llama.cpp, watsonx
        (
            r#"{"model":"m","done":true,"prompt_eval_count":26,"eval_count":298}"#,
            Some(26),
            Some(298),
        ),
        (
            r#"{"content":"a","tokens_evaluated":3,"tokens_predicted":4}"#,
            Some(3),
            Some(4),
        ),
        (
            r#"{"model_id":"m","results":[{"input_token_count":3,"generated_token_count":4}]}"#,
            Some(3),
            Some(4),
        ),
    ] {
        let usage = usage_of(&ANY_SHAPE, "application/json", body);
        assert_eq!(usage.incomplete, None, "{body}");
        assert_eq!(usage.tokens.total_input(), input, "{body}");
        assert_eq!(usage.tokens.total_output(), output, "{body}");
    }
    let ocr = r#"{"pages":[{"index":0}],"model":"mistral-ocr","usage_info":{"pages_processed":3,"doc_size_bytes":9}}"#;
    let usage = usage_of(&ANY_SHAPE, "application/json", ocr);
    assert_eq!((usage.incomplete, usage.units.pages), (None, Some(3)));
    let rerank = r#"{"results":[],"meta":{"billed_units":{"search_units":1}}}"#;
    for dialect in [&ANY_SHAPE, &CHAT_COMPLETIONS] {
        let usage = usage_of(dialect, "application/json", rerank);
        assert_eq!((usage.incomplete, usage.units.searches), (None, Some(1)));
    }
    let unknown = usage_of(&ANY_SHAPE, "application/json", r#"{"answer":42}"#);
    assert_eq!(unknown.incomplete, Some(IncompleteReason::NotReported));
}

#[test]
fn streams_of_any_known_shape_are_read() {
    for events in [
        vec![
            r#"{"type":"message-start","id":"c"}"#,
            r#"{"type":"content-delta","delta":{"message":{"content":{"text":"a"}}}}"#,
            r#"{"type":"message-end","delta":{"finish_reason":"COMPLETE","usage":{"billed_units":{"input_tokens":3,"output_tokens":4},"tokens":{"input_tokens":9}}}}"#,
        ],
        vec![
            r#"{"choices":[{"delta":{"content":"a"}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"stop"}],"usage":{"prompt_tokens":3,"completion_tokens":4}}"#,
        ],
        vec![
            r#"{"type":"response.output_text.delta","delta":"a"}"#,
            r#"{"type":"response.completed","response":{"status":"completed","usage":{"input_tokens":3,"output_tokens":4}}}"#,
        ],
        vec![
            r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}],"usageMetadata":{"promptTokenCount":3}}"#,
            r#"{"candidates":[{"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":3,"candidatesTokenCount":4}}"#,
        ],
    ] {
        let usage = usage_of(&ANY_SHAPE, "text/event-stream", &stream(&events));
        assert_eq!(usage.incomplete, None, "{events:?}");
        assert_eq!(usage.tokens.total_input(), Some(3), "{events:?}");
        assert_eq!(usage.tokens.total_output(), Some(4), "{events:?}");
    }
    let lines = concat!(
        r#"{"event_type":"text-generation","text":"a"}"#,
        "\n",
        r#"{"event_type":"stream-end","response":{"meta":{"billed_units":{"input_tokens":3,"output_tokens":4}}}}"#,
        "\n",
    );
    let usage = usage_of(&ANY_SHAPE, "application/stream+json", lines);
    assert_eq!((usage.incomplete, usage.tokens.input), (None, Some(3)));
}

#[test]
fn the_recordings_of_all_apis_have_the_same_tokens_in_any_shape() {
    for mut recording in recordings() {
        if ["invoke_model", "api_chat"].contains(&recording.dialect.name) {
            continue;
        }
        let whole = recording.read("", [recording.body.as_slice()]);
        recording.dialect = &ANY_SHAPE;
        let usage = recording.read("", [recording.body.as_slice()]);
        if recording.name.ends_with("events_of_unknown_types.sse") {
            continue;
        }
        let name = &recording.name;
        assert_eq!(
            usage.tokens.total_input(),
            whole.tokens.total_input(),
            "{name}"
        );
        assert_eq!(
            usage.tokens.total_output(),
            whole.tokens.total_output(),
            "{name}"
        );
        assert_eq!(usage.tokens.cached_read, whole.tokens.cached_read, "{name}");
    }
}

#[test]
fn what_selects_the_price_is_read() {
    let of = |dialect, body: &str| usage_of(dialect, "application/json", body);
    for (dialect, body, tier) in [
        (
            &CHAT_COMPLETIONS,
            r#"{"service_tier":"flex"}"#,
            Some("flex"),
        ),
        (&CHAT_COMPLETIONS, r#"{"service_tier":"default"}"#, None),
        (&CHAT_COMPLETIONS, r#"{"service_tier":"on_demand"}"#, None),
        (
            &RESPONSES,
            r#"{"service_tier":"priority"}"#,
            Some("priority"),
        ),
        (&RESPONSES, r#"{"service_tier":"auto"}"#, None),
        (
            &MESSAGES,
            r#"{"usage":{"service_tier":"batch"}}"#,
            Some("batch"),
        ),
        (&MESSAGES, r#"{"usage":{"service_tier":"standard"}}"#, None),
        (
            &GENERATE_CONTENT,
            r#"{"usageMetadata":{"trafficType":"ON_DEMAND_FLEX"}}"#,
            Some("flex"),
        ),
        (
            &GENERATE_CONTENT,
            r#"{"usageMetadata":{"trafficType":"PROVISIONED_THROUGHPUT"}}"#,
            Some("provisioned_throughput"),
        ),
        (
            &GENERATE_CONTENT,
            r#"{"usageMetadata":{"serviceTier":"standard"}}"#,
            None,
        ),
        (
            &CONVERSE,
            r#"{"serviceTier":{"type":"priority"}}"#,
            Some("priority"),
        ),
    ] {
        assert_eq!(of(dialect, body).service.tier.as_deref(), tier, "{body}");
    }
    let service = of(
        &MESSAGES,
        r#"{"usage":{"inference_geo":"us","speed":"fast","service_tier":"standard"}}"#,
    )
    .service;
    assert_eq!(service.geography.as_deref(), Some("us"));
    assert_eq!(service.speed.as_deref(), Some("fast"));
    let service = of(
        &MESSAGES,
        r#"{"usage":{"inference_geo":"global","speed":"standard"}}"#,
    );
    assert_eq!(service.service, ServiceClass::default());
    let latency = of(
        &CONVERSE,
        r#"{"performanceConfig":{"latency":"optimized"}}"#,
    );
    assert_eq!(latency.service.speed.as_deref(), Some("optimized"));
}

#[test]
fn units_and_modalities_are_read() {
    let of = |dialect, body: &str| usage_of(dialect, "application/json", body);
    for (dialect, body, searches) in [
        (
            &MESSAGES,
            r#"{"usage":{"output_tokens":1,"server_tool_use":{"web_search_requests":2}}}"#,
            2,
        ),
        (
            &RESPONSES,
            r#"{"output":[{"type":"web_search_call","action":{"type":"search"}},{"action":{"type":"open_page"}},{"action":{"type":"search"}}]}"#,
            2,
        ),
        (
            &RESPONSES,
            r#"{"output":[{"action":{"type":"search"}}],"tool_usage":{"web_search":{"num_requests":0}}}"#,
            0,
        ),
        (
            &GENERATE_CONTENT,
            r#"{"candidates":[{"groundingMetadata":{"webSearchQueries":["a","b"]}}]}"#,
            2,
        ),
        (
            &CHAT_COMPLETIONS,
            r#"{"usage":{"prompt_tokens":1,"num_search_queries":3}}"#,
            3,
        ),
    ] {
        assert_eq!(of(dialect, body).units.searches, Some(searches), "{body}");
    }
    let chunk = r#"{"candidates":[{"groundingMetadata":{"webSearchQueries":["a","b"]}}]}"#;
    let repeated = usage_of(
        &GENERATE_CONTENT,
        "text/event-stream",
        &stream(&[chunk, chunk]),
    );
    assert_eq!(repeated.units.searches, Some(2));

    let images = of(
        &RESPONSES,
        r#"{"created":1,"data":[{"url":"u"},{"b64_json":"b"}]}"#,
    );
    assert_eq!((images.units.images, images.incomplete), (Some(2), None));
    let images = usage_of(
        &RESPONSES,
        "text/event-stream",
        &stream(&[
            r#"{"type":"image_generation.partial_image","b64_json":"a"}"#,
            r#"{"type":"image_generation.completed","b64_json":"a","usage":{"input_tokens":1}}"#,
        ]),
    );
    assert_eq!(images.units.images, Some(1));
    let imagen = of(
        &ANY_SHAPE,
        r#"{"predictions":[{"mimeType":"image/png","bytesBase64Encoded":"a"}]}"#,
    );
    assert_eq!((imagen.units.images, imagen.incomplete), (Some(1), None));

    for (dialect, body) in [
        (
            &CHAT_COMPLETIONS,
            r#"{"usage":{"prompt_tokens_details":{"audio_tokens":5},"completion_tokens_details":{"audio_tokens":7}}}"#,
        ),
        (
            &RESPONSES,
            r#"{"usage":{"input_token_details":{"audio_tokens":5},"output_tokens_details":{"audio_tokens":7}}}"#,
        ),
        (
            &GENERATE_CONTENT,
            r#"{"usageMetadata":{"promptTokensDetails":[{"modality":"TEXT"},{"modality":"AUDIO","tokenCount":5},{"tokenCount":9,"modality":"VIDEO"}],"candidatesTokensDetails":[{"tokenCount":7,"modality":"AUDIO"},{"tokenCount":3}]}}"#,
        ),
        (
            &INTERACTIONS,
            r#"{"usage":{"input_tokens_by_modality":[{"modality":"audio","tokens":5}],"output_tokens_by_modality":[{"modality":"audio","tokens":7}]}}"#,
        ),
    ] {
        let tokens = of(dialect, body).tokens;
        assert_eq!(
            (tokens.audio_input, tokens.audio_output),
            (Some(5), Some(7)),
            "{body}"
        );
        assert_eq!(tokens.image_input, None, "{body}");
    }
}

#[test]
fn a_cost_by_the_provider_is_read() {
    for (body, cost) in [
        (
            r#"{"usage":{"prompt_tokens":1,"cost":{"input_tokens_cost":0.1,"total_cost":0.006}}}"#,
            0.006,
        ),
        (
            r#"{"usage":{"prompt_tokens":1,"cost":0.006,"cost_details":{"total_cost":1}}}"#,
            0.006,
        ),
        (
            r#"{"usage":{"prompt_tokens":1,"cost_in_usd_ticks":60000000}}"#,
            0.006,
        ),
    ] {
        for dialect in [&CHAT_COMPLETIONS, &RESPONSES, &ANY_SHAPE] {
            let reported = usage_of(dialect, "application/json", body).cost.unwrap();
            assert!((reported - cost).abs() < 1e-12, "{body}");
        }
    }
}

#[test]
fn the_tokens_of_other_models_are_kept_apart() {
    let advised = r#"{"type":"message","model":"m","usage":{"input_tokens":1,"output_tokens":2,"iterations":[{"type":"message","input_tokens":1,"output_tokens":2},{"type":"advisor_message","model":"advisor","input_tokens":5,"output_tokens":6,"cache_read_input_tokens":7}]}}"#;
    let drawn = r#"{"model":"m","tools":[{"type":"image_generation","model":"advisor"}],"tool_usage":{"image_gen":{"input_tokens":12,"output_tokens":6,"output_tokens_details":{"image_tokens":6}}},"usage":{"input_tokens":1,"output_tokens":2}}"#;
    for (dialect, body) in [
        (&MESSAGES, advised),
        (&INVOKE_MODEL, advised),
        (&ANY_SHAPE, advised),
        (&RESPONSES, drawn),
    ] {
        let usage = usage_of(dialect, "application/json", body);
        assert_eq!(
            (usage.tokens.input, usage.tokens.output),
            (Some(1), Some(2))
        );
        let [(model, tokens)] = &usage.other_models.models[..] else {
            panic!("{:?}", usage.other_models)
        };
        assert_eq!(model, "advisor");
        assert_eq!((tokens.total_input(), tokens.output), (Some(12), Some(6)));
    }
}

mod hostile;
