//! Requests for MCP servers, and the documents by which clients discover where to request a token.

use super::*;
use crate::forward::response::CONTAINMENT;
use crate::reply::ERROR_HEADER;
use crate::usage::End;

/// A gateway with two MCP servers. The caller `all` may do everything, `few` may call and list the
/// tool `get` and what begins with `search_`.
fn gateway() -> TestGateway {
    let mut document = document();
    document["mcp"] = json!({"scopes": ["mcp", "dataplane_adp_mcpserver_prompts_get"]});
    document["mcp_servers"] = json!([
        {"name": "github", "url": "https://api.test/mcp/", "credential": {"header": {"value": {"env": "T"}}}},
        {"name": "own", "url": "https://own.test/mcp", "credential": {"caller": {"header": "x-mcp-authorization"}},
         "audiences": ["https://gateway.test/mcp/v1/own"], "allowed_origins": ["https://app.test"]},
        {"name": "off", "url": "https://off.test/mcp", "enabled": false},
    ]);
    document["authorization"]["bindings"] = json!([
        {"subject": "all", "permissions": ["invoke"]},
        {"subject": "few", "permissions": ["tools_list", "tools_call"], "mcp_servers": ["github"],
         "tools": ["get", "search_*"]},
    ]);
    let gateway = TestGateway::cold(&document);
    gateway.publish_keys(&["k"]);
    gateway
}

fn bearer(subject: &str, changes: Value) -> String {
    let mut all = json!({"sub": subject, "scope": null});
    for (name, value) in changes.as_object().cloned().unwrap_or_default() {
        all[name] = value;
    }
    format!("Bearer {}", SigningKey::new("k").token(&claims(all)))
}

const JSON: (&str, &str) = ("content-type", "application/json");

fn send(gateway: &TestGateway, method: &str, path: &str, headers: &[(&str, &str)]) -> Outcome {
    let pseudo = [
        (":method", method),
        (":scheme", "https"),
        (":authority", "gateway.test"),
        (":path", path),
    ];
    let head = head(&[&pseudo, headers].concat());
    gateway.handle(Transaction::Init, Input::RequestHead(head))
}

/// A POST by a caller with this body, in pieces of 7 bytes.
fn post(gateway: &TestGateway, subject: &str, headers: &[(&str, &str)], body: &str) -> Outcome {
    let bearer = bearer(subject, json!({}));
    let headers = [&[("authorization", bearer.as_str()), JSON], headers].concat();
    let mut outcome = send(gateway, "POST", "/mcp/v1/github", &headers);
    let mut effects = std::mem::take(&mut outcome.effects);
    let mut pieces = body.as_bytes().chunks(7).peekable();
    while let Some(piece) = pieces.next() {
        let chunk = if pieces.peek().is_some() {
            Chunk::More(piece)
        } else {
            Chunk::Last(piece)
        };
        if !outcome.transaction.wants_body() {
            break;
        }
        outcome = gateway.handle(outcome.transaction, Input::RequestBody(chunk));
        effects.append(&mut outcome.effects);
    }
    outcome.effects = effects;
    outcome
}

fn call(tool: &str) -> String {
    format!(
        r#"{{"method":"tools/call","params":{{"name":"{tool}","arguments":{{}}}},"jsonrpc":"2.0","id":"x-1"}}"#
    )
}

const LIST: &str = r#"{"jsonrpc":"2.0","id":3,"method":"tools/list"}"#;

fn is_forwarded(outcome: &Outcome) -> bool {
    outcome
        .effects
        .iter()
        .any(|effect| matches!(effect, Effect::Forward(_)))
}

/// The status, the gateway's code and the JSON-RPC code of a reply.
fn refused(outcome: &Outcome) -> (u16, String, i64) {
    let reply = outcome.reply();
    let header = reply.headers.iter().find(|(name, _)| *name == ERROR_HEADER);
    let body: Value = serde_json::from_slice(&reply.body).unwrap();
    assert_eq!(body["error"]["data"]["code"], header.unwrap().1.as_str());
    let rpc_code = body["error"]["code"].as_i64().unwrap();
    (reply.status, header.unwrap().1.clone(), rpc_code)
}

#[test]
fn a_request_gets_the_servers_credential_and_loses_the_callers() {
    let gateway = gateway();
    let outcome = post(
        &gateway,
        "all",
        &[("mcp-session-id", "s")],
        &call("anything"),
    );
    let forwarded = outcome.forwarded();
    assert_eq!(forwarded.target(), b"/mcp/");
    assert_eq!(forwarded.authority(), "api.test");
    let set = forwarded
        .set
        .iter()
        .find(|(name, _)| *name == "authorization");
    assert_eq!(set.unwrap().1, b"Bearer secret-of-T");
    assert!(!outcome.transaction.wants_body());
}

#[test]
fn a_restricted_caller_is_held_until_the_tool_is_known() {
    let gateway = gateway();
    let bearer = bearer("few", json!({}));
    let held = send(
        &gateway,
        "POST",
        "/mcp/v1/github",
        &[("authorization", &bearer), JSON],
    );
    assert!(held.effects.is_empty() && held.transaction.awaits_body());
    let allowed = post(&gateway, "few", &[], &call("search_x"));
    assert!(is_forwarded(&allowed) && allowed.transaction.wants_body());
    let hidden = post(&gateway, "few", &[], &call("delete"));
    assert_eq!(refused(&hidden), (200, "tool_not_found".into(), -32602));
    assert_eq!(hidden.body()["id"], "x-1");
    for (body, expected) in [
        (
            r#"{"id":1,"method":"vendor/x"}"#,
            (200, "mcp_method_not_found", -32601),
        ),
        (
            r#"{"id":1,"method":"ping"}"#,
            (200, "permission_denied", -32000),
        ),
        ("{", (400, "message_not_json", -32700)),
        (
            r#"{"id":1,"method":"tools/list","Method":"x"}"#,
            (400, "message_ambiguous", -32600),
        ),
    ] {
        let (status, code, rpc_code) = expected;
        let outcome = post(&gateway, "few", &[], body);
        if !is_forwarded(&outcome) {
            assert_eq!(refused(&outcome), (status, code.into(), rpc_code), "{body}");
        }
        assert!(
            matches!(outcome.transaction, Transaction::Replied),
            "{body}"
        );
    }
    let stateless = [("mcp-protocol-version", "2026-07-28")];
    let unknown = post(
        &gateway,
        "few",
        &stateless,
        r#"{"id":1,"method":"vendor/x"}"#,
    );
    assert_eq!(
        refused(&unknown),
        (404, "mcp_method_not_found".into(), -32601)
    );
}

#[test]
fn notifications_answers_and_handshakes_need_no_permission_of_their_own() {
    let gateway = gateway();
    for body in [
        r#"{"id":1,"method":"initialize","params":{}}"#,
        r#"{"id":1,"method":"server/discover","params":{}}"#,
        r#"{"method":"notifications/initialized"}"#,
        r#"{"id":1,"result":{}}"#,
        r#"{"id":1,"method":"subscriptions/listen","params":{"notifications":{"toolsListChanged":true}}}"#,
    ] {
        assert!(is_forwarded(&post(&gateway, "few", &[], body)), "{body}");
    }
}

#[test]
fn headers_decide_at_once_and_the_body_must_agree() {
    let gateway = gateway();
    let bearer = bearer("few", json!({}));
    let headers = |name| {
        [
            ("mcp-protocol-version", "2026-07-28"),
            ("mcp-method", "tools/call"),
            ("mcp-name", name),
        ]
    };
    let send = |name| {
        let headers = [
            &[("authorization", bearer.as_str()), JSON][..],
            &headers(name),
        ]
        .concat();
        send(&gateway, "POST", "/mcp/v1/github", &headers)
    };
    let at_once = send("get");
    assert!(is_forwarded(&at_once));
    let cut = gateway.handle(
        at_once.transaction,
        Input::RequestBody(Chunk::Last(call("delete").as_bytes())),
    );
    assert_eq!(refused(&cut), (400, "header_mismatch".into(), -32020));
    assert!(send("delete").effects.is_empty());
    let hidden = post(&gateway, "few", &headers("delete"), &call("delete"));
    assert_eq!(refused(&hidden), (200, "tool_not_found".into(), -32602));
    // In an older version the headers decide nothing, but must not contradict the body.
    let old = [
        ("mcp-protocol-version", "2025-11-25"),
        ("mcp-method", "ping"),
    ];
    assert_eq!(
        refused(&post(&gateway, "few", &old, LIST)).1,
        "header_mismatch"
    );
}

#[test]
fn bodies_that_could_be_read_differently_are_refused_for_restricted_callers() {
    let gateway = gateway();
    let bearer = bearer("few", json!({}));
    for (headers, code) in [
        (vec![("content-type", "text/plain")], "message_not_json"),
        (
            vec![("content-type", "application/json; charset=utf-16")],
            "message_not_json",
        ),
        (vec![], "message_not_json"),
        (vec![JSON, ("content-encoding", "gzip")], "message_encoded"),
        (
            vec![JSON, ("mcp-method", "a"), ("mcp-method", "a")],
            "header_invalid",
        ),
        (
            vec![JSON, ("x-http-method-override", "DELETE")],
            "method_not_allowed",
        ),
    ] {
        let headers = [vec![("authorization", bearer.as_str())], headers].concat();
        let outcome = send(&gateway, "POST", "/mcp/v1/github", &headers);
        assert_eq!(refused(&outcome).1, code);
    }
    let authorized = [("authorization", bearer.as_str())];
    let get = send(&gateway, "GET", "/mcp/v1/github", &authorized);
    assert!(is_forwarded(&get));
    let with_body = gateway.handle(get.transaction, Input::RequestBody(Chunk::Last(b"{}")));
    assert_eq!(refused(&with_body).1, "body_not_allowed");
    let put = send(&gateway, "PUT", "/mcp/v1/github", &authorized);
    assert_eq!(
        (refused(&put).0, refused(&put).1.as_str()),
        (405, "method_not_allowed")
    );
}

/// A response's head, and its body in pieces; what the client gets.
fn respond(
    gateway: &TestGateway,
    sent: Outcome,
    head: &[(&str, &str)],
    body: &[&str],
) -> (Vec<Effect>, String) {
    let head = head
        .iter()
        .map(|(name, value)| ((*name).to_owned(), value.as_bytes().to_vec()));
    let head = ResponseHead::new(head.collect());
    let mut outcome = gateway.handle(sent.transaction, Input::ResponseHead(head));
    let mut effects = std::mem::take(&mut outcome.effects);
    let mut passed = Vec::new();
    for (index, piece) in body.iter().enumerate() {
        let bytes = piece.as_bytes();
        if outcome.transaction.rewrites_response() {
            let is_last = index + 1 == body.len();
            let chunk = if is_last {
                Chunk::Last(bytes)
            } else {
                Chunk::More(bytes)
            };
            outcome = gateway.handle(outcome.transaction, Input::RewriteResponse(chunk));
            match outcome.effects.as_slice() {
                [Effect::ReplaceResponseBody(replaced)] => {
                    let holds = replaced.is_empty() && !is_last;
                    assert_eq!(outcome.transaction.response_flow() == Flow::Pause, holds);
                    passed.extend_from_slice(replaced);
                }
                [] => passed.extend_from_slice(bytes),
                other => panic!("{other:?}"),
            }
        } else {
            passed.extend_from_slice(bytes);
            outcome = gateway.handle(outcome.transaction, Input::ResponseBody(bytes));
        }
    }
    outcome = gateway.handle(outcome.transaction, Input::Ended(End::Complete));
    effects.append(&mut outcome.effects);
    (effects, String::from_utf8(passed).unwrap())
}

const TOOLS: [&str; 2] = [
    r#"{"jsonrpc":"2.0","id":3,"result":{"tools":[{"name":"delete"},"#,
    r#"{"name":"get"}]}}"#,
];
const OK_JSON: [(&str, &str); 3] = [
    (":status", "200"),
    ("content-type", "application/json"),
    ("content-length", "80"),
];

#[test]
fn a_restricted_caller_sees_its_tools_only() {
    let gateway = gateway();
    let sent = post(&gateway, "few", &[("accept-encoding", "gzip, br")], LIST);
    let forward = sent.effects.iter().find_map(|effect| match effect {
        Effect::Forward(request) => Some(request),
        _ => None,
    });
    let encodings = forward
        .unwrap()
        .set
        .iter()
        .filter(|(name, _)| *name == "accept-encoding");
    assert_eq!(encodings.last().unwrap().1, b"identity");
    let (effects, passed) = respond(&gateway, sent, &OK_JSON, &TOOLS);
    assert_eq!(
        passed,
        r#"{"jsonrpc":"2.0","id":3,"result":{"tools":[{"name":"get"}]}}"#
    );
    let removed = effects.iter().find_map(|effect| match effect {
        Effect::RemoveResponseHeaders(names) => Some(names),
        _ => None,
    });
    assert!(removed.unwrap().contains(&"content-length".to_owned()));

    let all = post(&gateway, "all", &[], LIST);
    assert_eq!(respond(&gateway, all, &OK_JSON, &TOOLS).1, TOOLS.concat());

    // A stream that is resumed may repeat a list.
    let bearer = bearer("few", json!({}));
    let get = send(
        &gateway,
        "GET",
        "/mcp/v1/github",
        &[("authorization", &bearer), ("last-event-id", "1")],
    );
    let stream = format!("data: {}\n\n", TOOLS.concat());
    let head = [(":status", "200"), ("content-type", "text/event-stream")];
    let (_, passed) = respond(&gateway, get, &head, &["data: {}\n\n", &stream]);
    assert!(
        passed.starts_with("data: {}\n\n") && !passed.contains("delete"),
        "{passed}"
    );
    // Errors pass.
    let sent = post(&gateway, "few", &[], LIST);
    let head = [(":status", "400"), ("content-type", "application/json")];
    let error = r#"{"jsonrpc":"2.0","id":3,"error":{"code":-32020,"message":"x"}}"#;
    assert_eq!(respond(&gateway, sent, &head, &[error]).1, error);
}

#[test]
fn methods_tools_and_outcomes_are_logged_and_measured() {
    let gateway = gateway();
    let result = [
        r#"{"jsonrpc":"2.0","id":"x-1","result":{"content":[{"type":"text","text":"secret"}],"isError":true}}"#,
    ];
    let version = [("mcp-protocol-version", "2025-11-25")];
    let sent = post(&gateway, "few", &version, &call("get"));
    let (effects, _) = respond(&gateway, sent, &OK_JSON, &result);
    let logged = |name: &str| {
        effects.iter().find_map(|effect| match effect {
            Effect::Log(field, value) if *field == name => Some(value.as_str()),
            _ => None,
        })
    };
    for (field, value) in [
        ("ai_gateway.mcp_server", "github"),
        ("mcp.method.name", "tools/call"),
        ("gen_ai.tool.name", "get"),
        ("mcp.protocol.version", "2025-11-25"),
        ("error.type", "tool_error"),
        ("enduser.id", "few"),
    ] {
        assert_eq!(logged(field), Some(value), "{field}");
    }
    assert!(
        effects
            .iter()
            .all(|effect| !format!("{effect:?}").contains("secret"))
    );
    let metrics: Vec<_> = effects
        .iter()
        .filter_map(|effect| match effect {
            Effect::Measure(measurement) => Some(gateway.metric_name(measurement.metric)),
            _ => None,
        })
        .collect();
    let labels = "server=.=github;.;method=.=tools/call;.;tool=.=get;.;";
    let expected = [
        format!("{labels}outcome=.=tool_error;.;ai_gateway_mcp_requests"),
        format!("{labels}mcp_server_operation_duration"),
    ];
    assert_eq!(metrics, expected);
    let failed = [r#"{"jsonrpc":"2.0","id":"x-1","error":{"code":-32602,"message":"x"}}"#];
    let sent = post(&gateway, "all", &[], &call("get"));
    let (effects, _) = respond(&gateway, sent, &OK_JSON, &failed);
    assert!(effects.contains(&Effect::Log("rpc.response.status_code", "-32602".into())));
}

#[test]
fn an_unauthenticated_client_learns_where_to_request_a_token_and_nothing_else() {
    let gateway = gateway();
    for name in ["github", "off", "unknown"] {
        let path = format!("/mcp/v1/{name}");
        let outcome = send(
            &gateway,
            "GET",
            &path,
            &[("mcp-protocol-version", "2024-11-05")],
        );
        assert_eq!(
            refused(&outcome),
            (401, "token_missing".into(), -32000),
            "{name}"
        );
        let reply = outcome.reply();
        let challenge = reply
            .headers
            .iter()
            .find(|(name, _)| *name == "www-authenticate");
        let url = format!(
            "resource_metadata=\"https://gateway.test/.well-known/oauth-protected-resource/mcp/v1/{name}\""
        );
        assert!(challenge.unwrap().1.contains(&url));
        assert!(
            challenge
                .unwrap()
                .1
                .contains("scope=\"mcp dataplane_adp_mcpserver_prompts_get\"")
        );
        for path in [
            format!("/.well-known/oauth-protected-resource/mcp/v1/{name}"),
            format!("/mcp/v1/{name}/.well-known/oauth-protected-resource"),
        ] {
            let document = send(&gateway, "GET", &path, &[]);
            assert_eq!(document.reply().status, 200);
            let body = document.body();
            assert_eq!(
                body["resource"],
                format!("https://gateway.test/mcp/v1/{name}")
            );
            assert_eq!(body["authorization_servers"], json!([ISSUER]));
        }
    }
    let root = send(
        &gateway,
        "GET",
        "/.well-known/oauth-authorization-server",
        &[],
    );
    let reply = root.reply();
    let location = reply.headers.iter().find(|(name, _)| *name == "location");
    assert_eq!(reply.status, 307);
    assert_eq!(
        location.unwrap().1,
        format!("{ISSUER}/.well-known/openid-configuration")
    );
    // A token in the query does not count.
    let token = bearer("all", json!({}));
    let path = format!("/mcp/v1/github?key={}", token.trim_start_matches("Bearer "));
    assert_eq!(
        refused(&send(&gateway, "GET", &path, &[])).1,
        "token_missing"
    );
}

#[test]
fn a_caller_without_permission_is_refused_and_asked_to_log_in_only_if_that_helps() {
    let gateway = gateway();
    let refusal = |path: &str, subject: &str, changes: Value, body: &str| {
        let bearer = bearer(subject, changes);
        let outcome = send(&gateway, "POST", path, &[("authorization", &bearer), JSON]);
        if outcome.transaction.awaits_body() {
            let chunk = Chunk::Last(body.as_bytes());
            return gateway.handle(outcome.transaction, Input::RequestBody(chunk));
        }
        outcome
    };
    for (path, subject, expected) in [
        ("/mcp/v1/github", "nobody", (403, "permission_denied")),
        ("/mcp/v1/off", "all", (403, "mcp_server_disabled")),
        ("/mcp/v1/unknown", "all", (404, "mcp_server_not_found")),
        ("/mcp/v1/github/sse", "all", (404, "path_not_found")),
    ] {
        let outcome = refusal(path, subject, json!({}), "{}");
        let (status, code, _) = refused(&outcome);
        assert_eq!((status, code.as_str()), expected, "{path}");
    }
    let challenge = |body: &str| {
        let outcome = refusal("/mcp/v1/github", "few", json!({}), body);
        let status = refused(&outcome).0;
        let reply = outcome.reply();
        let mut headers = reply.headers.iter();
        let found = headers.find(|(name, _)| *name == "www-authenticate");
        (status, found.map(|(_, value)| value.clone()))
    };
    let (status, challenged) =
        challenge(r#"{"id":1,"method":"prompts/get","params":{"name":"x"}}"#);
    assert_eq!(status, 403);
    assert!(challenged.unwrap().contains("error=\"insufficient_scope\""));
    assert_eq!(
        challenge(r#"{"id":1,"method":"prompts/list"}"#),
        (200, None)
    );
}

#[test]
fn a_server_with_audiences_accepts_only_tokens_for_them() {
    let gateway = gateway();
    let send = |path: &str, audience: &str, more: &[(&str, &str)]| {
        let bearer = bearer("all", json!({"aud": audience}));
        let headers = [&[("authorization", bearer.as_str()), JSON], more].concat();
        send(&gateway, "POST", path, &headers)
    };
    let own = "https://gateway.test/mcp/v1/own";
    let credential = [("x-mcp-authorization", "Bearer mine")];
    let forwarded = send("/mcp/v1/own", own, &credential);
    let set = forwarded
        .forwarded()
        .set
        .iter()
        .find(|(name, _)| *name == "authorization");
    assert_eq!(set.unwrap().1, b"Bearer mine");
    for (path, audience) in [
        ("/mcp/v1/own", AUDIENCE),
        ("/mcp/v1/github", own),
        ("/mcp/v1/unknown", own),
    ] {
        assert_eq!(
            refused(&send(path, audience, &credential)).1,
            "audience_not_accepted",
            "{path}"
        );
    }
    let llm = send("/llm/v1/providers/my-openai/v1/models", own, &[]);
    assert_eq!(llm.rejection(), (401, "audience_not_accepted".into()));
    assert_eq!(
        refused(&send("/mcp/v1/own", own, &[])).1,
        "credential_missing"
    );
    let token = bearer("all", json!({}));
    let misplaced = send("/mcp/v1/own", own, &[("x-mcp-authorization", &token)]);
    assert_eq!(refused(&misplaced).1, "token_misplaced");
    for (origin, is_allowed) in [
        ("https://app.test", true),
        ("https://gateway.test", true),
        ("https://evil.test", false),
        ("null", false),
    ] {
        let headers = [credential[0], ("origin", origin)];
        assert_eq!(
            is_forwarded(&send("/mcp/v1/own", own, &headers)),
            is_allowed,
            "{origin}"
        );
    }
}

#[test]
fn answers_that_would_mislead_a_client_become_bad_gateway() {
    let gateway = gateway();
    for (status, code) in [
        ("401", "upstream_unauthorized"),
        ("307", "upstream_redirect"),
    ] {
        let sent = post(&gateway, "all", &[], LIST);
        let head = [
            (":status", status),
            (
                "www-authenticate",
                "Bearer resource_metadata=\"https://api.test/x\"",
            ),
            ("location", "https://evil.test/"),
        ];
        let (effects, _) = respond(&gateway, sent, &head, &[]);
        let removed = ["location", "www-authenticate"].map(str::to_owned).to_vec();
        assert!(
            effects.contains(&Effect::RemoveResponseHeaders(removed)),
            "{effects:?}"
        );
        let contained = CONTAINMENT.map(|(name, value)| (name, value.into()));
        let answer = [(":status", "502".into()), (ERROR_HEADER, code.into())];
        let set = contained.into_iter().chain(answer).collect();
        assert!(effects.contains(&Effect::SetResponseHeaders(set)));
    }
}

#[test]
fn a_tool_that_differs_from_its_pin_is_neither_shown_nor_called() {
    use crate::mcp::pin::DefinitionDigest;
    let definition = r#"{"name":"get","description":"Gets"}"#;
    let digest = DefinitionDigest::of(definition.as_bytes())
        .unwrap()
        .to_string();
    let mut document = document();
    document["mcp_servers"] = json!([
        {"name": "github", "url": "https://api.test/mcp/", "tool_pins": {"get": digest}},
    ]);
    document["authorization"]["bindings"] = json!([{"subject": "all", "permissions": ["invoke"]}]);
    let gateway = TestGateway::cold(&document);
    gateway.publish_keys(&["k"]);
    let list = |definition: &str| {
        let sent = post(&gateway, "all", &[], LIST);
        let list = format!(r#"{{"id":3,"result":{{"tools":[{definition},{{"name":"new"}}]}}}}"#);
        respond(&gateway, sent, &OK_JSON, &[&list])
    };
    let may_call = |tool: &str| is_forwarded(&post(&gateway, "all", &[], &call(tool)));
    assert!(may_call("get") && !may_call("new"));
    assert_eq!(
        list(definition).1,
        format!(r#"{{"id":3,"result":{{"tools":[{definition}]}}}}"#)
    );
    let (effects, passed) = list(&definition.replace("Gets", "Sends everything"));
    assert_eq!(passed, r#"{"id":3,"result":{"tools":[]}}"#);
    let is_counted = |effect: &Effect| match effect {
        Effect::Measure(it) => gateway
            .metric_name(it.metric)
            .ends_with("ai_gateway_mcp_changed_tools"),
        _ => false,
    };
    assert!(effects.iter().any(is_counted));
    assert!(!may_call("get"));
    list(definition);
    assert!(may_call("get"));
}

#[test]
fn a_session_id_may_be_a_token_of_the_server_but_not_of_the_gateway() {
    let gateway = gateway();
    let own = bearer("all", json!({}));
    let own = own.trim_start_matches("Bearer ");
    let of_server = "eyJhbGciOiJIUzI1NiJ9.eyJpc3MiOiJodHRwczovL2FwaS50ZXN0In0.c2lnbmF0dXJl";
    for header in ["mcp-session-id", "last-event-id"] {
        for (value, is_removed) in [(own, true), (of_server, false)] {
            let sent = post(&gateway, "all", &[(header, value)], LIST);
            let request = sent.effects.iter().find_map(|effect| match effect {
                Effect::Forward(request) => Some(request),
                _ => None,
            });
            let removed = request.unwrap().remove.iter().any(|name| name == header);
            assert_eq!(removed, is_removed, "{header}");
        }
    }
}
