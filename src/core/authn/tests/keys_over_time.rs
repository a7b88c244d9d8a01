//! Tokens while their issuer's keys are fetched, rotated and withdrawn.

use super::*;

#[test]
fn tokens_of_a_withdrawn_key_leave_the_cache() {
    let mut world = World::warm(&["old", "kept"]);
    let (old, kept) = (token("old", json!({})), token("kept", json!({})));
    assert!(world.accepts(&old));
    assert!(world.accepts(&kept));
    world.now = NOW + REFRESH;
    world.fetch(&["kept", "new"]);
    let checks = world.verifier.0.get();
    assert!(world.accepts(&kept));
    assert_eq!(world.verifier.0.get(), checks, "still cached");
    assert_eq!(
        world.ask(&old, WaitPolicy::DoNotWait),
        Verdict::Rejected(TokenError::KeyUnknown)
    );
}

#[test]
fn cached_tokens_are_accepted_no_longer_than_stale_keys() {
    let mut world = World::warm(&["k"]);
    let token = token("k", json!({"exp": NOW_SECS + 1_000_000}));
    assert!(world.accepts(&token));
    world.now = NOW + REFRESH + Duration::from_secs(3601);
    assert_eq!(world.start_fetches(), [0]);
    assert_eq!(
        world.ask(&token, WaitPolicy::Wait),
        Verdict::AwaitingKeys(0),
        "the fetch is under way"
    );
    world.respond(0, CalloutResponse::NoCluster);
    assert!(matches!(
        world.ask(&token, WaitPolicy::DoNotWait),
        Verdict::KeysUnavailable { .. }
    ));
}

#[test]
fn tokens_wait_for_the_first_keys() {
    let mut world = World::new(&[issuer(ISSUER, remote())]);
    let (good, unknown) = (token("k", json!({})), token("unknown", json!({})));
    assert_eq!(world.ask(&good, WaitPolicy::Wait), Verdict::AwaitingKeys(0));
    world.fetch(&["k"]);
    assert!(matches!(
        world.ask(&good, WaitPolicy::DoNotWait),
        Verdict::Accepted(_)
    ));
    assert_eq!(
        world.ask(&unknown, WaitPolicy::DoNotWait),
        Verdict::Rejected(TokenError::KeyUnknown)
    );
}

#[test]
fn a_token_of_a_new_key_is_accepted_after_one_fetch() {
    let mut world = World::warm(&["a"]);
    let rotated = token("b", json!({}));
    assert_eq!(
        world.ask(&rotated, WaitPolicy::Wait),
        Verdict::AwaitingKeys(0)
    );
    world.fetch(&["a", "b"]);
    assert!(world.accepts(&rotated));
    assert_eq!(
        world.rejection(&token("c", json!({}))),
        TokenError::KeyUnknown
    );
}

#[test]
fn a_token_of_a_new_key_may_wait_for_a_second_fetch() {
    let mut world = World::warm(&["a"]);
    let (rotated, too) = (token("b", json!({})), token("b", json!({"jti": "2"})));
    world.now = NOW + REFRESH;
    assert_eq!(world.start_fetches(), [0]);
    for token in [&rotated, &too] {
        assert_eq!(world.ask(token, WaitPolicy::Wait), Verdict::AwaitingKeys(0));
    }
    world.respond(0, response(200, document(&["a"]).as_bytes()));
    for token in [&rotated, &too] {
        let verdict = world.ask(token, WaitPolicy::WaitOnceMore);
        assert_eq!(verdict, Verdict::AwaitingKeys(0));
    }
    world.fetch(&["a", "b"]);
    assert!(world.accepts(&rotated));
    assert!(world.accepts(&too));
}

#[test]
fn a_token_of_an_unknown_key_waits_for_one_fetch() {
    let mut world = World::warm(&["a"]);
    let unknown = token("b", json!({}));
    let verdict = world.ask(&unknown, WaitPolicy::Wait);
    assert_eq!(verdict, Verdict::AwaitingKeys(0));
    world.fetch(&["a"]);
    assert_eq!(
        world.ask(&unknown, WaitPolicy::WaitOnceMore),
        Verdict::Rejected(TokenError::KeyUnknown)
    );
}

#[test]
fn a_token_does_not_wait_again_after_a_failed_fetch() {
    let mut world = World::warm(&["a"]);
    let rotated = token("b", json!({}));
    world.now = NOW + REFRESH;
    assert_eq!(world.start_fetches(), [0]);
    let verdict = world.ask(&rotated, WaitPolicy::Wait);
    assert_eq!(verdict, Verdict::AwaitingKeys(0));
    world.respond(0, CalloutResponse::NoCluster);
    assert!(matches!(
        world.ask(&rotated, WaitPolicy::WaitOnceMore),
        Verdict::KeysUnavailable { .. }
    ));
}

#[test]
fn a_token_is_not_rejected_while_the_keys_cannot_be_fetched() {
    let mut world = World::new(&[issuer(ISSUER, remote())]);
    assert_eq!(world.start_fetches(), [0]);
    world.respond(0, CalloutResponse::NoCluster);
    let retry_after = Duration::from_secs(1);
    for wait_policy in [WaitPolicy::Wait, WaitPolicy::DoNotWait] {
        let verdict = world.ask(&token("k", json!({})), wait_policy);
        assert_eq!(verdict, Verdict::KeysUnavailable { retry_after });
    }
}

#[test]
fn one_issuers_failed_fetch_does_not_affect_another_issuer() {
    let mut world = World::new(&[
        issuer(OTHER_ISSUER, inline(&["others"])),
        issuer(ISSUER, remote()),
    ]);
    assert_eq!(world.start_fetches(), [1]);
    world.respond(1, CalloutResponse::NoCluster);
    assert!(world.accepts(&token("others", json!({"iss": OTHER_ISSUER}))));
    world.respond(7, CalloutResponse::NoResponse);
}

#[test]
fn a_worker_takes_over_the_keys_that_another_fetched() {
    let issuers = [issuer(ISSUER, remote())];
    let mut fetching = World::warm(&["old"]);
    let mut other = Authenticator::new(
        &issuers,
        LIMITS,
        Rc::<CountingVerifier>::default(),
        &fetching.shared_data,
    );
    let old = token("old", json!({}));
    let mut poll = |world: &World| {
        let polls = other.poll(world.now, &world.shared_data);
        assert!(
            polls[0].1.callout.is_none(),
            "it is fetched once for all workers"
        );
        let verdict = other.authenticate(old.as_bytes(), &waits(WaitPolicy::DoNotWait), world.now);
        (polls[0].1.ready, verdict)
    };
    let (ready, verdict) = poll(&fetching);
    assert!(ready && matches!(verdict, Verdict::Accepted(_)));
    assert!(!poll(&fetching).0);

    fetching.now = NOW + REFRESH;
    fetching.fetch(&["new"]);
    let (ready, verdict) = poll(&fetching);
    assert!(ready);
    assert_eq!(verdict, Verdict::Rejected(TokenError::KeyUnknown));
}
