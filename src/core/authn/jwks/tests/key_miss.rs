//! What to do with tokens whose key is unknown.

use super::*;

#[test]
fn tokens_wait_for_the_first_fetch() {
    let mut world = World::with_key_set_uri();
    assert_eq!(world.unknown_key(WaitPolicy::Wait), KeyMiss::AwaitFetch);
    assert!(world.due().is_some());
    assert_eq!(world.unknown_key(WaitPolicy::Wait), KeyMiss::AwaitFetch);
    assert_eq!(world.unknown_key(WaitPolicy::DoNotWait), unavailable(1));
}

#[test]
fn keys_are_unavailable_until_the_next_attempt() {
    let mut world = World::with_key_set_uri();
    for wait in [1, 2, 4] {
        world.fail();
        for wait_policy in [WaitPolicy::Wait, WaitPolicy::DoNotWait] {
            assert_eq!(world.unknown_key(wait_policy), unavailable(wait));
        }
        world.pass(wait);
        assert_eq!(world.unknown_key(WaitPolicy::Wait), KeyMiss::AwaitFetch);
    }
}

#[test]
fn an_unknown_kid_causes_one_fetch_per_interval() {
    let mut world = World::warm(&["a"]);
    let mut fetches = 0;
    for second in 0..3 * REFETCH {
        for _ in 0..10 {
            let wait_policy = match world.unknown_key(WaitPolicy::Wait) {
                KeyMiss::AwaitFetch => WaitPolicy::DoNotWait,
                KeyMiss::UnknownKey => continue,
                KeyMiss::Unavailable { .. } => panic!("there are keys"),
            };
            if world.due().is_some() {
                fetches += 1;
                world.respond(200, &keys(&["a"]));
            }
            assert_eq!(
                world.unknown_key(wait_policy),
                KeyMiss::UnknownKey,
                "{second}"
            );
        }
        world.pass(1);
    }
    assert_eq!(fetches, 3);
}

#[test]
fn tokens_with_an_unknown_kid_share_one_fetch() {
    let mut world = World::warm(&["a"]);
    for _ in 0..10 {
        assert_eq!(
            world.unknown_key(WaitPolicy::Wait),
            KeyMiss::AwaitFetch,
            "due"
        );
    }
    assert!(world.due().is_some());
    for _ in 0..10 {
        assert_eq!(
            world.unknown_key(WaitPolicy::Wait),
            KeyMiss::AwaitFetch,
            "under way"
        );
    }
    assert_eq!(world.respond(200, &keys(&["a", "b"])), None);
    assert_eq!(world.ids(), ["a", "b"]);
    assert_eq!(
        world.unknown_key(WaitPolicy::DoNotWait),
        KeyMiss::UnknownKey
    );
    assert_eq!(world.due(), None);
}

#[test]
fn tokens_with_an_unknown_kid_wait_for_a_refresh_that_is_due() {
    let mut world = World::warm(&["a"]);
    world.pass(REFRESH);
    assert_eq!(world.unknown_key(WaitPolicy::Wait), KeyMiss::AwaitFetch);
    world.fetch(&["b"]);
    assert_eq!(
        world.unknown_key(WaitPolicy::Wait),
        KeyMiss::AwaitFetch,
        "the refresh was not caused by a token, so a token may cause a fetch"
    );
}

#[test]
fn an_unknown_kid_is_not_rejected_while_the_keys_cannot_be_fetched() {
    let mut world = World::warm(&["a"]);
    assert_eq!(world.unknown_key(WaitPolicy::Wait), KeyMiss::AwaitFetch);
    world.fail();
    assert_eq!(world.unknown_key(WaitPolicy::DoNotWait), unavailable(1));
    assert_eq!(world.unknown_key(WaitPolicy::Wait), unavailable(1));
    assert_eq!(world.ids(), ["a"], "known keys are still used");
}
