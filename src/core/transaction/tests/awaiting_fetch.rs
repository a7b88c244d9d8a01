//! Requests that arrive before their issuer's keys.

use super::*;

fn ask(gateway: &TestGateway, key: &str) -> Outcome {
    let bearer = bearer(&SigningKey::new(key).token(&claims(json!({}))));
    gateway.post("/my-openai/models", &[("authorization", &bearer)])
}

#[test]
fn a_request_waits_for_the_first_keys_and_is_forwarded() {
    let gateway = TestGateway::cold(&document());
    let outcome = ask(&gateway, "k");
    assert!(outcome.waits());
    assert_eq!(outcome.transaction.flow(), Flow::Pause);
    gateway.publish_keys(&["k"]);
    let outcome = gateway.handle(outcome.transaction, Input::FetchEnded);
    assert_eq!(
        upstream(outcome.forwarded(), ":authority"),
        Some("api.openai.com")
    );
}

#[test]
fn every_route_waits_and_none_reveals_which_providers_exist() {
    let gateway = TestGateway::cold(&document());
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
fn the_outcome_depends_on_the_fetched_keys() {
    for (arrived, status) in [
        (Some(vec!["k"]), None),
        (Some(vec!["other"]), Some((401, "key_unknown"))),
        (None, Some((503, "keys_unavailable"))),
    ] {
        let gateway = TestGateway::cold(&document());
        let mut outcome = ask(&gateway, "k");
        while outcome.waits() {
            match &arrived {
                Some(keys) => gateway.publish_keys(keys),
                None => gateway.fetch_keys(CalloutResponse::NoResponse),
            }
            outcome = gateway.handle(outcome.transaction, Input::FetchEnded);
        }
        match status {
            None => drop(outcome.forwarded()),
            Some((status, code)) => assert_eq!(outcome.rejection(), rejection(status, code)),
        }
    }
}

#[test]
fn the_rejection_after_a_failed_fetch_says_when_to_retry() {
    let mut gateway = TestGateway::cold(&document());
    for seconds in ["1", "2", "4"] {
        gateway.fetch_keys(CalloutResponse::NoResponse);
        let outcome = ask(&gateway, "k");
        assert_eq!(outcome.rejection(), rejection(503, "keys_unavailable"));
        let headers = &outcome.reply().headers;
        assert!(headers.contains(&("retry-after", seconds.to_owned())));
        gateway.advance(seconds.parse().unwrap());
    }
    gateway.publish_keys(&["k"]);
    ask(&gateway, "k").forwarded();
}

#[test]
fn a_request_waits_at_most_twice() {
    let mut gateway = TestGateway::warm();
    let mut outcome = ask(&gateway, "new");
    for _ in 0..2 {
        assert!(outcome.waits());
        gateway.advance(60);
        outcome = gateway.handle(outcome.transaction, Input::FetchEnded);
    }
    assert_eq!(outcome.rejection(), rejection(401, "key_unknown"));
}

#[test]
fn a_rotated_key_is_fetched_for_the_first_token_signed_with_it() {
    let gateway = TestGateway::warm();
    let waiting = [ask(&gateway, "new"), ask(&gateway, "new")];
    assert!(waiting.iter().all(Outcome::waits));
    ask(&gateway, "k").forwarded();
    gateway.publish_keys(&["k", "new"]);
    for outcome in waiting {
        gateway
            .handle(outcome.transaction, Input::FetchEnded)
            .forwarded();
    }
}

#[test]
fn a_withdrawn_key_is_not_accepted_after_the_refresh() {
    let mut gateway = TestGateway::warm();
    ask(&gateway, "k").forwarded();
    gateway.advance(600);
    gateway.publish_keys(&["new"]);
    let waiting = ask(&gateway, "k");
    assert!(waiting.waits(), "it might have come back");
    gateway.publish_keys(&["new"]);
    let outcome = gateway.handle(waiting.transaction, Input::FetchEnded);
    assert_eq!(outcome.rejection(), rejection(401, "key_unknown"));
}

#[test]
fn a_request_that_cannot_wait_is_told_to_retry() {
    let gateway = TestGateway::cold(&document());
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
