//! What tokens with an unknown key are told.

use super::*;

#[test]
fn a_cold_source_has_tokens_wait_for_the_first_fetch() {
    let mut world = World::with_key_set_uri();
    assert_eq!(world.demand(WaitPolicy::Wait), KeyMiss::Wait);
    assert!(world.due().is_some());
    assert_eq!(world.demand(WaitPolicy::Wait), KeyMiss::Wait);
    assert_eq!(world.demand(WaitPolicy::Decide), unavailable(1));
}

#[test]
fn a_cold_source_that_failed_gives_up_until_the_next_attempt() {
    let mut world = World::with_key_set_uri();
    for wait in [1, 2, 4] {
        world.fail();
        for patience in [WaitPolicy::Wait, WaitPolicy::Decide] {
            assert_eq!(world.demand(patience), unavailable(wait));
        }
        world.pass(wait);
        assert_eq!(world.demand(WaitPolicy::Wait), KeyMiss::Wait);
    }
}

#[test]
fn an_unknown_kid_causes_one_fetch_per_interval_whoever_asks() {
    let mut world = World::warm(&["a"]);
    let mut fetches = 0;
    for second in 0..3 * REFETCH {
        for _ in 0..10 {
            let patience = match world.demand(WaitPolicy::Wait) {
                KeyMiss::Wait => WaitPolicy::Decide,
                KeyMiss::Settled => continue,
                KeyMiss::Unavailable { .. } => panic!("the keys are at hand"),
            };
            if world.due().is_some() {
                fetches += 1;
                world.answer(200, &keys(&["a"]));
            }
            assert_eq!(world.demand(patience), KeyMiss::Settled, "{second}");
        }
        world.pass(1);
    }
    assert_eq!(fetches, 3);
}

#[test]
fn tokens_with_an_unknown_kid_share_the_fetch_that_one_of_them_caused() {
    let mut world = World::warm(&["a"]);
    for _ in 0..10 {
        assert_eq!(world.demand(WaitPolicy::Wait), KeyMiss::Wait, "due");
    }
    assert!(world.due().is_some());
    for _ in 0..10 {
        assert_eq!(world.demand(WaitPolicy::Wait), KeyMiss::Wait, "under way");
    }
    assert_eq!(world.answer(200, &keys(&["a", "b"])), None);
    assert_eq!(world.ids(), ["a", "b"]);
    assert_eq!(world.demand(WaitPolicy::Decide), KeyMiss::Settled);
    assert_eq!(world.due(), None);
}

#[test]
fn tokens_with_an_unknown_kid_wait_for_a_refresh_that_is_due() {
    let mut world = World::warm(&["a"]);
    world.pass(REFRESH);
    assert_eq!(world.demand(WaitPolicy::Wait), KeyMiss::Wait);
    world.fetch(&["b"]);
    assert_eq!(
        world.demand(WaitPolicy::Wait),
        KeyMiss::Wait,
        "the refresh was not caused by a token, so a token may cause a fetch"
    );
}

#[test]
fn an_unknown_kid_is_no_verdict_while_the_issuer_cannot_be_asked() {
    let mut world = World::warm(&["a"]);
    assert_eq!(world.demand(WaitPolicy::Wait), KeyMiss::Wait);
    world.fail();
    assert_eq!(world.demand(WaitPolicy::Decide), unavailable(1));
    assert_eq!(world.demand(WaitPolicy::Wait), unavailable(1));
    assert_eq!(world.ids(), ["a"], "known keys go on to serve");
}
