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
fn a_message_that_is_too_long_is_skipped() {
    let long = event_stream::tests::encoded(
        &[(":event-type", "metadata")],
        format!("{{\"p\":\"{}\"}}", "x".repeat(MAX_EVENT)).as_bytes(),
    );
    let recordings = recordings();
    let stream = recordings
        .iter()
        .find(|recording| recording.name.ends_with("converse/stream.bin"))
        .unwrap();
    let body = [long.as_slice(), &stream.body].concat();
    let usage = stream.read("", body.chunks(100));
    assert_eq!(written(&usage), stream.expected);
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
