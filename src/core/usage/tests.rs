//! Recorded responses: cut anywhere, compressed, damaged and cut short.

use std::fs;
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::base::time::UnixTime;
use crate::provider_kind::INVOKE_MODEL;
use dialect::{CHAT_COMPLETIONS, CONVERSE, GENERATE_CONTENT, INTERACTIONS, MESSAGES, RESPONSES};

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
    extractor.note_headers(TokenUsage {
        input: Some(5),
        output: Some(6),
        ..TokenUsage::default()
    });
    extractor.push(br#"{"usage":{"output_tokens":7}}"#, &UnixTime::default());
    let usage = extractor.finish(End::Complete);
    assert_eq!(usage.tokens.input, Some(5));
    assert_eq!(usage.tokens.output, Some(7));
    assert_eq!(usage.incomplete, None);
}

mod hostile;
