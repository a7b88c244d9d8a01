//! The strict policy accepts what `serde_json` accepts, however the document is cut.

use std::collections::BTreeMap;

use serde::de::IgnoredAny;

use super::against_serde_json::{byte, damaged, document};
use super::*;
use crate::json::nesting::MAX_DEPTH;

/// Records the names of all members, and the value of `model`.
#[derive(Default)]
struct Recorder {
    wants_model: bool,
    wants_nested: bool,
    found: Vec<String>,
}

impl Visitor<()> for Recorder {
    fn member(&mut self, level: u32, name: &str) -> Interest<()> {
        self.found.push(match level {
            1 => name.to_owned(),
            _ => format!("{level} {name}"),
        });
        match name {
            "model" if self.wants_model => Interest::Value(()),
            "models" if self.wants_model => Interest::Values(()),
            _ if self.wants_nested => Interest::Members,
            _ => Interest::Ignore,
        }
    }

    fn value(&mut self, (): (), value: Scalar<'_>) {
        self.found.push(match value {
            Scalar::Text(text) => format!("model is {text}"),
            Scalar::Number(_) => unreachable!("numbers are reported as other values"),
            Scalar::Other => "model is no text".to_owned(),
        });
    }
}

/// Whether the document is accepted, and what is found until then.
fn scanned(document: &[u8], size: usize, wants_model: bool) -> (bool, Vec<String>) {
    let mut scanner = Scanner::strict();
    let mut recorder = Recorder {
        wants_model,
        ..Recorder::default()
    };
    let mut pieces = document.chunks(size);
    let is_well_formed = pieces.all(|piece| scanner.feed(piece, &mut recorder).is_ok());
    (is_well_formed && scanner.is_at_end(), recorder.found)
}

/// The same for pieces of any size, which is asserted.
fn scanned_in_pieces(document: &[u8], wants_model: bool) -> (bool, Vec<String>) {
    let whole = scanned(document, document.len().max(1), wants_model);
    for size in [1, 2, 3, 7] {
        let pieces = scanned(document, size, wants_model);
        assert_eq!(pieces, whole, "{} by {size}", document.escape_ascii());
    }
    whole
}

/// Whether `serde_json` accepts an object, of which it decodes the names only.
fn is_accepted_by_serde(document: &[u8]) -> bool {
    serde_json::from_slice::<BTreeMap<String, IgnoredAny>>(document).is_ok()
}

#[test]
fn only_well_formed_objects_are_accepted() {
    let name_of = |length: usize| format!("{{\"{}\":1}}", "n".repeat(length - 2));
    let number_of = |length: usize| format!("{{\"n\":{}}}", "1".repeat(length));
    let accepted = [
        "{}",
        " {\r\n\t} \n",
        r#"{"a":1,"a":2}"#,
        r#"{"a":[],"b":{},"c":[{}],"d":[[1,-0.5e+3],"x",null,true,false]}"#,
        r#"{"a":"\"\\\/\b\f\n\r\t\u00e9\ud83d\ude00\ud83d","b":{"\ud83d":1}}"#,
        r#"{"a":[0,-0,10,0.0,1e5,1E-5,1.5e+05]}"#,
        &name_of(Strict::MAX_TOKEN),
        &number_of(Strict::MAX_TOKEN),
        &number_of(Strict::MAX_TOKEN + 1),
        &number_of(10 * Strict::MAX_TOKEN),
    ];
    for document in accepted {
        assert!(is_accepted_by_serde(document.as_bytes()), "{document}");
        assert!(
            scanned_in_pieces(document.as_bytes(), false).0,
            "{document}"
        );
    }
    let refused: [&[u8]; 43] = [
        b"",
        b" ",
        b"[]",
        b"1",
        b"\"a\"",
        b"null",
        b"\xef\xbb\xbf{}",
        b"{",
        b"{]",
        b"{\"a\"}",
        b"{\"a\":}",
        b"{\"a\":1",
        b"{\"a\":1,}",
        b"{,}",
        b"{a:1}",
        b"{'a':1}",
        b"{\"a\" 1}",
        b"{\"a\":1 2}",
        b"{\"a\":1;\"b\":2}",
        b"{}{}",
        b"{}x",
        b"{\"a\":[1 2]}",
        b"{\"a\":[1,]}",
        b"{\"a\":[,]}",
        b"{\"a\":[1}}",
        b"{\"a\":{\"b\":1]}",
        b"{\"a\":{\"b\"}}",
        b"{\"a\":{\"b\":[{]}]}}",
        b"{\"a\":{1:2}}",
        b"{\"a\":01}",
        b"{\"a\":1.}",
        b"{\"a\":.5}",
        b"{\"a\":+1}",
        b"{\"a\":1e}",
        b"{\"a\":-}",
        b"{\"a\":nul}",
        b"{\"a\":[True]}",
        b"{\"a\":NaN}",
        b"{\"a\":\"\\x\"}",
        b"{\"a\":[\"\\u00g0\"]}",
        b"{\"a\":{\"b\":\"\n\"}}",
        b"{\"\xff\":1}",
        b"{\"\\ud83d\":1}",
    ];
    for document in refused {
        let shown = document.escape_ascii();
        assert!(!is_accepted_by_serde(document), "{shown}");
        assert!(!scanned_in_pieces(document, false).0, "{shown}");
    }
    let too_long = name_of(Strict::MAX_TOKEN + 1);
    assert!(!scanned_in_pieces(too_long.as_bytes(), false).0);
}

#[test]
fn values_are_reported_by_their_first_byte_unless_they_are_text() {
    for (document, found) in [
        (
            r#"{"model":"m","x":{"model":"n"}}"#,
            vec!["model", "model is m", "x"],
        ),
        (r#"{"mod\u0065l":"\u006d"}"#, vec!["model", "model is m"]),
        (r#"{"model":""}"#, vec!["model", "model is no text"]),
        (r#"{"model":["m"]}"#, vec!["model", "model is no text"]),
        (
            r#"{"model":{"model":"m"}}"#,
            vec!["model", "model is no text"],
        ),
        (
            r#"{"model":null,"model":1}"#,
            vec!["model", "model is no text", "model", "model is no text"],
        ),
    ] {
        let expected = (true, found.into_iter().map(str::to_owned).collect());
        assert_eq!(
            scanned_in_pieces(document.as_bytes(), true),
            expected,
            "{document}"
        );
    }
    let expected = (
        false,
        vec!["model".to_owned(), "model is no text".to_owned()],
    );
    for document in [r#"{"model":"#, r#"{"model":nope}"#, r#"{"model":}"#] {
        let (is_accepted, found) = scanned_in_pieces(document.as_bytes(), true);
        assert!(!is_accepted && expected.1.starts_with(&found), "{document}");
    }
}

/// Deeper containers are skipped, as those that are not wanted are by the lenient policy.
#[test]
fn brackets_are_matched_up_to_a_depth() {
    let nested = |depth: usize, last: &str| {
        let (open, close) = ("[".repeat(depth), "]".repeat(depth - 1));
        format!("{{\"a\":{open}{last}{close}}}")
    };
    let depth = MAX_DEPTH as usize;
    for (depth, last, is_accepted) in [
        (depth, "]", true),
        (depth, "}", false),
        (depth + 1, "]", true),
        (depth + 1, "}", true),
        (100_000, "1]", true),
    ] {
        let document = nested(depth, last);
        let scanned = scanned_in_pieces(document.as_bytes(), false);
        assert_eq!(scanned.0, is_accepted, "{depth} {last}");
    }
}

proptest! {
    #[test]
    fn documents_are_accepted(document in document()) {
        prop_assert!(is_accepted_by_serde(document.as_bytes()), "{document}");
        prop_assert!(scanned_in_pieces(document.as_bytes(), false).0, "{document}");
        prop_assert!(scanned_in_pieces(document.as_bytes(), true).0, "{document}");
    }

    #[test]
    fn damaged_documents_are_accepted_if_serde_json_accepts_them(
        document in document(),
        places in prop::collection::vec((any::<prop::sample::Index>(), byte(), any::<bool>()), 1..3),
    ) {
        let mut document = document.into_bytes();
        for (place, byte, inserted) in places {
            document = damaged(document, place, byte, inserted);
        }
        let (is_accepted, _) = scanned_in_pieces(&document, false);
        prop_assert_eq!(is_accepted, is_accepted_by_serde(&document), "{}", document.escape_ascii());
        scanned_in_pieces(&document, true);
    }

    #[test]
    fn any_parts_are_accepted_if_serde_json_accepts_them(
        parts in prop::collection::vec(prop::sample::select(&PARTS), 0..24),
    ) {
        let document = format!("{{\"a\":{{{}", parts.concat());
        let (is_accepted, _) = scanned_in_pieces(document.as_bytes(), false);
        prop_assert_eq!(is_accepted, is_accepted_by_serde(document.as_bytes()), "{}", document);
    }
}

/// What is found in a document of which the nested members are of interest, in pieces of any size.
fn nested(document: &str) -> (bool, Vec<String>) {
    let scanned = |size: usize| {
        let mut scanner = Scanner::strict();
        let mut recorder = Recorder {
            wants_model: true,
            wants_nested: true,
            ..Recorder::default()
        };
        let mut pieces = document.as_bytes().chunks(size);
        let is_well_formed = pieces.all(|piece| scanner.feed(piece, &mut recorder).is_ok());
        (is_well_formed && scanner.is_at_end(), recorder.found)
    };
    let whole = scanned(document.len());
    for size in 1..document.len() {
        assert_eq!(scanned(size), whole, "{document} by {size}");
    }
    whole
}

#[test]
fn members_inside_values_of_interest_are_reported_with_their_level() {
    for (document, found) in [
        (
            r#"{"a":{"b":[{"model":"m","c":1}]},"d":2}"#,
            &["a", "2 b", "4 model", "model is m", "4 c", "d"][..],
        ),
        (
            r#"{"models":["m",["n"],{"x":"no","model":"o"},7],"y":["no"]}"#,
            &[
                "models",
                "model is m",
                "model is no text",
                "model is n",
                "model is no text",
                "3 x",
                "3 model",
                "model is o",
                "model is no text",
                "y",
            ],
        ),
        (
            r#"{"models":"m","y":["no"]}"#,
            &["models", "model is m", "y"],
        ),
        (
            r#"{"models":null,"model":null}"#,
            &["models", "model", "model is no text"],
        ),
        (
            r#"{"model":{"model":"m"},"a":1}"#,
            &["model", "model is no text", "a"],
        ),
        (r#"{"m\u006fdels":[],"a":[[["x"]]]}"#, &["models", "a"]),
    ] {
        let found = found.iter().map(|text| (*text).to_owned()).collect();
        assert_eq!(nested(document), (true, found), "{document}");
    }
}

#[test]
fn members_of_interest_are_not_accepted_too_deep_to_be_reported() {
    let depth = MAX_DEPTH as usize;
    let deep = |depth: usize| format!(r#"{{"a":{}1{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert!(nested(&deep(depth)).0);
    assert!(!nested(&deep(depth + 1)).0);
    assert!(scanned_in_pieces(deep(depth + 1).as_bytes(), true).0);
}
