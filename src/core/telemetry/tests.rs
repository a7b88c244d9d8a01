//! Metrics and log fields of a request, and the names of the gateway's own metrics.

use super::counters::Counters;
use super::metric::{CacheLookup, FetchOutcome, MetricKind, TokenVerdict};
use super::*;
use crate::models::price::CostGap;
use crate::testing::MemorySharedData;
use crate::usage::response_usage::{CacheTokenConvention, TokenConvention};

fn entry() -> AccessLogEntry {
    AccessLogEntry {
        provider: "my-claude".into(),
        system: "a",
        operation: "chat",
        response_model: Some("model-1".into()),
        status: 200,
        tokens: TokenUsage {
            input: Some(10),
            output: Some(5),
            cached_read: Some(90),
            convention: TokenConvention {
                cache: CacheTokenConvention::BesideInput,
                ..TokenConvention::default()
            },
            ..TokenUsage::default()
        },
        duration: Duration::from_millis(1500),
        time_to_first_token: Some(Duration::from_millis(250)),
        ..AccessLogEntry::default()
    }
}

fn labels() -> Labels {
    Labels::new(
        [].into_iter(),
        ModelBudget {
            max_models: 9,
            providers: 1,
        },
        &MemorySharedData::default(),
    )
}

fn measurements(entry: &AccessLogEntry, labels: &mut Labels) -> Vec<Measurement> {
    let model = entry.model_label(labels, &MemorySharedData::default());
    let mut measured = Vec::new();
    entry.measure(model, labels, &mut |it| measured.push(it));
    measured
}

fn measured(entry: &AccessLogEntry) -> Vec<(String, MetricKind, u64)> {
    let mut labels = labels();
    let set = "provider=.=my-claude;.;system=.=a;.;operation=.=chat;.;model=.=model-1;.;";
    let measurements = measurements(entry, &mut labels);
    measurements
        .into_iter()
        .map(|Measurement { metric, value }| {
            let name = metric.name(&labels);
            let name = name.strip_prefix(set).unwrap().to_owned();
            (name, metric.kind(), value)
        })
        .collect()
}

#[test]
fn a_request_is_measured_with_its_labels() {
    assert_eq!(
        measured(&entry()),
        [
            ("status=.=200;.;ai_gateway_requests", MetricKind::Counter, 1),
            (
                "gen_ai_server_request_duration",
                MetricKind::Histogram,
                1500
            ),
            (
                "token_type=.=input;.;gen_ai_client_token_usage",
                MetricKind::Histogram,
                100
            ),
            (
                "token_type=.=input;.;ai_gateway_tokens",
                MetricKind::Counter,
                100
            ),
            (
                "token_type=.=output;.;gen_ai_client_token_usage",
                MetricKind::Histogram,
                5
            ),
            (
                "token_type=.=output;.;ai_gateway_tokens",
                MetricKind::Counter,
                5
            ),
            (
                "token_type=.=cached_read;.;gen_ai_client_token_usage",
                MetricKind::Histogram,
                90
            ),
            (
                "token_type=.=cached_read;.;ai_gateway_tokens",
                MetricKind::Counter,
                90
            ),
            (
                "gen_ai_server_time_to_first_token",
                MetricKind::Histogram,
                250
            ),
        ]
        .map(|(name, kind, value)| (name.to_owned(), kind, value))
    );
}

#[test]
fn unknown_usage_is_counted_and_never_reported_as_zero() {
    let entry = AccessLogEntry {
        tokens: TokenUsage::default(),
        time_to_first_token: None,
        incomplete: Some(IncompleteReason::ClientDisconnect),
        ..entry()
    };
    let names: Vec<String> = measured(&entry)
        .into_iter()
        .map(|(name, ..)| name)
        .collect();
    assert_eq!(
        names,
        [
            "status=.=200;.;ai_gateway_requests",
            "gen_ai_server_request_duration",
            "reason=.=client_disconnect;.;ai_gateway_usage_unknown",
        ]
    );
    let fields = entry.fields(LogFields::ALL);
    let fields: Vec<&str> = fields.into_iter().map(|(name, _)| name).collect();
    assert!(fields.contains(&"ai_gateway.usage.incomplete"));
    assert!(!fields.contains(&"gen_ai.usage.input_tokens"));
}

#[test]
fn the_gateways_own_metrics_have_names() {
    let mut labels = labels();
    let issuer = labels.one("issuer", "https://issuer.test/a?b=c");
    let provider = labels.one("provider", "my-p");
    let labelled = "issuer=.=https://issuer.test/a_b_c;.;";
    for (metric, name) in [
        (
            Metric::Refusals("token_expired"),
            "code=.=token_expired;.;ai_gateway_refusals".to_owned(),
        ),
        (
            Metric::Authentications(TokenVerdict::Accepted),
            "outcome=.=accepted;.;ai_gateway_authentications".to_owned(),
        ),
        (
            Metric::TokenCacheLookups(CacheLookup::Hit),
            "outcome=.=hit;.;ai_gateway_token_cache_lookups".to_owned(),
        ),
        (
            Metric::KeyFetches(issuer, FetchOutcome::Failed),
            format!("{labelled}outcome=.=failed;.;ai_gateway_jwks_fetches"),
        ),
        (
            Metric::KeyAge(issuer),
            format!("{labelled}ai_gateway_jwks_age_seconds"),
        ),
        (
            Metric::CredentialFetches(provider, FetchOutcome::Succeeded),
            "provider=.=my-p;.;outcome=.=succeeded;.;ai_gateway_credential_fetches".to_owned(),
        ),
        (
            Metric::CredentialExpiry(provider),
            "provider=.=my-p;.;ai_gateway_credential_expires_in_seconds".to_owned(),
        ),
    ] {
        assert_eq!(metric.name(&labels), name);
    }
}

#[test]
fn counters_are_taken_once() {
    let mut counters = Counters::default();
    let metric = Metric::TokenCacheLookups(CacheLookup::Hit);
    counters.count(metric);
    counters.add(metric, 2);
    counters.add(Metric::TokenCacheLookups(CacheLookup::Miss), 0);
    let taken: Vec<_> = counters.take().collect();
    assert_eq!(taken, [Measurement { metric, value: 3 }]);
    assert_eq!(counters.take().count(), 0);
}

#[test]
fn costs_too_small_for_the_counter_add_up() {
    let mut labels = labels();
    let entry = AccessLogEntry {
        cost: Some(Cost(400)),
        ..entry()
    };
    let counted = [(); 5].map(|()| {
        let measured = measurements(&entry, &mut labels);
        let mut cost = measured
            .iter()
            .filter(|it| it.metric.name(&labels).ends_with(";gen_ai_cost"));
        cost.next().unwrap().value
    });
    assert_eq!(counted, [0, 0, 1, 0, 1]);
    assert!(
        entry
            .fields(LogFields::ALL)
            .contains(&("gen_ai.cost", "0.0000004".into()))
    );
}

#[test]
fn only_the_wanted_fields_are_logged() {
    let wanted = LogFields::from_iter([LogField::InputTokens, LogField::Cost, LogField::Subject]);
    let fields = entry().fields(wanted);
    assert_eq!(fields, [("gen_ai.usage.input_tokens", "100".to_owned())]);
    assert!(entry().fields(LogFields::from_iter([])).is_empty());
    for field in LogField::ALL {
        assert!(LogFields::ALL.contains(field));
        assert_eq!(LogField::named(field.name()), Some(field));
    }
}

#[test]
fn a_model_gets_a_label_only_after_a_successful_response() {
    let mut labels = labels();
    let shared_data = &MemorySharedData::default();
    for (status, expected) in [
        (404, "other"),
        (0, "other"),
        (200, "model-1"),
        (404, "model-1"),
    ] {
        let label = AccessLogEntry { status, ..entry() }.model_label(&mut labels, shared_data);
        assert_eq!(labels.model_value(label), expected, "{status}");
    }
}

#[test]
fn what_no_price_covers_is_counted_and_logged() {
    let mut cost_gaps = CostGaps::default();
    cost_gaps.add(CostGap::ServiceTier);
    cost_gaps.add(CostGap::Search);
    let entry = AccessLogEntry {
        cost_gaps,
        ..entry()
    };
    let measured = measured(&entry);
    for reason in ["service_tier", "search"] {
        let name = format!("reason=.={reason};.;ai_gateway_cost_incomplete");
        assert!(measured.contains(&(name, MetricKind::Counter, 1)));
    }
    let logged = (
        "ai_gateway.cost.incomplete",
        "service_tier,search".to_owned(),
    );
    assert!(entry.fields(LogFields::ALL).contains(&logged));
}

#[test]
fn another_model_is_measured_under_its_own_label() {
    let other = OtherModelUsage {
        model: "advisor".into(),
        tokens: TokenUsage {
            input: Some(7),
            ..TokenUsage::default()
        },
        cost: Some(Cost(3000)),
    };
    let entry = AccessLogEntry {
        cost: Some(Cost(1000)),
        other_models: vec![other.clone()],
        ..entry()
    };
    let mut labels = labels();
    let model = labels.model(Some("advisor"), "my-claude", &MemorySharedData::default());
    let mut measured = Vec::new();
    entry.measure_other(&other, model, &mut labels, &mut |it| measured.push(it));
    let names = measured
        .iter()
        .map(|it| (it.metric.name(&labels), it.value));
    let set = "provider=.=my-claude;.;system=.=a;.;operation=.=chat;.;model=.=advisor;.;";
    assert_eq!(
        names.collect::<Vec<_>>(),
        [
            (format!("{set}token_type=.=input;.;ai_gateway_tokens"), 7),
            (format!("{set}gen_ai_cost"), 3),
        ]
    );
    let fields = entry.fields(LogFields::ALL);
    assert!(fields.contains(&("gen_ai.cost", "0.000004".to_owned())));
}
