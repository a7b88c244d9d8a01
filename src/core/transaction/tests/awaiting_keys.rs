//! Requests that come before their issuer's keys.

use super::*;

fn ask(gateway: &Gateway, key: &str) -> Outcome {
    let bearer = bearer(&SigningKey::new(key).token(&claims(json!({}))));
    gateway.post("/my-openai/models", &[("authorization", &bearer)])
}

#[test]
fn a_request_waits_for_the_first_keys_and_goes_on() {
    let gateway = Gateway::cold(&document());
    let outcome = ask(&gateway, "k");
    assert!(outcome.waits());
    assert_eq!(outcome.transaction.flow(), Flow::Pause);
    gateway.keys_arrive(&["k"]);
    let outcome = gateway.handle(outcome.transaction, Input::Settled);
    assert_eq!(
        upstream(outcome.forwarded(), ":authority"),
        Some("api.openai.com")
    );
}

#[test]
fn every_route_waits_and_none_tells_which_providers_exist() {
    let gateway = Gateway::cold(&document());
    let bearer = bearer(&good());
    let headers = [("authorization", bearer.as_str())];
    for path in [
        "/my-openai/models",
        "/my-google/models",
        "/switched-off/models",
        "/guarded-claude/models",
        "/nobody/models",
        "/my-openai",
        "/nobody",
        "",
        "-outside",
    ] {
        assert!(gateway.get(path, &headers).waits(), "{path}");
    }
}

#[test]
fn what_a_request_waited_for_decides() {
    for (arrived, status) in [
        (Some(vec!["k"]), None),
        (Some(vec!["other"]), Some((401, "key_unknown"))),
        (None, Some((503, "keys_unavailable"))),
    ] {
        let gateway = Gateway::cold(&document());
        let mut outcome = ask(&gateway, "k");
        while outcome.waits() {
            match &arrived {
                Some(keys) => gateway.keys_arrive(keys),
                None => gateway.fetch(CalloutResponse::NoResponse),
            }
            outcome = gateway.handle(outcome.transaction, Input::Settled);
        }
        match status {
            None => drop(outcome.forwarded()),
            Some((status, code)) => assert_eq!(outcome.rejection(), rejection(status, code)),
        }
    }
}

#[test]
fn a_failed_fetch_says_when_to_try_again() {
    let mut gateway = Gateway::cold(&document());
    for seconds in ["1", "2", "4"] {
        gateway.fetch(CalloutResponse::NoResponse);
        let outcome = ask(&gateway, "k");
        assert_eq!(outcome.rejection(), rejection(503, "keys_unavailable"));
        let headers = &outcome.reply().headers;
        assert!(headers.contains(&("retry-after", seconds.to_owned())));
        gateway.pass(seconds.parse().unwrap());
    }
    gateway.keys_arrive(&["k"]);
    ask(&gateway, "k").forwarded();
}

#[test]
fn a_request_waits_twice_at_most() {
    let mut gateway = Gateway::warm();
    let mut outcome = ask(&gateway, "new");
    for _ in 0..2 {
        assert!(outcome.waits());
        gateway.pass(60);
        outcome = gateway.handle(outcome.transaction, Input::Settled);
    }
    assert_eq!(outcome.rejection(), rejection(401, "key_unknown"));
}

#[test]
fn a_rotated_key_is_fetched_for_the_first_who_brings_it() {
    let gateway = Gateway::warm();
    let waiting = [ask(&gateway, "new"), ask(&gateway, "new")];
    assert!(waiting.iter().all(Outcome::waits));
    ask(&gateway, "k").forwarded();
    gateway.keys_arrive(&["k", "new"]);
    for outcome in waiting {
        gateway
            .handle(outcome.transaction, Input::Settled)
            .forwarded();
    }
}

#[test]
fn a_withdrawn_key_admits_nobody_after_the_refresh() {
    let mut gateway = Gateway::warm();
    ask(&gateway, "k").forwarded();
    gateway.pass(600);
    gateway.keys_arrive(&["new"]);
    let waiting = ask(&gateway, "k");
    assert!(waiting.waits(), "it might have come back");
    gateway.keys_arrive(&["new"]);
    let outcome = gateway.handle(waiting.transaction, Input::Settled);
    assert_eq!(outcome.rejection(), rejection(401, "key_unknown"));
}

#[test]
fn a_request_that_cannot_wait_is_told_to_come_back() {
    let gateway = Gateway::cold(&document());
    let waiting = ask(&gateway, "k");
    let outcome = gateway.handle(waiting.transaction, Input::CannotWait);
    assert_eq!(outcome.rejection(), rejection(503, "too_many_waiting"));
    assert!(
        outcome
            .reply()
            .headers
            .contains(&("retry-after", "1".into()))
    );
}
