use super::*;
use crate::mcp::access::tests::narrow;
use crate::mcp::method::Permission;
use CheckProgress::{Allowed, Awaiting};

const LIMIT: u64 = 4096;

fn check(access: Access, expected: Expected, hold: Hold) -> MessageCheck {
    MessageCheck::new(access, expected, hold, LIMIT)
}

/// The result for a body in pieces of this size.
fn run(
    mut check: MessageCheck,
    body: &[u8],
    piece: usize,
) -> Result<CheckProgress, RefusedMessage> {
    let mut progress = Ok(Awaiting);
    let count = body.len().div_ceil(piece);
    for (index, part) in body.chunks(piece).enumerate() {
        let is_last = index + 1 == count;
        let chunk = if is_last {
            Chunk::Last(part)
        } else {
            Chunk::More(part)
        };
        progress = Ok(check.push(chunk)?);
    }
    progress
}

/// The result for a body that is held, which must be the same however it is cut.
fn held(body: &str) -> Result<CheckProgress, MessageFault> {
    let result = |piece| {
        let check = check(narrow(), Expected::default(), Hold::UntilKnown);
        run(check, body.as_bytes(), piece).map_err(|refused| refused.fault)
    };
    let whole = result(body.len().max(1));
    for piece in 1..body.len() {
        assert_eq!(result(piece), whole, "{body} in pieces of {piece}");
    }
    whole
}

fn call(tool: &str) -> String {
    format!(
        r#"{{"method":"tools/call","params":{{"name":"{tool}","arguments":{{}}}},"jsonrpc":"2.0","id":1}}"#
    )
}

#[test]
fn allowed_messages_pass_however_they_are_written_and_cut() {
    for body in [
        call("search_x").as_str(),
        &call("search_\\u0078"),
        r#" { "jsonrpc" : "2.0" , "id":"a", "params":{"arguments":{"name":"delete","method":"x"},"name":"get"},"method":"tools/call"}"#,
        r#"{"method":"tools\/call","params":{"_meta":{"name":"delete"},"name":"get"},"id":1.5e3}"#,
        r#"{"method":"resources/read","params":{"uri":"file:///docs/a"},"id":1}"#,
        r#"{"method":"prompts/get","params":{"name":"greet"},"id":1}"#,
        r#"{"method":"completion/complete","params":{"argument":{"name":"x"},"ref":{"type":"ref/prompt","name":"greet"}},"id":1}"#,
        r#"{"method":"completion/complete","params":{"ref":{"type":"ref/resource","uri":"file:///docs/{x}"}},"id":1}"#,
        r#"{"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true,"resourceSubscriptions":["file:///docs/a","file:///docs/b"]}},"id":1}"#,
        r#"{"method":"subscriptions/listen","params":{},"id":1}"#,
        r#"{"method":"initialize","params":{"capabilities":{}},"id":0}"#,
        r#"{"method":"notifications/initialized"}"#,
        r#"{"jsonrpc":"2.0","id":7,"result":{"method":"tools/call","params":{"name":"delete"}}}"#,
        r#"{"jsonrpc":"2.0","id":7,"error":{"code":-1,"message":"x"}}"#,
        r#"[{"method":"ping","id":1},{"method":"tools/call","params":{"name":"get"},"id":2},{"id":3,"result":{}}]"#,
    ] {
        assert_eq!(held(body), Ok(Allowed), "{body}");
    }
}

#[test]
fn nothing_bypasses_the_check() {
    let denied = |denial| MessageFault::Denied(denial);
    let tool = |name: &str| denied(Denial::Tool(name.into()));
    let ambiguous = |name: &str| MessageFault::Ambiguous(name.into());
    for (body, fault) in [
        (call("delete").as_str(), tool("delete")),
        (&call("del\\u0065te"), tool("delete")),
        (&call("get "), tool("get ")),
        (&call("GET"), tool("GET")),
        (&call("get\\u0000"), tool("get\0")),
        // Members that occur twice, in any order and spelling.
        (
            r#"{"method":"ping","method":"tools/call","id":1}"#,
            ambiguous("method"),
        ),
        (
            r#"{"method":"ping","Method":"tools/call","id":1}"#,
            ambiguous("method"),
        ),
        (
            r#"{"method":"ping","m\u0065thod":"tools/call","id":1}"#,
            ambiguous("method"),
        ),
        (
            r#"{"method":"ping","method\u0000x":"tools/call","id":1}"#,
            ambiguous("method"),
        ),
        (r#"{"METHOD":"tools/call","id":1}"#, ambiguous("method")),
        (
            r#"{"method":"tools/call","params":{"name":"get","name":"delete"},"id":1}"#,
            ambiguous("name"),
        ),
        (
            r#"{"method":"tools/call","params":{"name":"get","Name":"delete"},"id":1}"#,
            ambiguous("name"),
        ),
        (
            r#"{"method":"tools/call","params":{"name":"get","n\u0061me":"delete"},"id":1}"#,
            ambiguous("name"),
        ),
        (
            r#"{"method":"tools/call","params":{"name":"get"},"params":{"name":"delete"},"id":1}"#,
            ambiguous("params"),
        ),
        (
            "{\"method\":\"tools/call\",\"params\":{\"name\":\"get\"},\"param\u{17f}\":{\"name\":\"delete\"},\"id\":1}",
            ambiguous("params"),
        ),
        (
            r#"{"method":"tools/call","params":{"name":"get"},"id":1,"ID":2}"#,
            ambiguous("id"),
        ),
        (
            r#"{"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"greet"},"ref":{"type":"ref/prompt","name":"x"}},"id":1}"#,
            ambiguous("ref"),
        ),
        (
            r#"{"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"greet","name":"x"}},"id":1}"#,
            ambiguous("name"),
        ),
        // The subject is missing or no string.
        (
            r#"{"method":"tools/call","id":1}"#,
            denied(Denial::SubjectMissing("params.name")),
        ),
        (
            r#"{"method":"tools/call","params":{"name":["get"]},"id":1}"#,
            denied(Denial::SubjectMissing("params.name")),
        ),
        (
            r#"{"method":"tools/call","params":{"name":{"a":1}},"id":1}"#,
            denied(Denial::SubjectMissing("params.name")),
        ),
        (
            r#"{"method":"tools/call","params":[{"name":"get"}],"id":1}"#,
            denied(Denial::SubjectMissing("params.name")),
        ),
        (
            r#"{"method":"tools/call","params":"get","id":1}"#,
            denied(Denial::SubjectMissing("params.name")),
        ),
        (
            r#"{"method":"tools/call","params":{"arguments":{"name":"get"}},"id":1}"#,
            denied(Denial::SubjectMissing("params.name")),
        ),
        (
            r#"{"method":"tools/call","params":{"uri":"get"},"id":1}"#,
            denied(Denial::SubjectMissing("params.name")),
        ),
        (
            r#"{"method":"resources/read","params":{"name":"file:///docs/a"},"id":1}"#,
            denied(Denial::SubjectMissing("params.uri")),
        ),
        (
            r#"{"method":"resources/read","params":{"uri":"file:///docs/../a"},"id":1}"#,
            denied(Denial::Resource("file:///docs/../a".into())),
        ),
        (
            r#"{"method":"completion/complete","params":{"ref":{"type":"ref/prompt","name":"greet","uri":"x"}},"id":1}"#,
            denied(Denial::SubjectMissing("params.ref")),
        ),
        (
            r#"{"method":"completion/complete","params":{"ref":{"name":"greet"}},"id":1}"#,
            denied(Denial::SubjectMissing("params.ref")),
        ),
        (
            r#"{"method":"subscriptions/listen","params":{"notifications":{"resourceSubscriptions":["file:///docs/a","file:///etc/b"]}},"id":1}"#,
            denied(Denial::Resource("file:///etc/b".into())),
        ),
        (
            r#"{"params":{"notifications":{"resourceSubscriptions":["file:///etc/b"]}},"method":"subscriptions/listen","id":1}"#,
            denied(Denial::Resource("file:///etc/b".into())),
        ),
        (
            r#"{"method":"subscriptions/listen","params":{"notifications":{"resourceSubscriptions":[["file:///etc/b"]]}},"id":1}"#,
            denied(Denial::Resource("file:///etc/b".into())),
        ),
        // Deeper than what is read.
        (
            r#"{"method":"subscriptions/listen","params":{"notifications":{"resourceSubscriptions":[[[[[[[[[[[[["file:///etc/b"]]]]]]]]]]]]]}},"id":1}"#,
            denied(Denial::SubjectMissing("params.notifications")),
        ),
        // A request is one by its method, not by its id.
        (
            r#"{"method":"tools/call","params":{"name":"delete"}}"#,
            tool("delete"),
        ),
        (
            r#"{"method":"tools/call","params":{"name":"delete"},"result":{},"id":1}"#,
            tool("delete"),
        ),
        (
            r#"{"method":"vendor/x","id":1}"#,
            denied(Denial::UnknownMethod("vendor/x".into())),
        ),
        (
            r#"{"method":"Tools/Call","params":{"name":"get"},"id":1}"#,
            denied(Denial::UnknownMethod("Tools/Call".into())),
        ),
        (
            r#"{"method":"tasks/list","id":1}"#,
            denied(Denial::UnknownMethod("tasks/list".into())),
        ),
        (
            r#"{"method":["tools/call"],"id":1}"#,
            MessageFault::MethodInvalid,
        ),
        (r#"{"method":"","id":1}"#, MessageFault::MethodInvalid),
        (r#"{"method":7,"id":1}"#, MessageFault::MethodInvalid),
        // Batches.
        (
            r#"[{"method":"ping","id":1},{"method":"tools/call","params":{"name":"delete"},"id":2}]"#,
            tool("delete"),
        ),
        (
            r#"[[{"method":"tools/call","params":{"name":"delete"},"id":2}]]"#,
            MessageFault::NotJson,
        ),
        (r#"[{"method":"ping","id":1},"x"]"#, MessageFault::NotJson),
        (r#"[{"method":"ping","id":1},7]"#, MessageFault::NotJson),
        ("[]", MessageFault::NotJson),
        // Not one JSON text in UTF-8.
        ("", MessageFault::NotJson),
        ("7", MessageFault::NotJson),
        (
            r#"{"method":"ping","id":1}{"method":"tools/call","params":{"name":"delete"}}"#,
            MessageFault::NotJson,
        ),
        (
            "\u{feff}{\"method\":\"ping\",\"id\":1}",
            MessageFault::NotJson,
        ),
        (r#"{'method':'ping'}"#, MessageFault::NotJson),
        (r#"{"method":"ping",}"#, MessageFault::NotJson),
        (r#"{"method":"ping" /* x */}"#, MessageFault::NotJson),
        ("{\"method\":\"pi\nng\"}", MessageFault::NotJson),
        (r#"{"method":"pi\xng"}"#, MessageFault::NotJson),
        (r#"{"meth\ud800od":"ping"}"#, MessageFault::NotJson),
    ] {
        let mut check = check(narrow(), Expected::default(), Hold::UntilKnown);
        let _ = &mut check;
        let result = held_loosely(body);
        assert_eq!(result, Err(fault), "{body}");
    }
}

/// As [`held`], for a body of which a part may have passed before the rest is refused.
fn held_loosely(body: &str) -> Result<CheckProgress, MessageFault> {
    let result = |piece| {
        let check = check(narrow(), Expected::default(), Hold::UntilKnown);
        run(check, body.as_bytes(), piece).map_err(|refused| refused.fault)
    };
    if body.is_empty() {
        let mut check = check(narrow(), Expected::default(), Hold::UntilKnown);
        return check
            .push(Chunk::Last(b""))
            .map_err(|refused| refused.fault);
    }
    let whole = result(body.len());
    for piece in 1..body.len() {
        assert_eq!(result(piece), whole, "{body} in pieces of {piece}");
    }
    whole
}

#[test]
fn a_cut_body_is_not_allowed_before_its_subject_is_known() {
    let body = call("delete");
    for end in 0..body.len() {
        let (begin, _) = body.split_at(end);
        let mut check = check(narrow(), Expected::default(), Hold::UntilKnown);
        let progress = check.push(Chunk::More(begin.as_bytes()));
        assert_eq!(progress, Ok(Awaiting), "{begin}");
        assert!(check.push(Chunk::Last(b"")).is_err(), "{begin}");
    }
    let body = call("get");
    let named = body.find("get").unwrap() + 4;
    for end in 0..body.len() {
        let mut check = check(narrow(), Expected::default(), Hold::UntilKnown);
        let progress = check.push(Chunk::More(&body.as_bytes()[..end]));
        let expected = if end < named { Awaiting } else { Allowed };
        assert_eq!(progress, Ok(expected), "{end}");
    }
}

#[test]
fn a_refusal_waits_for_the_id_of_the_request() {
    let refusal = |body: &str| {
        let check = check(narrow(), Expected::default(), Hold::UntilKnown);
        run(check, body.as_bytes(), 5).unwrap_err().ids
    };
    let number = |id: &str| RequestId::Number(id.into());
    assert_eq!(refusal(&call("delete")), RefusedIds::One(Some(number("1"))));
    let text = r#"{"id":"a\"b","method":"tools/call","params":{"name":"delete"}}"#;
    let id = RequestId::Text("a\"b".into());
    assert_eq!(id.json(), r#""a\"b""#);
    assert_eq!(refusal(text), RefusedIds::One(Some(id)));
    let none = r#"{"method":"tools/call","params":{"name":"delete"}}"#;
    assert_eq!(refusal(none), RefusedIds::One(None));
    let batch =
        r#"[{"id":1,"method":"tools/call","params":{"name":"delete"}},{"id":2,"method":"ping"}]"#;
    assert_eq!(
        refusal(batch),
        RefusedIds::Batch(vec![number("1"), number("2")])
    );
    let large = format!(
        r#"{{"method":"tools/call","params":{{"name":"delete","x":"{}"}}}}"#,
        "x".repeat(9000)
    );
    assert_eq!(refusal(&large), RefusedIds::One(None));
}

#[test]
fn a_subject_after_the_limit_is_too_late() {
    let filler = "x".repeat(5000);
    let body =
        format!(r#"{{"params":{{"arguments":"{filler}","name":"get"}},"method":"tools/call"}}"#);
    let check = || check(narrow(), Expected::default(), Hold::UntilKnown);
    let refused = run(check(), body.as_bytes(), 100).unwrap_err();
    assert_eq!(refused.fault, MessageFault::TooLate(LIMIT));
    // Once the subject is known, there is no limit.
    let body =
        format!(r#"{{"method":"tools/call","params":{{"name":"get","arguments":"{filler}"}}}}"#);
    assert_eq!(run(check(), body.as_bytes(), 100), Ok(Allowed));
    let item = r#"{"method":"ping"},"#;
    let batch = format!("[{}{{}}]", item.repeat(MAX_BATCH));
    let refused = run(check(), batch.as_bytes(), 100).unwrap_err();
    assert_eq!(refused.fault, MessageFault::BatchTooLong);
}

#[test]
fn headers_must_say_what_the_body_says() {
    let expected = |method: &str, name: Option<&str>| Expected {
        method: Some(method.to_owned()),
        name: name.map(str::to_owned),
    };
    let mismatch = |header| Err(MessageFault::Mismatch(header));
    let get = call("get");
    for (expected, body, result) in [
        (
            expected("tools/call", Some("get")),
            get.as_str(),
            Ok(Allowed),
        ),
        (expected("tools/call", None), &get, Ok(Allowed)),
        (
            expected("tools/call", Some("search_x")),
            &get,
            mismatch("mcp-name"),
        ),
        (expected("tools/list", None), &get, mismatch("mcp-method")),
        (
            expected("tools/call", Some("get")),
            &call("delete"),
            mismatch("mcp-name"),
        ),
        (
            expected("tools/call", Some("get")),
            r#"{"method":"tools/call","id":1}"#,
            mismatch("mcp-name"),
        ),
        (
            expected("ping", None),
            r#"{"id":1,"result":{}}"#,
            mismatch("mcp-method"),
        ),
        (
            expected("ping", None),
            r#"[{"id":1,"method":"ping"},{"id":2,"method":"tools/list"}]"#,
            mismatch("mcp-method"),
        ),
        (
            expected("tools/call", Some("get")),
            r#"{"method":"tools/call","params":{"name":"get","name":"delete"},"id":1}"#,
            Err(MessageFault::Ambiguous("name".into())),
        ),
    ] {
        for hold in [Hold::UntilKnown, Hold::Never] {
            for piece in 1..=body.len() {
                let check = check(narrow(), expected.clone(), hold);
                let run = run(check, body.as_bytes(), piece).map_err(|refused| refused.fault);
                assert_eq!(run, result, "{body} {expected:?} {hold:?} {piece}");
            }
        }
    }
}

#[test]
fn a_body_that_streams_is_cut_before_its_last_byte() {
    for body in [
        call("delete"),
        call("get").replace("get\"", "get\",\"name\":\"delete\""),
    ] {
        let mut check = check(narrow(), Expected::default(), Hold::Never);
        let (last, begin) = body.as_bytes().split_last().unwrap();
        let refused = begin
            .iter()
            .find_map(|byte| check.push(Chunk::More(&[*byte])).err());
        assert!(refused.is_some(), "{body} passed before {last}");
    }
}

#[test]
fn permissions_are_per_method() {
    let access = Access {
        permissions: [Permission::ToolsList].into_iter().collect(),
        ..Access::default()
    };
    for (method, is_allowed) in [("tools/list", true), ("ping", false), ("initialize", true)] {
        let body = format!(r#"{{"method":"{method}","id":1}}"#);
        let check = check(access.clone(), Expected::default(), Hold::UntilKnown);
        let result = run(check, body.as_bytes(), body.len());
        assert_eq!(result.is_ok(), is_allowed, "{method}");
    }
}

#[test]
fn the_first_message_is_summarised_and_lists_are_noticed() {
    let run = |body: &str, access: Access| {
        let mut check = check(access, Expected::default(), Hold::UntilKnown);
        let _ = check.push(Chunk::Last(body.as_bytes()));
        (check.summary(), check.asks_for_list())
    };
    let (summary, lists) = run(&call("get"), narrow());
    assert_eq!(summary.method.as_deref(), Some("tools/call"));
    assert_eq!(summary.name.as_deref(), Some("get"));
    assert!(!lists);
    let list = r#"[{"method":"ping","id":1},{"method":"tools/list","id":2}]"#;
    let (summary, lists) = run(list, narrow());
    assert_eq!(summary.method.as_deref(), Some("ping"));
    assert!(lists);
    assert!(!run(list, Access::everything()).1);
}
