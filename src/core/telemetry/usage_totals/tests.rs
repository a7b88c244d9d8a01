//! Workers that start and shut down, and the totals that they share.

use serde_json::{Value, json};

use super::*;
use crate::models::price::Cost;
use crate::testing::{MemorySharedData, NOW, config};
use crate::usage::response_usage::{IncompleteReason, TokenUsage};

fn entry(provider: &str, input: Option<u64>) -> AccessLogEntry {
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

/// A worker's usage report on the providers `a` and `b`.
fn report(usage_totals: &UsageTotals, shared_data: &MemorySharedData) -> Value {
    let provider = |name: &str| json!({"name": name, "type": "openai", "api_key": {"env": "K"}});
    let config = config(&json!({
        "authentication": {"disabled": true},
        "providers": [provider("a"), provider("b")],
    }));
    serde_json::to_value(usage_totals.usage_report(config.providers.values(), shared_data)).unwrap()
}

fn input(report: &Value) -> Value {
    report["providers"][0]["input_tokens"].clone()
}

#[test]
fn a_report_lists_providers_models_and_unknown_usage() {
    let shared_data = MemorySharedData::default();
    let mut usage_totals = UsageTotals::new(&shared_data);
    let priced = AccessLogEntry {
        cost: Some(Cost(1_500_000)),
        ..entry("a", Some(10))
    };
    usage_totals.add(&priced, "m");
    usage_totals.add(&entry("a", None), "m");
    usage_totals.add(&entry("a", Some(5)), "n");
    usage_totals.add(&entry("hidden", Some(5)), "n");
    usage_totals.publish(NOW, &shared_data);
    let none = json!(null);
    let line = |requests: u64, unknown: u64, input: Value| {
        json!({
            "requests": requests,
            "usage_unknown": unknown,
            "input_tokens": input,
            "output_tokens": none,
            "cost_incomplete": 0,
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
        report(&usage_totals, &shared_data),
        json!({
            "since": NOW.to_string(),
            "providers": [with(line(3, 1, json!(15)), a), with(line(0, 0, none.clone()), b)],
        })
    );
}

#[test]
fn every_worker_reports_the_sum_of_all() {
    let shared_data = MemorySharedData::default();
    let mut workers = [(); 3].map(|()| UsageTotals::new(&shared_data));
    for round in 1..=3 {
        for worker in &mut workers {
            worker.add(&entry("a", Some(1)), "m");
            worker.publish(NOW, &shared_data);
        }
        for worker in &workers {
            assert_eq!(input(&report(worker, &shared_data)), json!(round * 3));
        }
    }
    let [one, other, _] = &mut workers;
    one.add(&entry("a", Some(100)), "m");
    assert_eq!(input(&report(one, &shared_data)), json!(109));
    assert_eq!(input(&report(other, &shared_data)), json!(9));
}

#[test]
fn totals_outlive_their_worker() {
    let shared_data = MemorySharedData::default();
    for generation in 1..=5 {
        let mut workers = [(); 2].map(|()| UsageTotals::new(&shared_data));
        for worker in &mut workers {
            worker.add(&entry("a", Some(1)), "m");
            worker.publish(NOW, &shared_data);
            worker.add(&entry("a", Some(1)), "m");
        }
        workers
            .iter_mut()
            .for_each(|worker| worker.shutdown(NOW, &shared_data));
        let newcomer = UsageTotals::new(&shared_data);
        assert_eq!(
            input(&report(&newcomer, &shared_data)),
            json!(generation * 4)
        );
    }
    assert_eq!(register(&shared_data).0.slots, 2, "slots are reused");
}

#[test]
fn a_worker_without_usage_takes_no_slot() {
    let shared_data = MemorySharedData::default();
    let mut usage_totals = UsageTotals::new(&shared_data);
    usage_totals.publish(NOW, &shared_data);
    usage_totals.shutdown(NOW, &shared_data);
    assert_eq!(register(&shared_data).0.slots, 0);
}

#[test]
fn the_slot_of_a_trapped_worker_is_taken_over_with_its_totals() {
    let shared_data = MemorySharedData::default();
    let mut now = NOW;
    for generation in 1..=5 {
        // This worker never renews its slot.
        let mut worker = UsageTotals::new(&shared_data);
        worker.add(&entry("a", Some(1)), "m");
        worker.publish(now, &shared_data);
        assert_eq!(input(&report(&worker, &shared_data)), json!(generation));
        now = now + HELD_FOR;
    }
    assert_eq!(register(&shared_data).0.slots, 1, "the slot is reused");
}

#[test]
fn an_idle_worker_keeps_its_slot() {
    let shared_data = MemorySharedData::default();
    let [mut silent, mut other] = [(); 2].map(|()| UsageTotals::new(&shared_data));
    silent.add(&entry("a", Some(1)), "m");
    for second in 0..300 {
        let now = NOW + Duration::from_secs(second);
        silent.publish(now, &shared_data);
        if second == 200 {
            other.add(&entry("a", Some(1)), "m");
        }
        other.publish(now, &shared_data);
    }
    assert_eq!(register(&shared_data).0.slots, 2);
    assert_eq!(input(&report(&silent, &shared_data)), json!(2));
}

#[test]
fn a_worker_whose_slot_expired_counts_nothing_twice() {
    let shared_data = MemorySharedData::default();
    let [mut stalled, mut heir] = [(); 2].map(|()| UsageTotals::new(&shared_data));
    stalled.add(&entry("a", Some(1)), "m");
    stalled.publish(NOW, &shared_data);
    stalled.add(&entry("a", Some(10)), "m");
    let later = NOW + HELD_FOR;
    heir.add(&entry("a", Some(100)), "m");
    heir.publish(later, &shared_data);
    assert_eq!(register(&shared_data).0.slots, 1);
    for second in 0..3 {
        let now = later + Duration::from_secs(second);
        stalled.publish(now, &shared_data);
        heir.publish(now, &shared_data);
    }
    assert_eq!(register(&shared_data).0.slots, 2);
    for worker in [&stalled, &heir] {
        assert_eq!(input(&report(worker, &shared_data)), json!(111));
    }
}

#[test]
fn the_gateways_own_counters_are_shared_and_are_no_usage() {
    let shared_data = MemorySharedData::default();
    let [mut one, mut other] = [(); 2].map(|()| UsageTotals::new(&shared_data));
    one.count_refusal("token_missing");
    one.count_refusal("token_missing");
    one.count_held_bodies();
    one.shutdown(NOW, &shared_data);
    other.count_refusal("token_missing");
    other.count_refusal("body_withheld");
    let counts = other.gateway_counts(&shared_data);
    let refusals = [("body_withheld", 1), ("token_missing", 3)];
    assert!(
        counts
            .refusals
            .iter()
            .map(|(code, count)| (code.as_str(), *count))
            .eq(refusals)
    );
    assert_eq!(counts.workers_with_held_bodies, 1);
    assert_eq!(report(&other, &shared_data)["providers"][0]["requests"], 0);
}
