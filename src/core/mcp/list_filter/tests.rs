use super::*;
use crate::mcp::access::tests::narrow;
use crate::mcp::pin::DefinitionDigest;
use std::rc::Rc;

const JSON: &[u8] = b"application/json";
const EVENTS: &[u8] = b"text/event-stream; charset=utf-8";

/// A filtered response, which must be the same however it is cut.
fn filter(content_type: &[u8], response: &str) -> (String, Option<FilterFault>) {
    let run = |piece: usize| {
        let mut filter = ListFilter::new(narrow(), Some("7".into()), content_type, b"");
        let mut passed = Vec::new();
        for part in response.as_bytes().chunks(piece) {
            match filter.push(part) {
                Output::Unchanged => passed.extend_from_slice(part),
                Output::Replaced(bytes) => passed.extend(bytes),
            }
        }
        passed.extend(filter.finish());
        (String::from_utf8(passed).unwrap(), filter.fault())
    };
    let whole = run(response.len().max(1));
    for piece in 1..response.len().min(200) {
        assert_eq!(run(piece), whole, "{response:?} in pieces of {piece}");
    }
    whole
}

fn passes(content_type: &[u8], response: &str) {
    assert_eq!(filter(content_type, response), (response.to_owned(), None));
}

const LIST: &str = r#"{"result":{"tools":[{"name":"delete"},{"name":"get","annotations":{"readOnlyHint":true},"inputSchema":{"z":1.0,"a":"\u0061"}},{"name":"d"}],"nextCursor":"x","_meta":{}},"jsonrpc":"2.0","id":1}"#;
const FILTERED: &str = r#"{"result":{"tools":[{"name":"get","annotations":{"readOnlyHint":true},"inputSchema":{"z":1.0,"a":"\u0061"}}],"nextCursor":"x","_meta":{}},"jsonrpc":"2.0","id":1}"#;

#[test]
fn a_list_loses_what_the_caller_may_not_use_and_nothing_else() {
    assert_eq!(filter(JSON, LIST), (FILTERED.to_owned(), None));
    for (list, filtered) in [
        (
            r#"{"id":1,"result":{"resources":[{"uri":"file:///docs/a","name":"a"},{"uri":"file:///etc/a"}]}}"#,
            r#"{"id":1,"result":{"resources":[{"uri":"file:///docs/a","name":"a"}]}}"#,
        ),
        (
            r#"{"id":1,"result":{"resourceTemplates":[{"uriTemplate":"file:///etc/{x}"},{"uriTemplate":"file:///{x}"}]}}"#,
            r#"{"id":1,"result":{"resourceTemplates":[{"uriTemplate":"file:///{x}"}]}}"#,
        ),
        (
            r#"{"id":1,"result":{"prompts":[{"name":"greet"},{"name":"other"}]}}"#,
            r#"{"id":1,"result":{"prompts":[{"name":"greet"}]}}"#,
        ),
        (
            r#"{"id":1,"result":{"tools":[{"name":"g\u0065t"},{"name":"del\u0065te"}]}}"#,
            r#"{"id":1,"result":{"tools":[{"name":"g\u0065t"}]}}"#,
        ),
        (
            r#"[{"id":2,"result":{}},{"id":1,"result":{"tools":[{"name":"x"}]}}]"#,
            r#"[{"id":2,"result":{}},{"id":1,"result":{"tools":[]}}]"#,
        ),
    ] {
        assert_eq!(filter(JSON, list), (filtered.to_owned(), None));
    }
}

#[test]
fn what_needs_no_change_passes_byte_for_byte() {
    for response in [
        "",
        " { \"result\" : { \"tools\" : [ { \"name\" : \"get\" } ] } , \"id\" : 1 }\n",
        r#"{"id":1,"error":{"code":-32601,"message":"x"}}"#,
        r#"{"id":1,"result":{"content":[{"type":"text","text":"{\"tools\":[]}"}]}}"#,
        r#"{"method":"x","params":{"tools":[{"name":"delete"}]}}"#,
        r#"{"id":1,"result":null}"#,
        "[]",
    ] {
        passes(JSON, response);
    }
    for stream in [
        "",
        ": comment\n\n",
        "id: 1\r\ndata: \r\nretry: 100\r\n\r\n",
        "event: message\ndata: {\"method\":\"notifications/x\"}\n\n",
        "data: {\"id\":1,\ndata: \"result\":{}}\n\ndata:{\"id\":2}\r\rdata: {}\n\n",
        "\u{feff}data: {\"id\":1}\n\n",
        "data: {\"id\":1}",
    ] {
        passes(EVENTS, stream);
    }
}

#[test]
fn events_are_filtered_with_any_line_end_and_keep_their_other_fields() {
    for end in ["\n", "\r\n", "\r"] {
        let stream = |data: &str| {
            let data = data.replace('\n', end);
            format!(
                ": ping{end}{end}event: message{end}id: 5{end}data: {data}{end}retry: 1{end}{end}\
                 data: {{\"method\":\"x\"}}{end}{end}"
            )
        };
        let expected = stream(FILTERED);
        assert_eq!(
            filter(EVENTS, &stream(LIST)),
            (expected.clone(), None),
            "{end:?}"
        );
        let several = LIST.replacen(",\"jsonrpc\"", "\ndata: ,\"jsonrpc\"", 1);
        assert_eq!(
            filter(EVENTS, &stream(&several)),
            (expected, None),
            "{end:?}"
        );
    }
    let marked = format!("\u{feff}data:{LIST}\n\n");
    let expected = format!("\u{feff}data: {FILTERED}\n\n");
    assert_eq!(filter(EVENTS, &marked), (expected, None));
    let unfinished = filter(EVENTS, &format!("data: {LIST}"));
    assert_eq!(unfinished, (format!("data: {FILTERED}\n"), None));
}

#[test]
fn events_pass_as_soon_as_they_are_complete() {
    let mut filter = ListFilter::new(narrow(), None, EVENTS, b"");
    let event = b"data: {\"method\":\"notifications/progress\"}\n\n";
    assert_eq!(filter.push(event), Output::Unchanged);
    let (begin, end) = event.split_at(20);
    assert_eq!(filter.push(begin), Output::Replaced(Vec::new()));
    assert_eq!(filter.push(end), Output::Replaced(event.to_vec()));
    assert_eq!(filter.push(event), Output::Unchanged);
}

#[test]
fn a_response_that_is_not_understood_is_replaced_by_an_error() {
    for response in [
        "<html>",
        r#"{"id":1,"result":{"tools":"x"}}"#,
        r#"{"id":1,"result":{"tools":[7]}}"#,
        r#"{"id":1,"result":{"tools":[{"title":"x"}]}}"#,
        r#"{"id":1,"result":{"tools":[{"name":7}]}}"#,
        r#"{"id":1,"result":{"tools":[{"name":"get","name":"delete"}]}}"#,
        r#"{"id":1,"result":{"tools":[{"name":"get","Name":"delete"}]}}"#,
        r#"{"id":1,"result":{"tools":[],"tools":[{"name":"delete"}]}}"#,
        r#"{"id":1,"result":{"Tools":[{"name":"delete"}]}}"#,
        r#"{"id":1,"result":{},"result":{"tools":[{"name":"delete"}]}}"#,
        r#"{"id":1,"RESULT":{"tools":[{"name":"delete"}]}}"#,
        r#"{"id":1,"result":{"tools":[{"name":"delete","x":NaN}]}}"#,
        r#"{"id":1,"result":{"tools":[{"name":"delete"}]}}{}"#,
        r#"{"id":1,"result":{"tools":[{"name":"delete"}]}"#,
    ] {
        let (passed, fault) = filter(JSON, response);
        assert_eq!(fault, Some(FilterFault::Malformed), "{response}");
        assert!(passed.starts_with(r#"{"jsonrpc":"2.0","id":7,"error":{"code":-32603,"#));
        assert!(serde_json::from_str::<serde_json::Value>(&passed).is_ok());
        assert!(!passed.contains("delete"));
        let (passed, fault) = filter(
            EVENTS,
            &format!("data: {{}}\n\ndata: {response}\n\ndata: {LIST}\n\n"),
        );
        assert_eq!(fault, Some(FilterFault::Malformed), "{response}");
        assert!(
            passed.contains("data: {\"jsonrpc\"") && !passed.contains("delete"),
            "{passed}"
        );
    }
}

#[test]
fn a_response_that_is_compressed_or_too_large_is_replaced_by_an_error() {
    let mut encoded = ListFilter::new(narrow(), None, JSON, b"gzip");
    assert_eq!(encoded.fault(), Some(FilterFault::Encoded));
    let Output::Replaced(error) = encoded.push(LIST.as_bytes()) else {
        panic!("the compressed list passed");
    };
    assert!(error.starts_with(b"{\"jsonrpc\":\"2.0\",\"id\":null,"));
    assert_eq!(encoded.push(LIST.as_bytes()), Output::Replaced(Vec::new()));
    assert_eq!(encoded.finish(), b"");
    for (content_type, begin) in [(JSON, ""), (EVENTS, "data: ")] {
        let mut filter = ListFilter::new(narrow(), None, content_type, b"identity");
        let part = vec![b'x'; MAX_LIST_BYTES / 4];
        let _ = filter.push(begin.as_bytes());
        let outputs: Vec<_> = (0..6).map(|_| filter.push(&part)).collect();
        assert_eq!(filter.fault(), Some(FilterFault::TooLarge));
        let errors = outputs
            .iter()
            .filter(|it| **it != Output::Replaced(Vec::new()));
        assert_eq!(errors.count(), 1);
    }
}

#[test]
fn tools_without_the_pinned_definition_are_removed_and_reported() {
    let pinned = r#"{"name":"a","description":"A"}"#;
    let digest = DefinitionDigest::of(pinned.as_bytes()).unwrap();
    let access = Access {
        pins: Some(Rc::new(
            [("a".to_owned(), digest), ("b".to_owned(), digest)]
                .into_iter()
                .collect(),
        )),
        ..Access::everything()
    };
    let mut filter = ListFilter::new(access, None, JSON, b"");
    let list =
        format!(r#"{{"id":1,"result":{{"tools":[{pinned},{{"name":"b"}},{{"name":"c"}}]}}}}"#);
    let _ = filter.push(list.as_bytes());
    let expected = format!(r#"{{"id":1,"result":{{"tools":[{pinned}]}}}}"#);
    assert_eq!(filter.finish(), expected.as_bytes());
    let names = |tools: &BTreeSet<String>| tools.iter().cloned().collect::<Vec<_>>();
    assert_eq!(names(filter.changed_tools()), ["b"]);
    assert_eq!(names(filter.accepted_tools()), ["a"]);
}
