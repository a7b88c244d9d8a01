//! Names and labels, and that clients cannot make up too many.

use super::*;
use crate::usage::report::{CacheTokenConvention, TokenConvention};

fn record() -> Record {
    Record {
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
        ..Record::default()
    }
}

fn measured(record: &Record) -> Vec<(String, Value)> {
    let labels = "provider=.=my-claude;.;system=.=a;.;operation=.=chat;.;model=.=model-1;.;";
    let measurements = record.measurements(&mut ModelLabels::default());
    measurements
        .into_iter()
        .map(|measurement| {
            let name = measurement.name.strip_prefix(labels).unwrap().to_owned();
            (name, measurement.value)
        })
        .collect()
}

#[test]
fn a_request_is_measured_by_its_labels_and_what_it_reported() {
    assert_eq!(
        measured(&record()),
        [
            ("status=.=200;.;ai_gateway_requests", Value::Count(1)),
            ("gen_ai_server_request_duration", Value::Sample(1500)),
            (
                "token_type=.=input;.;gen_ai_client_token_usage",
                Value::Sample(100)
            ),
            (
                "token_type=.=output;.;gen_ai_client_token_usage",
                Value::Sample(5)
            ),
            (
                "token_type=.=cached_read;.;gen_ai_client_token_usage",
                Value::Sample(90)
            ),
            ("gen_ai_server_time_to_first_token", Value::Sample(250)),
        ]
        .map(|(name, value)| (name.to_owned(), value))
    );
}

#[test]
fn what_is_unknown_is_counted_and_never_zero() {
    let record = Record {
        tokens: TokenUsage::default(),
        time_to_first_token: None,
        incomplete: Some(IncompleteReason::ClientDisconnect),
        ..record()
    };
    let names: Vec<String> = measured(&record)
        .into_iter()
        .map(|(name, _)| name)
        .collect();
    assert_eq!(
        names,
        [
            "status=.=200;.;ai_gateway_requests",
            "gen_ai_server_request_duration",
            "reason=.=client_disconnect;.;ai_gateway_usage_unknown",
        ]
    );
    let fields: Vec<&str> = record.fields().into_iter().map(|(name, _)| name).collect();
    assert!(fields.contains(&"ai_gateway.usage.incomplete"));
    assert!(!fields.contains(&"gen_ai.usage.input_tokens"));
}

#[test]
fn clients_cannot_make_up_labels_without_end() {
    let mut models = ModelLabels::default();
    for number in 0..MAX_MODELS {
        assert_eq!(models.label(&format!("m{number}")), format!("m{number}"));
    }
    assert_eq!(models.label("one-more"), OTHER);
    assert_eq!(models.label("m0"), "m0");
}

#[test]
fn labels_hold_no_separator() {
    let mut models = ModelLabels::default();
    assert_eq!(models.label("a;.;b=.=c\n\u{e9}"), "a_._b_._c__");
    assert_eq!(models.label(&"x".repeat(1000)).len(), 128);
}

#[test]
fn operations_are_told_by_the_paths_end() {
    for (path, name) in [
        ("v1/chat/completions", "chat"),
        ("completions", "text_completion"),
        ("v1/messages", "chat"),
        ("v1beta/models/m:streamGenerateContent", "generate_content"),
        ("v1beta/models/m:batchEmbedContents", "embeddings"),
        ("model/m/converse-stream", "chat"),
        ("v1/models", OTHER),
    ] {
        assert_eq!(operation(path.as_bytes()), name, "{path}");
    }
}
