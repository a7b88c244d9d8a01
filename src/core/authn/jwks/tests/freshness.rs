//! How long keys are good, when that is over, and what several workers do about it.

use super::*;

impl World {
    /// The keys arrive, in an answer that may be kept so long.
    fn fetch_for(&mut self, ids: &[&str], lifetime: u64) {
        assert!(self.due().is_some());
        let body = keys(ids);
        let answer = CalloutResponse::Response {
            status: 200,
            body: body.as_bytes(),
            lifetime: Some(secs(lifetime)),
        };
        assert_eq!(
            self.source.on_response(answer, self.now, &self.shared_data),
            None
        );
    }

    /// How long after now the next fetch begins, in seconds.
    fn next_fetch(&self) -> u64 {
        match self.source.remote.as_ref().unwrap().refresh.standing() {
            FetchState::Due(next) => next.saturating_since(self.now).as_secs(),
            FetchState::UnderWay => panic!("it has begun"),
        }
    }

    fn is_stale(&mut self) -> bool {
        self.source.report(self.now).is_stale
    }

    /// Another worker's source of the same keys.
    fn another(&self) -> JwksCache {
        let settings = self.source.remote.as_ref().unwrap().fetch.settings.clone();
        JwksCache::new(&JwksSource::Remote(Box::new(settings)), &self.shared_data)
    }
}

#[test]
fn an_answer_says_how_long_its_keys_are_good_within_bounds() {
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
        assert!(!world.source.expire(world.now));
        world.pass(1);
        assert!(world.source.expire(world.now), "{said}");
    }
}

#[test]
fn keys_are_stale_while_they_serve_past_their_time_and_fresh_again_after_a_fetch() {
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
fn an_unknown_kid_causes_one_fetch_per_interval_whichever_worker_meets_it() {
    let mut world = World::warm(&["a"]);
    let mut others = [(); 3].map(|()| world.another());
    let mut fetches = 0;
    for second in 0..3 * REFETCH {
        let turn = usize::try_from(second).unwrap() % (others.len() + 1);
        let asked = others.get_mut(turn).unwrap_or(&mut world.source);
        asked.poll(world.now, &world.shared_data);
        let demand = asked.demand(WaitPolicy::Wait, world.now);
        if asked.poll(world.now, &world.shared_data).callout.is_some() {
            fetches += 1;
            let body = keys(&["a"]);
            asked.on_response(
                response(200, body.as_bytes()),
                world.now,
                &world.shared_data,
            );
        } else {
            assert_eq!(demand, KeyMiss::Settled, "{second}");
        }
        world.pass(1);
    }
    assert_eq!(fetches, 3);
}

#[test]
fn a_worker_that_begins_knows_what_was_demanded_before() {
    let mut world = World::warm(&["a"]);
    assert_eq!(world.demand(WaitPolicy::Wait), KeyMiss::Wait);
    world.fetch(&["a"]);
    let mut late = world.another();
    late.poll(world.now, &world.shared_data);
    assert_eq!(late.demand(WaitPolicy::Wait, world.now), KeyMiss::Settled);
}
