//! How long keys are fresh, and how several workers refresh them.

use super::*;

impl World {
    /// Fetches keys in a response with that lifetime.
    fn fetch_for(&mut self, ids: &[&str], lifetime: u64) {
        assert!(self.due().is_some());
        let body = keys(ids);
        let response = CalloutResponse::Response {
            status: 200,
            body: body.as_bytes(),
            lifetime: Some(secs(lifetime)),
            location: None,
        };
        assert_eq!(
            self.cache
                .on_response(response, self.now, &self.shared_data),
            None
        );
    }

    /// The time until the next fetch, in seconds.
    fn next_fetch(&self) -> u64 {
        match self.remote().state() {
            FetchState::Due(next) => next.saturating_since(self.now).as_secs(),
            FetchState::UnderWay => panic!("it is under way"),
        }
    }

    fn is_stale(&mut self) -> bool {
        self.cache.report(self.now).is_stale
    }

    fn remote(&self) -> &Refreshed<RemoteKeys> {
        match &self.cache {
            JwksCache::Remote(remote) => remote,
            JwksCache::Inline(_) => panic!("the keys are inline"),
        }
    }

    /// Another worker's cache of the same keys.
    fn another(&self) -> JwksCache {
        let settings = self.remote().source().clone();
        JwksCache::new(&JwksSource::Remote(Box::new(settings)), &self.shared_data)
    }
}

#[test]
fn a_response_states_the_lifetime_of_its_keys_within_bounds() {
    for (said, counts) in [
        (0, MIN_REFRESH),
        (MIN_REFRESH - 1, MIN_REFRESH),
        (300, 300),
        (MAX_REFRESH, MAX_REFRESH),
        (MAX_REFRESH + 1, MAX_REFRESH),
        (u64::MAX, MAX_REFRESH),
    ] {
        let mut world = World::with_key_set_uri();
        world.fetch_for(&["a"], said);
        let next = world.next_fetch();
        let expected = counts * 8 / 10..counts * 95 / 100 + 1;
        assert!(expected.contains(&next), "{said}: {next}");
        world.pass(counts);
        assert!(!world.is_stale());
        world.pass(1);
        assert!(world.is_stale(), "{said}");
        world.pass(STALE - 1);
        assert!(!world.cache.expire(world.now));
        world.pass(1);
        assert!(world.cache.expire(world.now), "{said}");
    }
}

#[test]
fn keys_are_stale_after_their_lifetime_and_fresh_again_after_a_fetch() {
    let mut world = World::warm(&["a"]);
    assert!(!world.is_stale());
    world.pass(REFRESH + 1);
    world.fail();
    assert!(world.is_stale());
    assert_eq!(world.ids(), ["a"]);
    world.pass(1);
    world.fetch(&["b"]);
    assert!(!world.is_stale());
}

#[test]
fn an_unknown_kid_causes_one_fetch_per_interval_for_all_workers() {
    let mut world = World::warm(&["a"]);
    let mut others = [(); 3].map(|()| world.another());
    let mut fetches = 0;
    for second in 0..3 * REFETCH {
        let turn = usize::try_from(second).unwrap() % (others.len() + 1);
        let asked = others.get_mut(turn).unwrap_or(&mut world.cache);
        asked.poll(world.now, &world.shared_data);
        let miss = asked.on_unknown_key(WaitPolicy::Wait, world.now);
        if asked.poll(world.now, &world.shared_data).callout.is_some() {
            fetches += 1;
            let body = keys(&["a"]);
            asked.on_response(
                response(200, body.as_bytes()),
                world.now,
                &world.shared_data,
            );
        } else {
            assert_eq!(miss, KeyMiss::UnknownKey, "{second}");
        }
        world.pass(1);
    }
    assert_eq!(fetches, 3);
}

#[test]
fn a_new_worker_knows_when_a_fetch_was_last_requested() {
    let mut world = World::warm(&["a"]);
    assert_eq!(world.unknown_key(WaitPolicy::Wait), KeyMiss::AwaitFetch);
    world.fetch(&["a"]);
    let mut late = world.another();
    late.poll(world.now, &world.shared_data);
    assert_eq!(
        late.on_unknown_key(WaitPolicy::Wait, world.now),
        KeyMiss::UnknownKey
    );
}
