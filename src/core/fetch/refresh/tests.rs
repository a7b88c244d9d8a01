//! When workers that share data in memory fetch a document.

use super::*;
use crate::testing::MemorySharedData;

const LIMIT: Duration = Duration::from_secs(10);
const INTERVAL: Duration = Duration::from_secs(30);

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_secs(seconds)
}

fn until(seconds: u64) -> Validity {
    Validity {
        next_fetch: at(seconds),
        fresh_until: at(seconds),
    }
}

fn workers() -> (MemorySharedData, [Refresh; 2]) {
    let shared_data = MemorySharedData::default();
    let workers = [(); 2].map(|()| Refresh::new("document".into()));
    for worker in &workers {
        worker.init_lease(&shared_data);
    }
    (shared_data, workers)
}

#[test]
fn one_worker_fetches_and_all_get_the_document() {
    let (shared_data, [mut one, mut other]) = workers();
    assert!(one.try_start(at(100), LIMIT, &shared_data));
    assert!(!other.try_start(at(100), LIMIT, &shared_data));
    assert_eq!(other.state(), FetchState::UnderWay);
    assert_eq!(other.sync(&shared_data), None);

    one.succeeded("text".into(), at(101), until(700), &shared_data);
    let entry = other.sync(&shared_data).unwrap();
    assert_eq!(entry.document.as_deref(), Some("text"));
    assert_eq!(entry.fetched_at, at(101));
    assert_eq!(other.state(), FetchState::Due(at(700)));
    assert_eq!(other.sync(&shared_data), None);
    assert_eq!(one.sync(&shared_data), None);
    assert!(!other.try_start(at(699), LIMIT, &shared_data));
    assert!(other.try_start(at(700), LIMIT, &shared_data));
}

#[test]
fn an_expired_lease_is_taken_over() {
    let (shared_data, [mut one, mut other]) = workers();
    assert!(one.try_start(at(100), LIMIT, &shared_data));
    assert!(!other.try_start(at(105), LIMIT, &shared_data));
    assert!(other.try_start(at(110), LIMIT, &shared_data));
}

#[test]
fn a_worker_that_ends_releases_its_lease() {
    let (shared_data, [mut one, mut other]) = workers();
    assert!(one.try_start(at(100), LIMIT, &shared_data));
    assert!(!other.try_start(at(100), LIMIT, &shared_data));
    one.shutdown(&shared_data);
    assert!(other.try_start(at(100), LIMIT, &shared_data));
}

#[test]
fn failures_back_off_for_all() {
    let (shared_data, [mut one, mut other]) = workers();
    let mut now = at(100);
    for wait in [1, 2, 4, 8, 16, 30, 30] {
        let (worker, idle) = if wait % 3 == 1 {
            (&mut one, &mut other)
        } else {
            (&mut other, &mut one)
        };
        assert!(worker.try_start(now, LIMIT, &shared_data));
        let backoff = worker.failed("down", now, &shared_data);
        assert_eq!(backoff, Duration::from_secs(wait));
        assert_eq!(idle.sync(&shared_data).unwrap().document, None);
        assert!(idle.has_failed());
        now = now + backoff;
    }
    assert!(one.try_start(now, LIMIT, &shared_data));
    one.succeeded("text".into(), now, until(2000), &shared_data);
    assert!(!one.has_failed());
    let (succeeded, failed) = (1, 3);
    assert_eq!(one.take_fetches(), FetchCounts { succeeded, failed });
    assert_eq!(one.take_fetches(), FetchCounts::default());
}

#[test]
fn a_request_makes_a_fetch_due() {
    let (shared_data, [mut one, _]) = workers();
    assert!(one.try_start(at(100), LIMIT, &shared_data));
    assert!(!one.request(at(100), INTERVAL));
    assert_eq!(one.state(), FetchState::UnderWay);
    one.succeeded("text".into(), at(100), until(700), &shared_data);
    assert!(one.request(at(200), INTERVAL));
    assert_eq!(one.state(), FetchState::Due(at(200)));
}

#[test]
fn workers_together_may_request_one_fetch_in_each_interval() {
    let (shared_data, [mut one, mut other]) = workers();
    assert!(one.try_start(at(100), LIMIT, &shared_data));
    one.succeeded("text".into(), at(100), until(700), &shared_data);
    other.sync(&shared_data);
    assert!(one.request(at(200), INTERVAL));
    assert!(one.try_start(at(200), LIMIT, &shared_data));
    one.succeeded("text".into(), at(201), until(800), &shared_data);
    assert!(other.sync(&shared_data).is_some());
    assert!(!other.request(at(229), INTERVAL));
    assert_eq!(other.state(), FetchState::Due(at(800)));
    assert!(other.request(at(230), INTERVAL));
    assert!(other.try_start(at(230), LIMIT, &shared_data));
    other.failed("down", at(231), &shared_data);
    one.sync(&shared_data);
    assert!(!one.request(at(259), INTERVAL), "failed or not");
    let mut newcomer = Refresh::new("document".into());
    newcomer.sync(&shared_data);
    assert!(!newcomer.request(at(259), INTERVAL));
}

#[test]
fn a_fetch_that_two_workers_request_happens_once() {
    let (shared_data, [mut one, mut other]) = workers();
    assert!(one.try_start(at(100), LIMIT, &shared_data));
    one.succeeded("text".into(), at(100), until(700), &shared_data);
    other.sync(&shared_data);
    assert!(one.request(at(200), INTERVAL) && other.request(at(200), INTERVAL));
    assert!(one.try_start(at(200), LIMIT, &shared_data));
    assert!(
        !other.try_start(at(200), LIMIT, &shared_data),
        "it is under way"
    );
    one.succeeded("text".into(), at(201), until(800), &shared_data);
    assert!(other.sync(&shared_data).is_some());
    assert!(!other.try_start(at(201), LIMIT, &shared_data));
}

#[test]
fn a_document_is_stale_if_it_could_not_be_fetched_in_time() {
    let (shared_data, [mut one, mut other]) = workers();
    assert!(!one.is_stale(at(100)), "there is none");
    assert!(one.try_start(at(100), LIMIT, &shared_data));
    one.succeeded("text".into(), at(100), until(700), &shared_data);
    other.sync(&shared_data);
    assert!(other.try_start(at(700), LIMIT, &shared_data));
    other.failed("down", at(701), &shared_data);
    one.sync(&shared_data);
    for worker in [&one, &other] {
        assert!(!worker.is_stale(at(700)) && worker.is_stale(at(701)));
    }
    assert!(one.try_start(at(800), LIMIT, &shared_data));
    one.succeeded("text".into(), at(800), until(1400), &shared_data);
    other.sync(&shared_data);
    assert!(!one.is_stale(at(800)) && !other.is_stale(at(800)));
}

#[test]
fn refreshes_are_spread_over_the_end_of_the_lifetime() {
    let lifetime = Duration::from_secs(1000);
    let refreshed_after = |nanos| {
        let now = UnixTime::new(Duration::new(1_800_000_000, nanos));
        let validity = Validity::with_lifetime("document", now, lifetime);
        assert_eq!(validity.fresh_until, now + lifetime);
        validity.next_fetch.saturating_since(now).as_secs()
    };
    let times: Vec<_> = (0..1000).map(refreshed_after).collect();
    assert!(times.iter().all(|time| (800..=950).contains(time)));
    for part in 0..15 {
        let part = 800 + part * 10..810 + part * 10;
        assert!(times.iter().any(|time| part.contains(time)), "{part:?}");
    }
}

#[test]
fn a_clock_that_is_set_back_makes_a_planned_fetch_due() {
    let (shared_data, [mut one, mut other]) = workers();
    assert!(one.try_start(at(100_000), LIMIT, &shared_data));
    one.succeeded("text".into(), at(100_000), until(100_600), &shared_data);
    other.sync(&shared_data);
    assert!(
        !other.try_start(at(99_990), LIMIT, &shared_data),
        "a small step back is waited for"
    );
    assert!(other.try_start(at(5_000), LIMIT, &shared_data));
    assert!(
        !one.try_start(at(5_000), LIMIT, &shared_data),
        "it is under way"
    );
    other.failed("down", at(5_001), &shared_data);
    one.sync(&shared_data);
    assert!(
        !one.try_start(at(5_001), LIMIT, &shared_data),
        "the back-off counts by the new clock"
    );
    assert!(one.try_start(at(5_002), LIMIT, &shared_data));
}

#[test]
fn a_clock_that_is_set_back_frees_a_lease_and_allows_a_request() {
    let (shared_data, [mut one, mut other]) = workers();
    assert!(one.try_start(at(100_000), LIMIT, &shared_data));
    assert!(
        other.try_start(at(5_000), LIMIT, &shared_data),
        "the lease was taken before the clock was set back"
    );
    other.succeeded("text".into(), at(5_000), until(5_600), &shared_data);
    assert!(other.request(at(5_100), INTERVAL));
    assert!(!other.request(at(5_095), INTERVAL));
    assert!(other.request(at(4_000), INTERVAL));
}
