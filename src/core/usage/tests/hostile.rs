//! Malformed, oversized and damaged responses: no panic, bounded memory, and a reason.

use super::*;
use crate::base::time::UnixTime;

fn read(content_type: &str, encoding: &str, body: &[u8]) -> ResponseUsage {
    let mut extractor = UsageExtractor::new(
        &CHAT_COMPLETIONS,
        content_type.as_bytes(),
        encoding.as_bytes(),
    );
    for cut in body.chunks(16_000) {
        extractor.push(cut, &UnixTime::default());
        assert!(extractor.memory_usage() <= MAX_MEMORY);
    }
    extractor.finish(End::Complete)
}

#[test]
fn unreadable_responses_have_a_reason() {
    let undecodable = Some(IncompleteReason::Undecodable);
    let not_reported = Some(IncompleteReason::NotReported);
    let reset = Some(IncompleteReason::UpstreamReset);
    for (content_type, encoding, body, reason) in [
        ("application/json", "", "", not_reported),
        ("application/json", "", "{}", not_reported),
        ("application/json", "", "[]", not_reported),
        ("application/json", "", r#"{"usage":null}"#, not_reported),
        (
            "application/json",
            "",
            r#"{"usage":{"prompt_tokens":-1}}"#,
            not_reported,
        ),
        (
            "application/json",
            "",
            r#"{"usage":{"prompt_tokens":"1"}}"#,
            not_reported,
        ),
        ("application/json", "", r#"{"usage":"#, reset),
        ("application/json", "", r#"{"usage":1 2}"#, undecodable),
        ("application/json", "", r#"{"usage":nope}"#, undecodable),
        ("application/json", "", "{]", undecodable),
        ("application/json", "", "{,}", undecodable),
        ("text/html", "", "<html>", undecodable),
        ("text/event-stream", "", "<html>", reset),
        (
            "text/event-stream",
            "",
            "data: {{{\n\ndata: [DONE]\n\n",
            undecodable,
        ),
        ("text/event-stream", "", "data: [DONE]\n\n", not_reported),
        ("text/event-stream", "", ": only\n\n: comments\n\n", reset),
        (
            "application/vnd.amazon.eventstream",
            "",
            "not one at all",
            undecodable,
        ),
        ("application/json", "gzip", "{}", undecodable),
        (
            "application/json",
            "deflate",
            "\u{8}\u{8}\u{8}",
            undecodable,
        ),
        ("application/json", "zstd", "{}", undecodable),
        ("application/json", "gzip, gzip", "{}", undecodable),
        ("audio/mpeg", "", "{}", not_reported),
    ] {
        let usage = read(content_type, encoding, body.as_bytes());
        assert_eq!(usage.incomplete, reason, "{content_type} {encoding} {body}");
        assert_eq!(usage.tokens, TokenUsage::default(), "{body}");
    }
}

#[test]
fn usage_is_found_after_filler_of_any_kind_and_size() {
    const USAGE: &str = r#""usage":{"prompt_tokens":1,"completion_tokens":2}"#;
    const DONE: &str = "\n\ndata: [DONE]\n\n";
    /// How often a piece is repeated: 100 MB for a piece of 10,000 bytes.
    const TIMES: usize = 10_000;
    /// How often a piece is repeated that is scanned byte by byte.
    const SELDOM: usize = TIMES / 20;
    let filler = "x".repeat(10_000);
    let open = "[".repeat(10_000);
    let close = "]".repeat(10_000);
    let space = " ".repeat(10_000);
    let events = "data:{}\n\n".repeat(100);
    let lines = "data\n".repeat(100);
    let document = format!("{{{USAGE}}}");
    let event = format!("data: {document}{DONE}");
    let rest = format!(",{USAGE}}}");
    let in_string = format!("\"{rest}");
    let in_name = format!("\":1{rest}");
    let in_event = format!("{in_string}{DONE}");
    let after_comment = format!("\n{event}");
    let bodies: [&[(&str, usize)]; 10] = [
        &[("{\"filler\":\"", 1), (&filler, TIMES), (&in_string, 1)],
        &[("{\"", 1), (&filler, TIMES), (&in_name, 1)],
        &[("{\"model\":\"", 1), (&filler, TIMES), (&in_string, 1)],
        &[
            ("{\"filler\":", 1),
            (&open, SELDOM),
            (&close, SELDOM),
            (&rest, 1),
        ],
        &[
            ("{\"choices\":", 1),
            (&open, SELDOM),
            (&close, SELDOM),
            (&rest, 1),
        ],
        &[(&space, TIMES), (&document, 1)],
        &[
            ("data: {\"filler\":\"", 1),
            (&filler, TIMES),
            (&in_event, 1),
        ],
        &[(": ", 1), (&filler, TIMES), (&after_comment, 1)],
        &[(&events, SELDOM), (&event, 1)],
        &[(&lines, SELDOM), (&event, 1)],
    ];
    for body in bodies {
        let mut extractor = UsageExtractor::new(&CHAT_COMPLETIONS, b"", b"");
        for (piece, times) in body {
            for _ in 0..*times {
                extractor.push(piece.as_bytes(), &UnixTime::default());
                assert!(extractor.memory_usage() <= MAX_MEMORY);
            }
        }
        let usage = extractor.finish(End::Complete);
        let start = body[0].0;
        assert_eq!(usage.incomplete, None, "{start}");
        assert_eq!(usage.tokens.input, Some(1), "{start}");
        assert_eq!(usage.tokens.output, Some(2), "{start}");
    }
}

#[test]
fn a_decompression_bomb_is_stopped() {
    let bomb = gzip(&vec![b' '; 100_000_000]);
    assert_eq!(
        read("", "gzip", &bomb).incomplete,
        Some(IncompleteReason::OverCap)
    );
}

#[test]
fn a_wrong_checksum_stops_reading_and_keeps_earlier_values() {
    for recording in recordings() {
        if !recording.name.ends_with("converse/stream.bin") {
            continue;
        }
        let mut body = recording.body.clone();
        let place = body.len() - 40;
        body[place] ^= 1;
        let usage = recording.read("", [body.as_slice()]);
        assert_eq!(usage.incomplete, Some(IncompleteReason::Undecodable));
        assert_eq!(usage.tokens.input, None);
        assert_eq!(usage.finish_reason.as_deref(), Some("end_turn"));
    }
}

#[test]
fn a_message_with_headers_that_are_too_long_is_skipped() {
    let long = event_stream::tests::encoded(&[("x", &"x".repeat(MAX_EVENT))], b"{}");
    let recordings = recordings();
    let stream = recordings
        .iter()
        .find(|recording| recording.name.ends_with("converse/stream.bin"))
        .unwrap();
    let body = [long.as_slice(), &stream.body].concat();
    let usage = stream.read("", body.chunks(100));
    assert_eq!(written(&usage), stream.expected);
}

/// Usage after a guardrail's trace of this size, as JSON.
fn with_trace(length: usize) -> String {
    format!(
        r#"{{"trace":{{"guardrail":"{}"}},"usage":{{"inputTokens":5,"outputTokens":2}}}}"#,
        "x".repeat(length)
    )
}

#[test]
fn usage_in_binary_events_of_any_size_is_read_in_pieces_of_any_size() {
    for length in [0, MAX_EVENT - 200, MAX_EVENT, 3 * MAX_EVENT, 1 << 20] {
        let payload = with_trace(length);
        let body = event_stream::tests::encoded(&[(":event-type", "metadata")], payload.as_bytes());
        for size in [1, 3, 16, 1000, 16_384, body.len()] {
            let mut extractor = UsageExtractor::new(&CONVERSE, b"", b"");
            for cut in body.chunks(size) {
                extractor.push(cut, &UnixTime::default());
                assert!(extractor.memory_usage() <= MAX_MEMORY);
            }
            let usage = extractor.finish(End::Complete);
            assert_eq!(usage.incomplete, None, "{length} {size}");
            assert_eq!(usage.tokens.total_input(), Some(5));
            assert_eq!(usage.tokens.total_output(), Some(2));
        }
    }
}

#[test]
fn usage_in_base64_events_of_any_size_is_read_in_pieces_of_any_size() {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    for length in [0, 1, 2, MAX_EVENT, 3 * MAX_EVENT] {
        let json = format!(
            r#"{{"x":"{}","amazon-bedrock-invocationMetrics":{{"inputTokenCount":5,"outputTokenCount":2,"invocationLatency":1}}}}"#,
            "x".repeat(length)
        );
        let payload = format!(
            r#"{{"p":"\"bytes","bytes" : "{}","q":1}}"#,
            STANDARD.encode(json)
        );
        let body = event_stream::tests::encoded(&[(":event-type", "chunk")], payload.as_bytes());
        for size in [1, 2, 3, 5, 16, 1000, body.len()] {
            let mut extractor = UsageExtractor::new(&INVOKE_MODEL, b"", b"");
            for cut in body.chunks(size) {
                extractor.push(cut, &UnixTime::default());
            }
            let usage = extractor.finish(End::Complete);
            assert_eq!(usage.incomplete, None, "{length} {size}");
            assert_eq!(usage.tokens.input, Some(5), "{length} {size}");
        }
    }
}

#[test]
fn a_long_event_that_is_damaged_counts_nothing() {
    let payload = with_trace(MAX_EVENT);
    let mut body = event_stream::tests::encoded(&[(":event-type", "metadata")], payload.as_bytes());
    let last = body.len() - 1;
    body[last] ^= 1;
    let mut extractor = UsageExtractor::new(&CONVERSE, b"", b"");
    extractor.push(&body, &UnixTime::default());
    let usage = extractor.finish(End::Complete);
    assert_eq!(usage.incomplete, Some(IncompleteReason::Undecodable));
    assert_eq!(usage.tokens.input, None);
}

#[test]
fn a_long_line_of_a_type_without_usage_counts_nothing() {
    let ignored = format!(
        r#"{{"type":"progress","x":"{}","usage":{{"output_tokens":900}}}}"#,
        "x".repeat(MAX_EVENT)
    );
    let body = format!(
        "data: {ignored}\n\ndata: {}\n\ndata: {}\n\n",
        r#"{"type":"message_delta","usage":{"input_tokens":5,"output_tokens":2}}"#,
        r#"{"type":"message_stop"}"#
    );
    for size in [1, 1000, body.len()] {
        let mut extractor = UsageExtractor::new(&MESSAGES, b"text/event-stream", b"");
        for cut in body.as_bytes().chunks(size) {
            extractor.push(cut, &UnixTime::default());
        }
        let usage = extractor.finish(End::Complete);
        assert_eq!(usage.tokens.output, Some(2), "{size}");
        assert_eq!(usage.incomplete, None, "{size}");
    }
}

#[test]
fn a_piece_that_decodes_to_too_much_is_not_decoded() {
    let body = gzip(&vec![b' '; 8 << 20]);
    let mut extractor = UsageExtractor::new(&CHAT_COMPLETIONS, b"", b"gzip");
    extractor.push(&body, &UnixTime::default());
    assert!(!extractor.is_reading());
    let usage = extractor.finish(End::Complete);
    assert_eq!(usage.incomplete, Some(IncompleteReason::OverCap));
    let numbers: String = (0..400_000).map(|number| format!("{number},")).collect();
    let usage = format!(r#"{{"x":[{numbers}0],"usage":{{"prompt_tokens":1}}}}"#);
    assert_eq!(
        read("", "gzip", &gzip(usage.as_bytes())).tokens.input,
        Some(1)
    );
}

#[test]
fn gzip_headers_of_every_form_are_skipped() {
    let body = br#"{"usage":{"prompt_tokens":1}}"#;
    let plain = gzip(body);
    let (fixed, rest) = plain.split_at(10);
    for (flags, fields) in [
        (4, b"\x03\x00abc".as_slice()),
        (4, b"\x00\x00"),
        (8, b"name\x00"),
        (16, b"\x00"),
        (2, b"\x00\x00"),
        (4 | 8 | 16 | 2, b"\x01\x00xname\x00comment\x00\x12\x34"),
    ] {
        let mut header = fixed.to_vec();
        header[3] = flags;
        let whole = [&header, fields, rest].concat();
        for size in [1, 3, whole.len()] {
            let mut extractor = UsageExtractor::new(&CHAT_COMPLETIONS, b"", b"GZIP");
            for cut in whole.chunks(size) {
                extractor.push(cut, &UnixTime::default());
            }
            let usage = extractor.finish(End::Complete);
            assert_eq!(usage.tokens.input, Some(1), "{flags}");
        }
    }
    let (one, other) = body.split_at(9);
    let members = [gzip(one), gzip(other)].concat();
    assert_eq!(read("", "gzip", &members).tokens.input, Some(1));
    let raw = miniz_oxide::deflate::compress_to_vec(body, 6);
    assert_eq!(read("", "deflate", &raw).tokens.input, Some(1));
}

fn cut_anywhere(body: &[u8], mut cuts: Vec<prop::sample::Index>) -> Vec<&[u8]> {
    cuts.sort_by_key(|cut| cut.index(body.len() + 1));
    let mut pieces = Vec::new();
    let mut start = 0;
    for cut in cuts {
        let end = cut.index(body.len() + 1);
        pieces.push(&body[start..end]);
        start = end;
    }
    pieces.push(&body[start..]);
    pieces
}

proptest! {
    #[test]
    fn usage_is_the_same_however_a_recording_is_cut(
        which in any::<prop::sample::Index>(),
        encoding in 0..3usize,
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
    ) {
        let recordings = recordings();
        let recording = which.get(&recordings);
        let (encoding, body) = &encodings(&recording.body)[encoding];
        let usage = recording.read(encoding, cut_anywhere(body, cuts));
        prop_assert_eq!(&written(&usage), &recording.expected, "{}", recording.name);
    }

    /// A damaged response gives the same however it is cut, except for times.
    #[test]
    fn damage_gives_the_same_however_it_is_cut(
        which in any::<prop::sample::Index>(),
        encoding in 0..3usize,
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..4),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..60),
    ) {
        let recordings = recordings();
        let recording = which.get(&recordings);
        let (encoding, body) = &mut encodings(&recording.body)[encoding];
        for (place, byte) in damage {
            *place.get_mut(body) = byte;
        }
        let whole = recording.read(encoding, [body.as_slice()]);
        let pieces = recording.read(encoding, cut_anywhere(body, cuts));
        prop_assert_eq!(written(&whole), written(&pieces), "{}", recording.name);
    }

    #[test]
    fn no_bytes_cause_a_panic_or_unbounded_memory(
        dialect in any::<prop::sample::Index>(),
        content_type in prop::sample::select(vec![
            "", "application/json", "text/event-stream", "application/vnd.amazon.eventstream",
        ]),
        encoding in prop::sample::select(vec!["", "gzip", "deflate"]),
        body in prop::collection::vec(any::<u8>(), 0..2000),
        size in 1..100usize,
    ) {
        let dialects = [
            &CHAT_COMPLETIONS, &RESPONSES, &MESSAGES, &GENERATE_CONTENT, &CONVERSE, &INVOKE_MODEL,
        ];
        let mut extractor = UsageExtractor::new(
            dialects[dialect.index(dialects.len())], content_type.as_bytes(), encoding.as_bytes(),
        );
        for cut in body.chunks(size) {
            extractor.push(cut, &UnixTime::default());
            prop_assert!(extractor.memory_usage() <= MAX_MEMORY);
        }
        extractor.finish(End::Complete);
    }

    #[test]
    fn no_text_of_json_and_event_stream_causes_a_panic(
        body in r#"(data|:|: |\n|\r|\{|\}|\[|\]|"|\\|,|usage|prompt_tokens|[0-9-]|null|é| ){0,200}"#,
        size in 1..20usize,
    ) {
        for content_type in ["application/json", "text/event-stream"] {
            let mut whole = UsageExtractor::new(&CHAT_COMPLETIONS, content_type.as_bytes(), b"");
            let mut pieces = UsageExtractor::new(&CHAT_COMPLETIONS, content_type.as_bytes(), b"");
            whole.push(body.as_bytes(), &UnixTime::default());
            for cut in body.as_bytes().chunks(size) {
                pieces.push(cut, &UnixTime::default());
            }
            prop_assert_eq!(whole.finish(End::Complete), pieces.finish(End::Complete));
        }
    }
}
