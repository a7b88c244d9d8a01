//! Workers that share a shared_data in memory, and when they fetch.

use super::*;
use crate::testing::MemoryBoard;

const LIMIT: Duration = Duration::from_secs(10);
const INTERVAL: Duration = Duration::from_secs(30);

fn at(seconds: u64) -> UnixTime {
    UnixTime::from_secs(seconds)
}

fn until(seconds: u64) -> Validity {
    Validity {
        next: at(seconds),
        fresh_until: at(seconds),
    }
}

fn workers() -> (MemoryBoard, [Refresh; 2]) {
    let shared_data = MemoryBoard::default();
    let workers = [(); 2].map(|()| Refresh::new("document".into()));
    for worker in &workers {
        worker.prepare(&shared_data);
    }
    (shared_data, workers)
}

#[test]
fn one_worker_fetches_and_all_have_the_document() {
    let (shared_data, [mut one, mut other]) = workers();
    assert!(one.begin(at(100), LIMIT, &shared_data));
    assert!(!other.begin(at(100), LIMIT, &shared_data));
    assert_eq!(other.standing(), FetchState::UnderWay);
    assert_eq!(other.adopt(&shared_data), None);

    one.succeeded("text".into(), at(101), until(700), &shared_data);
    let published = other.adopt(&shared_data).unwrap();
    assert_eq!(published.document.as_deref(), Some("text"));
    assert_eq!(published.at, at(101));
    assert_eq!(other.standing(), FetchState::Due(at(700)));
    assert_eq!(other.adopt(&shared_data), None);
    assert_eq!(one.adopt(&shared_data), None);
    assert!(!other.begin(at(699), LIMIT, &shared_data));
    assert!(other.begin(at(700), LIMIT, &shared_data));
}

#[test]
fn a_lease_that_is_not_redeemed_is_taken_over() {
    let (shared_data, [mut one, mut other]) = workers();
    assert!(one.begin(at(100), LIMIT, &shared_data));
    assert!(!other.begin(at(105), LIMIT, &shared_data));
    assert!(other.begin(at(110), LIMIT, &shared_data));
}

#[test]
fn a_worker_that_ends_gives_the_lease_back() {
    let (shared_data, [mut one, mut other]) = workers();
    assert!(one.begin(at(100), LIMIT, &shared_data));
    assert!(!other.begin(at(100), LIMIT, &shared_data));
    one.abandon(&shared_data);
    assert!(other.begin(at(100), LIMIT, &shared_data));
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
        assert!(worker.begin(now, LIMIT, &shared_data));
        let backoff = worker.failed("down", now, &shared_data);
        assert_eq!(backoff, Duration::from_secs(wait));
        assert_eq!(idle.adopt(&shared_data).unwrap().document, None);
        assert!(idle.has_failed());
        now = now + backoff;
    }
    assert!(one.begin(now, LIMIT, &shared_data));
    one.succeeded("text".into(), now, until(2000), &shared_data);
    assert!(!one.has_failed());
    let (succeeded, failed) = (1, 3);
    assert_eq!(one.take_fetches(), FetchCounts { succeeded, failed });
    assert_eq!(one.take_fetches(), FetchCounts::default());
}

#[test]
fn a_demand_makes_a_document_due() {
    let (shared_data, [mut one, _]) = workers();
    assert!(one.begin(at(100), LIMIT, &shared_data));
    assert!(!one.demand(at(100), INTERVAL));
    assert_eq!(one.standing(), FetchState::UnderWay);
    one.succeeded("text".into(), at(100), until(700), &shared_data);
    assert!(one.demand(at(200), INTERVAL));
    assert_eq!(one.standing(), FetchState::Due(at(200)));
}

#[test]
fn a_demand_of_any_worker_is_the_only_one_in_its_interval() {
    let (shared_data, [mut one, mut other]) = workers();
    assert!(one.begin(at(100), LIMIT, &shared_data));
    one.succeeded("text".into(), at(100), until(700), &shared_data);
    other.adopt(&shared_data);
    assert!(one.demand(at(200), INTERVAL));
    assert!(one.begin(at(200), LIMIT, &shared_data));
    one.succeeded("text".into(), at(201), until(800), &shared_data);
    assert!(other.adopt(&shared_data).is_some());
    assert!(!other.demand(at(229), INTERVAL));
    assert_eq!(other.standing(), FetchState::Due(at(800)));
    assert!(other.demand(at(230), INTERVAL));
    assert!(other.begin(at(230), LIMIT, &shared_data));
    other.failed("down", at(231), &shared_data);
    one.adopt(&shared_data);
    assert!(!one.demand(at(259), INTERVAL), "failed or not");
    let mut newcomer = Refresh::new("document".into());
    newcomer.adopt(&shared_data);
    assert!(!newcomer.demand(at(259), INTERVAL));
}

#[test]
fn a_demand_that_another_worker_was_first_with_causes_no_fetch() {
    let (shared_data, [mut one, mut other]) = workers();
    assert!(one.begin(at(100), LIMIT, &shared_data));
    one.succeeded("text".into(), at(100), until(700), &shared_data);
    other.adopt(&shared_data);
    assert!(one.demand(at(200), INTERVAL) && other.demand(at(200), INTERVAL));
    assert!(one.begin(at(200), LIMIT, &shared_data));
    assert!(
        !other.begin(at(200), LIMIT, &shared_data),
        "it is under way"
    );
    one.succeeded("text".into(), at(201), until(800), &shared_data);
    assert!(other.adopt(&shared_data).is_some());
    assert!(!other.begin(at(201), LIMIT, &shared_data));
}

#[test]
fn a_document_is_stale_once_it_could_not_be_fetched_in_time() {
    let (shared_data, [mut one, mut other]) = workers();
    assert!(!one.is_stale(at(100)), "there is none");
    assert!(one.begin(at(100), LIMIT, &shared_data));
    one.succeeded("text".into(), at(100), until(700), &shared_data);
    other.adopt(&shared_data);
    assert!(other.begin(at(700), LIMIT, &shared_data));
    other.failed("down", at(701), &shared_data);
    one.adopt(&shared_data);
    for worker in [&one, &other] {
        assert!(!worker.is_stale(at(700)) && worker.is_stale(at(701)));
    }
    assert!(one.begin(at(800), LIMIT, &shared_data));
    one.succeeded("text".into(), at(800), until(1400), &shared_data);
    other.adopt(&shared_data);
    assert!(!one.is_stale(at(800)) && !other.is_stale(at(800)));
}

#[test]
fn refreshes_come_ahead_of_the_end_and_not_all_at_once() {
    let lifetime = Duration::from_secs(1000);
    let ahead = |nanos| {
        let now = UnixTime::new(Duration::new(1_800_000_000, nanos));
        let term = Validity::ahead("document", now, lifetime);
        assert_eq!(term.fresh_until, now + lifetime);
        term.next.saturating_since(now).as_secs()
    };
    let times: Vec<_> = (0..1000).map(ahead).collect();
    assert!(times.iter().all(|time| (800..=950).contains(time)));
    for part in 0..15 {
        let part = 800 + part * 10..810 + part * 10;
        assert!(times.iter().any(|time| part.contains(time)), "{part:?}");
    }
}

#[test]
fn a_clock_that_is_set_back_makes_what_it_was_planned_by_due() {
    let (shared_data, [mut one, mut other]) = workers();
    assert!(one.begin(at(100_000), LIMIT, &shared_data));
    one.succeeded("text".into(), at(100_000), until(100_600), &shared_data);
    other.adopt(&shared_data);
    assert!(
        !other.begin(at(99_990), LIMIT, &shared_data),
        "that is waited for"
    );
    assert!(other.begin(at(5_000), LIMIT, &shared_data));
    assert!(
        !one.begin(at(5_000), LIMIT, &shared_data),
        "it is under way"
    );
    other.failed("down", at(5_001), &shared_data);
    one.adopt(&shared_data);
    assert!(
        !one.begin(at(5_001), LIMIT, &shared_data),
        "by the clock of now"
    );
    assert!(one.begin(at(5_002), LIMIT, &shared_data));
}

#[test]
fn a_clock_that_is_set_back_frees_a_lease_and_a_demand() {
    let (shared_data, [mut one, mut other]) = workers();
    assert!(one.begin(at(100_000), LIMIT, &shared_data));
    assert!(
        other.begin(at(5_000), LIMIT, &shared_data),
        "a lease of another time"
    );
    other.succeeded("text".into(), at(5_000), until(5_600), &shared_data);
    assert!(other.demand(at(5_100), INTERVAL));
    assert!(!other.demand(at(5_095), INTERVAL));
    assert!(other.demand(at(4_000), INTERVAL));
}
