//! The lenient policy finds what a walk of the document as parsed by `serde_json` finds, however the
//! document is cut. A damaged document gives the same result however it is cut.

use std::fmt;

use proptest::prelude::*;
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use super::*;

/// A value with all members in order, including duplicates.
#[derive(Debug)]
enum Node {
    Nothing,
    True,
    Number(f64),
    Text(String),
    Array(Vec<Self>),
    Object(Vec<(String, Self)>),
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;

        impl<'de> Visitor<'de> for Any {
            type Value = Node;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("any JSON")
            }

            fn visit_unit<E>(self) -> Result<Node, E> {
                Ok(Node::Nothing)
            }

            fn visit_bool<E>(self, value: bool) -> Result<Node, E> {
                Ok(if value { Node::True } else { Node::Nothing })
            }

            fn visit_u64<E>(self, value: u64) -> Result<Node, E> {
                Ok(Node::Number(value as f64))
            }

            fn visit_i64<E>(self, value: i64) -> Result<Node, E> {
                Ok(Node::Number(value as f64))
            }

            fn visit_f64<E>(self, value: f64) -> Result<Node, E> {
                Ok(Node::Number(value))
            }

            fn visit_str<E>(self, value: &str) -> Result<Node, E> {
                Ok(Node::Text(value.to_owned()))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
                let mut array = Vec::new();
                while let Some(item) = items.next_element()? {
                    array.push(item);
                }
                Ok(Node::Array(array))
            }

            fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Node, A::Error> {
                let mut object = Vec::new();
                while let Some(member) = members.next_entry()? {
                    object.push(member);
                }
                Ok(Node::Object(object))
            }
        }

        deserializer.deserialize_any(Any)
    }
}

#[derive(PartialEq, Debug)]
enum Found {
    Text(Field, String),
    /// As read by `serde_json`, if it is a number for it.
    Number(Field, Option<f64>),
    Other(Field),
}

/// What must be found in a value.
fn expected(node: &Node, wanted: Wanted<Field>, found: &mut Vec<Found>) {
    match (node, wanted) {
        (Node::Array(items), _) => {
            for item in items {
                expected(item, wanted, found);
            }
        }
        (Node::Object(members), Wanted::Members(wanted)) => {
            for (name, value) in members {
                if let Some(member) = wanted.iter().find(|member| member.name == name) {
                    expected(value, member.wanted, found);
                }
            }
        }
        (Node::Text(text), Wanted::Value(field)) if !text.is_empty() => {
            found.push(Found::Text(field, text.clone()));
        }
        (Node::Number(number), Wanted::Value(field)) => {
            found.push(Found::Number(field, Some(*number)))
        }
        (Node::True | Node::Object(_), Wanted::Value(field)) => found.push(Found::Other(field)),
        _ => {}
    }
}

/// What the scanner finds. `None` if it does not accept the document.
fn scanned(json: &[u8], size: usize) -> Option<Vec<Found>> {
    let mut scanner = Scanner::lenient(MEMBERS);
    let mut found = Vec::new();
    for cut in json.chunks(size) {
        let mut note = |field: Field, value: Scalar<'_>| {
            found.push(match value {
                Scalar::Text(text) => Found::Text(field, text.to_owned()),
                Scalar::Number(number) => Found::Number(field, serde_json::from_slice(number).ok()),
                Scalar::Other => Found::Other(field),
            });
        };
        scanner.feed(cut, &mut note).ok()?;
    }
    scanner.is_at_end().then_some(found)
}

/// Asserts that the scanner finds the same however the document is cut, and that it is right if
/// `serde_json` accepts the document. Returns whether it does.
fn assert_agrees(json: &[u8]) -> bool {
    let whole = scanned(json, json.len().max(1));
    for size in [1, 2, 7] {
        assert_eq!(scanned(json, size), whole, "by {size}");
    }
    let Ok(node @ (Node::Array(_) | Node::Object(_))) = serde_json::from_slice(json) else {
        return false;
    };
    let mut found = Vec::new();
    expected(&node, Wanted::Members(MEMBERS), &mut found);
    assert_eq!(whole, Some(found));
    true
}

fn space() -> impl Strategy<Value = String> {
    "[ \t\r\n]{0,2}"
}

/// A character of a string, escaped or not.
fn character() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[a-z{}\\[\\]:,0-9éß€😀]",
        1 => prop::sample::select(vec![r#"\""#, r"\\", r"\/", r"\b", r"\f", r"\n", r"\r", r"\t"])
            .prop_map(str::to_owned),
        1 => "[\\\\]u[0-9a-cA-C][0-9a-fA-F]{3}",
        1 => Just(r"\ud83d\ude00".to_owned()),
    ]
}

fn text() -> impl Strategy<Value = String> {
    prop::collection::vec(character(), 0..8).prop_map(|text| format!("\"{}\"", text.concat()))
}

/// A name, usually one that is wanted somewhere, with some characters escaped.
fn name() -> impl Strategy<Value = String> {
    let wanted = prop::sample::select(vec!["model", "a", "n", "c", "mode", "models", "A", ""]);
    let written = (wanted, any::<u8>()).prop_map(|(name, escaped)| {
        let characters = name.bytes().enumerate().map(|(index, byte)| {
            if escaped >> index & 5 == 5 {
                format!("\\u{byte:04x}")
            } else {
                char::from(byte).to_string()
            }
        });
        format!("\"{}\"", characters.collect::<String>())
    });
    prop_oneof![8 => written, 1 => text()]
}

/// A document of nested objects and arrays, seldom deeper than wanted values can be.
pub(super) fn document() -> impl Strategy<Value = String> {
    let scalar = prop_oneof![
        text(),
        prop::sample::select(vec!["null", "true", "false", "0", "-0", "-0.0"])
            .prop_map(str::to_owned),
        "-?(0|[1-9][0-9]{0,18})(\\.[0-9]{1,4})?([eE][+-]?[0-9]{1,2})?",
    ];
    let value = scalar.prop_recursive(6, 40, 5, |inner| {
        let item = (space(), inner, space())
            .prop_map(|(before, item, after)| before + &item + &after)
            .boxed();
        let member = (space(), name(), space(), item.clone())
            .prop_map(|(before, name, after, value)| format!("{before}{name}{after}:{value}"));
        prop_oneof![
            prop::collection::vec(item, 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec(member, 0..5)
                .prop_map(|members| format!("{{{}}}", members.join(","))),
        ]
    });
    (space(), name(), value, space())
        .prop_map(|(before, name, value, after)| format!("{before}{{{name}:{value}}}{after}"))
}

/// A byte, often one that means something in JSON.
pub(super) fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        any::<u8>(),
        prop::sample::select(&b"\"\\{}[],: 0-eEtfnu"[..])
    ]
}

/// The document with a byte inserted or replaced.
pub(super) fn damaged(
    mut document: Vec<u8>,
    place: prop::sample::Index,
    byte: u8,
    inserted: bool,
) -> Vec<u8> {
    let place = place.index(document.len());
    if inserted {
        document.insert(place, byte);
    } else {
        document[place] = byte;
    }
    document
}

proptest! {
    #[test]
    fn the_scanner_finds_what_serde_json_parses(document in document()) {
        prop_assert!(assert_agrees(document.as_bytes()), "{document}");
    }

    #[test]
    fn damaged_documents_give_the_same_however_they_are_cut(
        document in document(),
        place: prop::sample::Index,
        byte in byte(),
        inserted: bool,
    ) {
        assert_agrees(&damaged(document.into_bytes(), place, byte, inserted));
    }
}
