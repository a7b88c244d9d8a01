//! WebSocket handshakes of clients that can set no header but the list of subprotocols.

use super::*;

const KEY: &str = "openai-insecure-api-key.";
const OFFERED: &str = "sec-websocket-protocol";

/// A gateway with these providers that has fetched its keys.
fn with_providers(providers: Value) -> TestGateway {
    let mut document = document();
    document["providers"] = providers;
    document["authorization"] = json!({});
    let gateway = TestGateway::cold(&document);
    gateway.publish_keys(&["k"]);
    gateway
}

fn offering(token: &str) -> String {
    format!("realtime, {KEY}{token}, openai-beta.realtime-v1")
}

#[test]
fn a_token_among_the_subprotocols_is_replaced_by_the_providers_key_in_a_header() {
    let gateway = TestGateway::warm();
    for (offered, kept) in [
        (offering(&good()), "realtime, openai-beta.realtime-v1"),
        (format!("{KEY}{},realtime", good()), "realtime"),
        (
            format!("realtime,OpenAI-Insecure-API-Key.{}", good()),
            "realtime",
        ),
    ] {
        let outcome = gateway.post("/my-openai/realtime", &[(OFFERED, &offered)]);
        let request = outcome.forwarded();
        assert_eq!(upstream(request, OFFERED), Some(kept));
        let key = upstream(request, "authorization");
        assert_eq!(key, Some("Bearer secret-of-OPENAI_KEY"));
    }
    let alone = gateway.post(
        "/my-openai/realtime",
        &[(OFFERED, &format!("{KEY}{}", good()))],
    );
    assert_eq!(alone.forwarded().remove, [OFFERED]);
}

#[test]
fn the_subprotocols_may_be_in_several_headers() {
    let gateway = TestGateway::warm();
    let headers = [
        (OFFERED, "realtime"),
        (OFFERED, &format!("{KEY}{}", good())),
    ];
    let outcome = gateway.post("/my-openai/realtime", &headers);
    assert_eq!(upstream(outcome.forwarded(), OFFERED), Some("realtime"));

    let twice = [(OFFERED, offering(&good())), (OFFERED, offering("other"))];
    let twice = twice
        .each_ref()
        .map(|(name, value)| (*name, value.as_str()));
    let outcome = gateway.post("/my-openai/realtime", &twice);
    assert_eq!(outcome.rejection(), rejection(400, "credential_repeated"));
}

#[test]
fn an_invalid_token_among_the_subprotocols_is_refused() {
    let gateway = TestGateway::warm();
    for (token, code) in [
        (token(json!({"exp": 1})), "token_expired"),
        ("sk-proj-of-the-client".to_owned(), "token_malformed"),
        (String::new(), "token_missing"),
    ] {
        for provider in ["my-openai", "no-such-provider"] {
            let path = format!("/{provider}/realtime");
            let outcome = gateway.post(&path, &[(OFFERED, &offering(&token))]);
            assert_eq!(outcome.rejection(), rejection(401, code), "{provider}");
        }
    }
}

#[test]
fn other_subprotocols_are_kept_and_no_provider_receives_a_token_in_one() {
    let gateway = TestGateway::warm();
    let bearer = bearer(&good());
    let headers = [("authorization", bearer.as_str()), (OFFERED, "realtime, x")];
    let outcome = gateway.post("/my-openai/realtime", &headers);
    assert_eq!(upstream(outcome.forwarded(), OFFERED), None);
    assert_eq!(outcome.forwarded().remove, ["authorization"]);

    let offered = offering("sk-proj-of-the-client");
    let headers = [("authorization", bearer.as_str()), (OFFERED, &offered)];
    let outcome = gateway.post("/my-claude/v1/messages", &headers);
    let kept = upstream(outcome.forwarded(), OFFERED);
    assert_eq!(kept, Some("realtime, openai-beta.realtime-v1"));

    let outcome = gateway.post("/my-claude/v1/messages", &[(OFFERED, &offering(&good()))]);
    assert_eq!(outcome.rejection(), rejection(401, "token_misplaced"));
}

#[test]
fn a_clients_own_key_among_the_subprotocols_is_forwarded_and_a_gateway_token_never() {
    let gateway = with_providers(json!([
        {"name": "own", "type": "openai", "authorization_passthrough": true},
        {"name": "guarded", "type": "openai", "authorization_passthrough": true, "require_gateway_token": true},
    ]));
    let own = offering("sk-proj-own");
    let outcome = gateway.post("/own/realtime", &[(OFFERED, &own)]);
    assert_eq!(
        upstream(outcome.forwarded(), OFFERED),
        None,
        "it is left unchanged"
    );
    assert_eq!(outcome.forwarded().remove, [""; 0]);

    let both = [
        ("authorization", "Bearer sk-proj-own"),
        (OFFERED, own.as_str()),
    ];
    let outcome = gateway.post("/own/realtime", &both);
    let kept = upstream(outcome.forwarded(), OFFERED);
    assert_eq!(kept, Some("realtime, openai-beta.realtime-v1"));

    let none = gateway.post("/own/realtime", &[(OFFERED, "realtime")]);
    assert_eq!(none.rejection(), rejection(401, "credential_missing"));
    for provider in ["own", "guarded"] {
        let path = format!("/{provider}/realtime");
        let outcome = gateway.post(&path, &[(OFFERED, &offering(&good()))]);
        assert_eq!(outcome.rejection().0, 401, "{provider}");
    }
    let side = bearer(&good());
    let headers = [
        ("x-ai-gateway-authorization", side.as_str()),
        (OFFERED, &own),
    ];
    let outcome = gateway.post("/guarded/realtime", &headers);
    assert_eq!(outcome.forwarded().remove, ["x-ai-gateway-authorization"]);
}

#[test]
fn websockets_are_refused_where_requests_are_signed() {
    let gateway = TestGateway::warm();
    let bearer = bearer(&good());
    let headers = [("authorization", bearer.as_str()), ("upgrade", "websocket")];
    let ask = |provider: &str| gateway.post(&format!("/{provider}/x"), &headers);
    let refused = rejection(400, "upgrade_not_possible");
    assert_eq!(ask("signed-bedrock").rejection(), refused);
    ask("my-bedrock").forwarded();
}

#[test]
fn bidirectional_streams_are_refused_at_once_where_requests_are_signed() {
    let gateway = TestGateway::warm();
    let bearer = bearer(&good());
    let token = ("authorization", bearer.as_str());
    let events = ("content-type", "application/vnd.amazon.eventstream");
    let ask = |path: &str, headers: &[(&str, &str)]| gateway.post(path, headers);
    let refused = rejection(400, "bidirectional_stream_not_possible");
    let sonic = "/signed-bedrock/model/amazon.nova-sonic-v1:0/invoke-with-bidirectional-stream";
    for outcome in [
        ask(sonic, &[token]),
        ask(sonic, &[token, events]),
        ask(
            "/signed-bedrock/model/m/a-later-operation",
            &[token, events],
        ),
    ] {
        assert_eq!(outcome.rejection(), refused);
    }
    ask(&sonic.replace("signed-", "my-"), &[token, events]).forwarded();
}

#[test]
fn a_header_name_with_underscores_is_removed_too() {
    let gateway = TestGateway::warm();
    let bearer = bearer(&good());
    let odd = (
        "sec_websocket_protocol",
        "realtime, openai-insecure-api-key.secret",
    );
    let headers = [("authorization", bearer.as_str()), odd];
    let outcome = gateway.post("/my-openai/realtime", &headers);
    assert_eq!(outcome.forwarded().remove, ["authorization", odd.0]);
}

#[test]
fn a_protocol_switch_passes_only_if_the_client_asked_for_it() {
    let gateway = TestGateway::warm();
    let bearer = bearer(&good());
    for (asked, edit) in [
        (Some(("upgrade", "websocket")), None),
        (Some((":protocol", "websocket")), None),
        (None, Some("502")),
    ] {
        let headers: Vec<_> = [("authorization", bearer.as_str())]
            .into_iter()
            .chain(asked)
            .collect();
        let outcome = gateway.get("/my-openai/realtime", &headers);
        let head = [(":status", "101"), ("upgrade", "websocket")];
        let head = head.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
        let head = ResponseHead::new(head.to_vec());
        let outcome = gateway.handle(outcome.transaction, Input::ResponseHead(head));
        let status = outcome.effects.iter().find_map(|effect| match effect {
            Effect::SetResponseHeaders(headers) => headers.iter().find(|it| it.0 == ":status"),
            _ => None,
        });
        assert_eq!(status.map(|(_, status)| status.as_ref()), edit);
    }
}
