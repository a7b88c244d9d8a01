//! Names and labels, and that clients cannot make up too many.

use super::counters::Counters;
use super::metric::{Kind, Lookup, Outcome, TokenVerdict};
use super::*;
use crate::testing::MemoryBoard;
use crate::usage::response_usage::{CacheTokenConvention, TokenConvention};

fn record() -> AccessLogEntry {
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
    Labels::new([].into_iter(), 9, &MemoryBoard::default())
}

fn measurements(record: &AccessLogEntry, labels: &mut Labels) -> Vec<Measurement> {
    let model = record.model_label(labels, &MemoryBoard::default());
    let mut measured = Vec::new();
    record.measure(model, labels, &mut |it| measured.push(it));
    measured
}

fn measured(record: &AccessLogEntry) -> Vec<(String, Kind, u64)> {
    let mut labels = labels();
    let set = "provider=.=my-claude;.;system=.=a;.;operation=.=chat;.;model=.=model-1;.;";
    let measurements = measurements(record, &mut labels);
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
fn a_request_is_measured_by_its_labels_and_what_it_reported() {
    assert_eq!(
        measured(&record()),
        [
            ("status=.=200;.;ai_gateway_requests", Kind::Counter, 1),
            ("gen_ai_server_request_duration", Kind::Histogram, 1500),
            (
                "token_type=.=input;.;gen_ai_client_token_usage",
                Kind::Histogram,
                100
            ),
            ("token_type=.=input;.;ai_gateway_tokens", Kind::Counter, 100),
            (
                "token_type=.=output;.;gen_ai_client_token_usage",
                Kind::Histogram,
                5
            ),
            ("token_type=.=output;.;ai_gateway_tokens", Kind::Counter, 5),
            (
                "token_type=.=cached_read;.;gen_ai_client_token_usage",
                Kind::Histogram,
                90
            ),
            (
                "token_type=.=cached_read;.;ai_gateway_tokens",
                Kind::Counter,
                90
            ),
            ("gen_ai_server_time_to_first_token", Kind::Histogram, 250),
        ]
        .map(|(name, kind, value)| (name.to_owned(), kind, value))
    );
}

#[test]
fn what_is_unknown_is_counted_and_never_zero() {
    let record = AccessLogEntry {
        tokens: TokenUsage::default(),
        time_to_first_token: None,
        incomplete: Some(IncompleteReason::ClientDisconnect),
        ..record()
    };
    let names: Vec<String> = measured(&record)
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
    let fields = record.fields(LogFields::ALL);
    let fields: Vec<&str> = fields.into_iter().map(|(name, _)| name).collect();
    assert!(fields.contains(&"ai_gateway.usage.incomplete"));
    assert!(!fields.contains(&"gen_ai.usage.input_tokens"));
}

#[test]
fn the_gateways_own_metrics_have_names_too() {
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
            Metric::TokenCacheLookups(Lookup::Hit),
            "outcome=.=hit;.;ai_gateway_token_cache_lookups".to_owned(),
        ),
        (
            Metric::KeyFetches(issuer, Outcome::Failed),
            format!("{labelled}outcome=.=failed;.;ai_gateway_jwks_fetches"),
        ),
        (
            Metric::KeyAge(issuer),
            format!("{labelled}ai_gateway_jwks_age_seconds"),
        ),
        (
            Metric::CredentialFetches(provider, Outcome::Succeeded),
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
fn what_is_tallied_is_told_once() {
    let counters = Counters::default();
    let metric = Metric::TokenCacheLookups(Lookup::Hit);
    counters.count(metric);
    counters.add(metric, 2);
    counters.add(Metric::TokenCacheLookups(Lookup::Miss), 0);
    let told: Vec<_> = counters.take().collect();
    assert_eq!(told, [Measurement { metric, value: 3 }]);
    assert_eq!(counters.take().count(), 0);
}

#[test]
fn costs_too_small_for_the_counter_add_up() {
    let mut labels = labels();
    let record = AccessLogEntry {
        cost: Some(Cost(400)),
        ..record()
    };
    let counted = [(); 5].map(|()| {
        let measured = measurements(&record, &mut labels);
        let mut cost = measured
            .iter()
            .filter(|it| it.metric.name(&labels).ends_with(";gen_ai_cost"));
        cost.next().unwrap().value
    });
    assert_eq!(counted, [0, 0, 1, 0, 1]);
    assert!(
        record
            .fields(LogFields::ALL)
            .contains(&("gen_ai.cost", "0.0000004".into()))
    );
}

#[test]
fn fields_that_nobody_wants_are_not_given() {
    let wanted = LogFields::from_iter([LogField::InputTokens, LogField::Cost, LogField::Subject]);
    let fields = record().fields(wanted);
    assert_eq!(fields, [("gen_ai.usage.input_tokens", "100".to_owned())]);
    assert!(record().fields(LogFields::from_iter([])).is_empty());
    for field in LogField::ALL {
        assert!(LogFields::ALL.contains(field));
        assert_eq!(LogField::named(field.name()), Some(field));
    }
}
