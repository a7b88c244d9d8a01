//! Workers that come and go, and what they used together.

use serde_json::{Value, json};

use super::*;
use crate::models::price::Cost;
use crate::testing::{MemoryBoard, NOW, config};
use crate::usage::response_usage::{IncompleteReason, TokenUsage};

fn record(provider: &str, input: Option<u64>) -> AccessLogEntry {
    AccessLogEntry {
        provider: provider.into(),
        tokens: TokenUsage {
            input,
            ..TokenUsage::default()
        },
        incomplete: input.is_none().then_some(IncompleteReason::NotReported),
        ..AccessLogEntry::default()
    }
}

/// What a worker says of the providers `a` and `b`.
fn told(usage_totals: &UsageTotals, shared_data: &MemoryBoard) -> Value {
    let provider = |name: &str| json!({"name": name, "type": "openai", "api_key": {"env": "K"}});
    let config = config(&json!({
        "authentication": {"disabled": true},
        "providers": [provider("a"), provider("b")],
    }));
    serde_json::to_value(usage_totals.usage_report(config.providers.values(), shared_data)).unwrap()
}

fn input(told: &Value) -> Value {
    told["providers"][0]["input_tokens"].clone()
}

#[test]
fn a_statement_has_providers_and_models_and_what_is_unknown_apart() {
    let shared_data = MemoryBoard::default();
    let mut usage_totals = UsageTotals::new(&shared_data);
    let priced = AccessLogEntry {
        cost: Some(Cost(1_500_000)),
        ..record("a", Some(10))
    };
    usage_totals.add(&priced, "m");
    usage_totals.add(&record("a", None), "m");
    usage_totals.add(&record("a", Some(5)), "n");
    usage_totals.add(&record("hidden", Some(5)), "n");
    usage_totals.publish(NOW, &shared_data);
    let none = json!(null);
    let line = |requests: u64, unknown: u64, input: Value| {
        json!({
            "requests": requests,
            "usage_unknown": unknown,
            "input_tokens": input,
            "output_tokens": none,
            "cached_read_tokens": none,
            "cache_write_tokens": none,
            "reasoning_tokens": none,
        })
    };
    let with = |mut line: Value, more: Value| {
        for (name, value) in more.as_object().unwrap() {
            line[name] = value.clone();
        }
        line
    };
    let m = with(line(2, 1, json!(10)), json!({"model": "m", "cost": 0.0015}));
    let n = with(line(1, 0, json!(5)), json!({"model": "n"}));
    let a = json!({"name": "a", "cost": 0.0015, "models": [m, n]});
    let b = json!({"name": "b", "models": []});
    assert_eq!(
        told(&usage_totals, &shared_data),
        json!({
            "since": NOW.to_string(),
            "providers": [with(line(3, 1, json!(15)), a), with(line(0, 0, none.clone()), b)],
        })
    );
}

#[test]
fn workers_tell_the_sum_of_all() {
    let shared_data = MemoryBoard::default();
    let mut workers = [(); 3].map(|()| UsageTotals::new(&shared_data));
    for round in 1..=3 {
        for worker in &mut workers {
            worker.add(&record("a", Some(1)), "m");
            worker.publish(NOW, &shared_data);
        }
        for worker in &workers {
            assert_eq!(input(&told(worker, &shared_data)), json!(round * 3));
        }
    }
    let [one, other, _] = &mut workers;
    one.add(&record("a", Some(100)), "m");
    assert_eq!(input(&told(one, &shared_data)), json!(109));
    assert_eq!(input(&told(other, &shared_data)), json!(9));
}

#[test]
fn what_a_worker_used_outlives_it() {
    let shared_data = MemoryBoard::default();
    for generation in 1..=5 {
        let mut workers = [(); 2].map(|()| UsageTotals::new(&shared_data));
        for worker in &mut workers {
            worker.add(&record("a", Some(1)), "m");
            worker.publish(NOW, &shared_data);
            worker.add(&record("a", Some(1)), "m");
        }
        workers
            .iter_mut()
            .for_each(|worker| worker.abandon(NOW, &shared_data));
        let newcomer = UsageTotals::new(&shared_data);
        assert_eq!(input(&told(&newcomer, &shared_data)), json!(generation * 4));
    }
    assert_eq!(register(&shared_data).0.slots, 2, "slots are used again");
}

#[test]
fn a_worker_that_used_nothing_takes_no_slot() {
    let shared_data = MemoryBoard::default();
    let mut usage_totals = UsageTotals::new(&shared_data);
    usage_totals.publish(NOW, &shared_data);
    usage_totals.abandon(NOW, &shared_data);
    assert_eq!(register(&shared_data).0.slots, 0);
}

#[test]
fn the_slot_of_a_worker_that_trapped_is_taken_over_with_what_it_holds() {
    let shared_data = MemoryBoard::default();
    let mut now = NOW;
    for generation in 1..=5 {
        // A worker whose slot is renewed no more, since it is never heard of again.
        let mut worker = UsageTotals::new(&shared_data);
        worker.add(&record("a", Some(1)), "m");
        worker.publish(now, &shared_data);
        assert_eq!(input(&told(&worker, &shared_data)), json!(generation));
        now = now + HELD_FOR;
    }
    assert_eq!(register(&shared_data).0.slots, 1, "the slot is used again");
}

#[test]
fn a_slot_is_kept_by_a_worker_that_has_nothing_to_tell() {
    let shared_data = MemoryBoard::default();
    let [mut silent, mut other] = [(); 2].map(|()| UsageTotals::new(&shared_data));
    silent.add(&record("a", Some(1)), "m");
    for second in 0..300 {
        let now = NOW + Duration::from_secs(second);
        silent.publish(now, &shared_data);
        if second == 200 {
            other.add(&record("a", Some(1)), "m");
        }
        other.publish(now, &shared_data);
    }
    assert_eq!(register(&shared_data).0.slots, 2);
    assert_eq!(input(&told(&silent, &shared_data)), json!(2));
}

#[test]
fn a_worker_that_was_taken_for_gone_counts_nothing_twice() {
    let shared_data = MemoryBoard::default();
    let [mut stalled, mut heir] = [(); 2].map(|()| UsageTotals::new(&shared_data));
    stalled.add(&record("a", Some(1)), "m");
    stalled.publish(NOW, &shared_data);
    stalled.add(&record("a", Some(10)), "m");
    let later = NOW + HELD_FOR;
    heir.add(&record("a", Some(100)), "m");
    heir.publish(later, &shared_data);
    assert_eq!(register(&shared_data).0.slots, 1);
    for second in 0..3 {
        let now = later + Duration::from_secs(second);
        stalled.publish(now, &shared_data);
        heir.publish(now, &shared_data);
    }
    assert_eq!(register(&shared_data).0.slots, 2);
    for worker in [&stalled, &heir] {
        assert_eq!(input(&told(worker, &shared_data)), json!(111));
    }
}
