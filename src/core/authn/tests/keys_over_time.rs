//! Tokens while their issuer's keys come, change, age and go.

use super::*;

#[test]
fn a_withdrawn_key_takes_its_remembered_tokens_with_it() {
    let mut world = World::warm(&["old", "kept"]);
    let (old, kept) = (token("old", json!({})), token("kept", json!({})));
    assert!(world.accepts(&old));
    assert!(world.accepts(&kept));
    world.now = NOW + REFRESH;
    world.fetch(&["kept", "new"]);
    let checks = world.verifier.0.get();
    assert!(world.accepts(&kept));
    assert_eq!(world.verifier.0.get(), checks, "still remembered");
    assert_eq!(
        world.ask(&old, WaitPolicy::Decide),
        Verdict::Rejected(TokenError::KeyUnknown)
    );
}

#[test]
fn remembered_tokens_live_no_longer_than_stale_keys() {
    let mut world = World::warm(&["k"]);
    let token = token("k", json!({"exp": NOW_SECS + 1_000_000}));
    assert!(world.accepts(&token));
    world.now = NOW + REFRESH + Duration::from_secs(3601);
    assert_eq!(world.begun(), [0]);
    assert_eq!(
        world.ask(&token, WaitPolicy::Wait),
        Verdict::AwaitingKeys(0),
        "the fetch is under way"
    );
    world.answer(0, CalloutResponse::Undeliverable);
    assert!(matches!(
        world.ask(&token, WaitPolicy::Decide),
        Verdict::KeysUnavailable { .. }
    ));
}

#[test]
fn tokens_that_come_before_the_first_keys_wait_for_them() {
    let mut world = World::new(&[issuer(ISSUER, remote())]);
    let (good, stranger) = (token("k", json!({})), token("stranger", json!({})));
    assert_eq!(world.ask(&good, WaitPolicy::Wait), Verdict::AwaitingKeys(0));
    world.fetch(&["k"]);
    assert!(matches!(
        world.ask(&good, WaitPolicy::Decide),
        Verdict::Accepted(_)
    ));
    assert_eq!(
        world.ask(&stranger, WaitPolicy::Decide),
        Verdict::Rejected(TokenError::KeyUnknown)
    );
}

#[test]
fn a_token_of_a_new_key_waits_for_one_fetch_and_passes() {
    let mut world = World::warm(&["a"]);
    let rotated = token("b", json!({}));
    assert_eq!(
        world.ask(&rotated, WaitPolicy::Wait),
        Verdict::AwaitingKeys(0)
    );
    world.fetch(&["a", "b"]);
    assert!(world.accepts(&rotated));
    assert_eq!(
        world.refusal(&token("c", json!({}))),
        TokenError::KeyUnknown
    );
}

#[test]
fn a_token_of_a_new_key_outlives_a_fetch_that_began_before_the_key_was_there() {
    let mut world = World::warm(&["a"]);
    let (rotated, too) = (token("b", json!({})), token("b", json!({"jti": "2"})));
    world.now = NOW + REFRESH;
    assert_eq!(world.begun(), [0]);
    for token in [&rotated, &too] {
        assert_eq!(world.ask(token, WaitPolicy::Wait), Verdict::AwaitingKeys(0));
    }
    world.answer(0, response(200, document(&["a"]).as_bytes()));
    for token in [&rotated, &too] {
        let verdict = world.ask(token, WaitPolicy::WaitForAnother);
        assert_eq!(verdict, Verdict::AwaitingKeys(0));
    }
    world.fetch(&["a", "b"]);
    assert!(world.accepts(&rotated));
    assert!(world.accepts(&too));
}

#[test]
fn a_token_of_no_key_waits_for_one_fetch_of_its_own() {
    let mut world = World::warm(&["a"]);
    let stranger = token("b", json!({}));
    let verdict = world.ask(&stranger, WaitPolicy::Wait);
    assert_eq!(verdict, Verdict::AwaitingKeys(0));
    world.fetch(&["a"]);
    assert_eq!(
        world.ask(&stranger, WaitPolicy::WaitForAnother),
        Verdict::Rejected(TokenError::KeyUnknown)
    );
}

#[test]
fn a_token_waits_for_no_other_fetch_where_the_one_has_failed() {
    let mut world = World::warm(&["a"]);
    let rotated = token("b", json!({}));
    world.now = NOW + REFRESH;
    assert_eq!(world.begun(), [0]);
    let verdict = world.ask(&rotated, WaitPolicy::Wait);
    assert_eq!(verdict, Verdict::AwaitingKeys(0));
    world.answer(0, CalloutResponse::Undeliverable);
    assert!(matches!(
        world.ask(&rotated, WaitPolicy::WaitForAnother),
        Verdict::KeysUnavailable { .. }
    ));
}

#[test]
fn keys_that_cannot_be_had_are_no_fault_of_the_token() {
    let mut world = World::new(&[issuer(ISSUER, remote())]);
    assert_eq!(world.begun(), [0]);
    world.answer(0, CalloutResponse::Undeliverable);
    let retry_after = Duration::from_secs(1);
    for patience in [WaitPolicy::Wait, WaitPolicy::Decide] {
        let verdict = world.ask(&token("k", json!({})), patience);
        assert_eq!(verdict, Verdict::KeysUnavailable { retry_after });
    }
}

#[test]
fn one_issuers_fetch_is_none_of_anothers() {
    let mut world = World::new(&[
        issuer(OTHER_ISSUER, inline(&["others"])),
        issuer(ISSUER, remote()),
    ]);
    assert_eq!(world.begun(), [1]);
    world.answer(1, CalloutResponse::Undeliverable);
    assert!(world.accepts(&token("others", json!({"iss": OTHER_ISSUER}))));
    world.answer(7, CalloutResponse::NoResponse);
}

#[test]
fn a_worker_takes_over_the_keys_that_another_fetched() {
    let issuers = [issuer(ISSUER, remote())];
    let mut fetching = World::warm(&["old"]);
    let mut adopting = Authenticator::new(
        &issuers,
        10,
        Rc::<CountingVerifier>::default(),
        &fetching.shared_data,
    );
    let old = token("old", json!({}));
    let mut poll = |world: &World| {
        let polls = adopting.poll(world.now, &world.shared_data);
        assert!(polls[0].1.callout.is_none(), "it is fetched once for all");
        let verdict = adopting.authenticate(old.as_bytes(), &[0, 0], world.now);
        (polls[0].1.settled, verdict)
    };
    let (settled, verdict) = poll(&fetching);
    assert!(settled && matches!(verdict, Verdict::Accepted(_)));
    assert!(!poll(&fetching).0);

    fetching.now = NOW + REFRESH;
    fetching.fetch(&["new"]);
    let (settled, verdict) = poll(&fetching);
    assert!(settled);
    assert_eq!(verdict, Verdict::Rejected(TokenError::KeyUnknown));
}
