mod against_serde_json;
mod strict;

use proptest::prelude::*;

use super::*;

/// What the members of the test documents mean.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Field {
    Model,
    Input,
    Content,
}

const MEMBERS: &[Member<Field>] = &[
    Member {
        name: "model",
        wanted: Wanted::Value(Field::Model),
    },
    Member {
        name: "a",
        wanted: Wanted::Members(&[
            Member {
                name: "n",
                wanted: Wanted::Value(Field::Input),
            },
            Member {
                name: "c",
                wanted: Wanted::Value(Field::Content),
            },
        ]),
    },
];

/// What is found, as text. `None` if the bytes are not accepted.
fn found(json: &str, size: usize) -> Option<Vec<String>> {
    let mut scanner = Scanner::lenient(MEMBERS);
    let mut found = Vec::new();
    for cut in json.as_bytes().chunks(size) {
        scanner
            .feed(cut, &mut |field: Field, value: Scalar<'_>| {
                found.push(match value {
                    Scalar::Text(text) => format!("{field:?} {text}"),
                    Scalar::Number(number) => {
                        format!("{field:?} {}", std::str::from_utf8(number).unwrap())
                    }
                    Scalar::Other => format!("{field:?}"),
                });
            })
            .ok()?;
    }
    scanner.is_at_end().then_some(found)
}

#[test]
fn wanted_members_are_found_where_they_are_wanted() {
    let nested = format!(
        "{{\"x\":{}{},\"model\":\"m\"}}",
        "[{\"a\":".repeat(5000),
        "1}]".repeat(5000)
    );
    let arrays = format!("{{\"a\":{}{{\"n\":1}}{}}}", "[".repeat(8), "]".repeat(8));
    let too_deep = format!("{{\"a\":{}{{\"n\":1}}{}}}", "[".repeat(99), "]".repeat(99));
    let long_name = format!("{{\"{}\":1,\"model\":\"m\"}}", "x".repeat(1000));
    let long_value = format!("{{\"model\":\"{}\"}}", "x".repeat(1000));
    let cases: [(&str, &[&str]); 22] = [
        (r#"{"model":"m"}"#, &["Model m"]),
        (" {\r\n\t\"model\" : \"m\" } ", &["Model m"]),
        (
            r#"{"x":{"model":"m"},"a":{"n":12,"c":"t"}}"#,
            &["Input 12", "Content t"],
        ),
        (r#"{"n":1,"c":"t","model":{"n":2}}"#, &["Model"]),
        (
            r#"{"a":[{"n":1},{"x":[]},{"n":-2.5e3}]}"#,
            &["Input 1", "Input -2.5e3"],
        ),
        (r#"[{"model":"m"},{"a":{"n":1}}]"#, &["Model m", "Input 1"]),
        (r#"{"model":"m"}{"a":{"n":1}}"#, &["Model m", "Input 1"]),
        (r#"{"model":null,"a":{"n":null,"c":""}}"#, &[]),
        (r#"{"a":{"c":[]}}"#, &[]),
        (r#"{"a":{"c":[{}]}}"#, &["Content"]),
        (r#"{"a":{"c":true,"n":false}}"#, &["Content"]),
        (r#"{"a":1,"model":"m"}"#, &["Model m"]),
        (r#"{"a":"{\"n\":1}","model":"m"}"#, &["Model m"]),
        (
            r#"{"mo\u0064el":"\u00e9\"\\\ud83d\ude00"}"#,
            &["Model é\"\\😀"],
        ),
        (
            r#"{"x":"\\","y":"\"","z":"\\\"","model":"m"}"#,
            &["Model m"],
        ),
        (
            r#"{"x":{"y":"}]\\","z":["\"}"]},"model":"m"}"#,
            &["Model m"],
        ),
        (r#"{}"#, &[]),
        (&nested, &["Model m"]),
        (&arrays, &["Input 1"]),
        (&too_deep, &[]),
        (&long_name, &["Model m"]),
        (&long_value, &["Model"]),
    ];
    for (json, expected) in cases {
        for size in [1, 2, 3, 7, json.len()] {
            assert_eq!(found(json, size).unwrap(), expected, "{json} by {size}");
        }
    }
}

#[test]
fn malformed_documents_are_refused() {
    for json in [
        "",
        "x",
        "1",
        "\"model\"",
        "{",
        "[",
        "{]",
        "[}",
        "{,}",
        "{1:2}",
        "{\"a\"}",
        "{\"a\":}",
        "{\"a\":1,}",
        "{\"a\":1 2}",
        "{\"a\":{\"n\":1]}",
        "{\"a\":nul}",
        "{\"a\":1-2}",
        "{\"a\":tru",
        "[1",
        "[,]",
        "[1,",
        "{\"a\":\"",
        "{\"model\":\"m\"}}",
        "[] x",
    ] {
        for size in [1, json.len().max(1)] {
            assert_eq!(found(json, size), None, "{json}");
        }
    }
}

#[test]
fn a_reset_forgets_the_open_document() {
    let mut scanner = Scanner::lenient(MEMBERS);
    let mut found = 0;
    for part in [r#"{"a":{"n":"#, "nonsense", r#"{"a":{"n":1}}"#] {
        scanner.reset();
        let _ = scanner.feed(part.as_bytes(), &mut |_: Field, _: Scalar<'_>| found += 1);
    }
    assert_eq!(found, 1);
    assert!(scanner.is_at_end());
}

/// Parts of documents, which make well-formed and malformed ones.
const PARTS: [&str; 24] = [
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    " ",
    "\n",
    "\"a\":",
    "\"a\" : ",
    "\"n\":",
    "\"model\":",
    "\"x\":",
    "{\"a\":{",
    "\"m\"",
    "\"\"",
    "\"\\\"\\\\\"",
    "\"\u{e9}, a text of more than four words\"",
    "12",
    "-1.5e3",
    "null",
    "nul",
    "true",
    "\"n\":1,\"c\": \"t\"",
];

proptest! {
    #[test]
    fn the_result_does_not_depend_on_the_cuts(
        parts in prop::collection::vec(prop::sample::select(&PARTS), 0..24),
        size in 1_usize..40,
    ) {
        let json = format!("{{\"a\":{{{}", parts.concat());
        prop_assert_eq!(found(&json, 1), found(&json, json.len()));
        prop_assert_eq!(found(&json, size), found(&json, json.len()));
    }
}
