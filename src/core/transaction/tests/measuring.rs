//! What the gateway counts of itself, told at a tick.

use super::*;

/// What has been counted until now, names with their labels, in order.
fn report(gateway: &mut Gateway) -> Vec<(String, u64)> {
    gateway.pass(1);
    let report = gateway.shared.report(gateway.now, &gateway.shared_data);
    let labels = gateway.shared.labels.borrow();
    let mut counts: Vec<_> = report
        .into_iter()
        .map(|measurement| (measurement.metric.name(&labels), measurement.value))
        .collect();
    counts.sort();
    counts
}

fn counts(expected: &[(&str, u64)]) -> Vec<(String, u64)> {
    let expected = expected.iter();
    expected
        .map(|(name, value)| ((*name).to_owned(), *value))
        .collect()
}

const AGE: &str = "issuer=.=https://issuer.test;.;ai_gateway_jwks_age_seconds";
const STALE: &str = "issuer=.=https://issuer.test;.;ai_gateway_jwks_stale";

#[test]
fn tokens_and_fetches_are_counted_by_what_became_of_them() {
    let mut gateway = Gateway::cold(&document());
    let fetches = "issuer=.=https://issuer.test;.;outcome=.=";
    gateway.fetch(CalloutResponse::NoResponse);
    let failed = format!("{fetches}failed;.;ai_gateway_jwks_fetches");
    assert_eq!(report(&mut gateway), counts(&[(&failed, 1)]));

    gateway.keys_arrive(&["k"]);
    let (good, none) = (bearer(&good()), bearer(&powerless()));
    for (token, times) in [(&good, 3), (&none, 1), (&"Bearer x".to_owned(), 2)] {
        for _ in 0..times {
            gateway.post("/my-openai/models", &[("authorization", token)]);
        }
    }
    gateway.get("", &[("authorization", &good)]);
    let succeeded = format!("{fetches}succeeded;.;ai_gateway_jwks_fetches");
    assert_eq!(
        report(&mut gateway),
        counts(&[
            (AGE, 1),
            (STALE, 0),
            (&succeeded, 1),
            ("outcome=.=accepted;.;ai_gateway_authentications", 5),
            ("outcome=.=hit;.;ai_gateway_token_cache_lookups", 3),
            ("outcome=.=miss;.;ai_gateway_token_cache_lookups", 2),
            ("outcome=.=refused;.;ai_gateway_authentications", 2),
        ])
    );
    gateway.pass(7);
    assert_eq!(report(&mut gateway), counts(&[(AGE, 9), (STALE, 0)]));
    gateway.pass(600);
    assert_eq!(report(&mut gateway), counts(&[(AGE, 610), (STALE, 1)]));
}

#[test]
fn counts_are_told_once_a_second_at_most() {
    let mut gateway = Gateway::warm();
    gateway.post("/my-openai/models", &[]);
    assert_eq!(report(&mut gateway).len(), 4);
    gateway.post("/my-openai/models", &[]);
    assert_eq!(gateway.shared.report(gateway.now, &gateway.shared_data), []);
    assert_eq!(report(&mut gateway).len(), 3);
}

#[test]
fn counts_are_told_by_a_clock_that_was_set_back_too() {
    let mut gateway = Gateway::warm();
    report(&mut gateway);
    gateway.now = UnixTime::from_secs(1_000_000);
    gateway.post("/my-openai/models", &[]);
    assert_eq!(report(&mut gateway).len(), 3);
}

#[test]
fn a_worker_that_ends_tells_the_rest() {
    let mut gateway = Gateway::warm();
    report(&mut gateway);
    gateway.post("/my-openai/models", &[("authorization", "Bearer x")]);
    let rest = gateway.shared.abandon(gateway.now, &gateway.shared_data);
    assert!(rest.iter().any(|rest| rest.value == 1), "{rest:?}");
}

/// A gateway in front of a provider whose credentials are fetched.
fn with_fetched_credentials() -> Gateway {
    let mut document = document();
    document["providers"] = json!([{
        "name": "b",
        "type": "bedrock",
        "region": "us-east-1",
        "credentials": {"container": {"uri": "http://127.0.0.1:1/c"}},
    }]);
    document["authorization"] = json!({});
    Gateway::cold(&document)
}

#[test]
fn credentials_that_end_are_counted_down() {
    let mut gateway = with_fetched_credentials();
    let begun = gateway.begun();
    let lasts = |report: Vec<(String, u64)>| {
        let name = "provider=.=b;.;ai_gateway_credential_expires_in_seconds";
        report
            .into_iter()
            .find_map(|(found, value)| (found == name).then_some(value))
    };
    assert_eq!(lasts(report(&mut gateway)), None);
    let body = br#"{"AccessKeyId":"i","SecretAccessKey":"s","Expiration":"2027-01-15T09:00:00Z"}"#;
    gateway.answer(&begun[1], response(200, body));
    assert_eq!(lasts(report(&mut gateway)), Some(3598));
    gateway.pass(5000);
    assert_eq!(lasts(report(&mut gateway)), Some(0));
}

#[test]
fn a_caller_that_waits_for_credentials_is_counted_once() {
    let mut gateway = with_fetched_credentials();
    let begun = gateway.begun();
    let keys = key_set(&[SigningKey::new("k").jwk()]);
    gateway.answer(&Resource::Keys(0), response(200, keys.as_bytes()));
    let outcome = gateway.post(
        "/b/model/m/converse",
        &[("authorization", &bearer(&good()))],
    );
    let [_, credentials] = begun.as_slice() else {
        panic!("{begun:?}");
    };
    assert_eq!(outcome.effects, [Effect::Await(credentials.clone())]);
    gateway.answer(credentials, CalloutResponse::NoResponse);
    let outcome = gateway.handle(outcome.transaction, Input::Settled);
    assert_eq!(
        outcome.rejection(),
        rejection(503, "credentials_unavailable")
    );
    let counted = report(&mut gateway);
    for (name, value) in counts(&[
        ("outcome=.=accepted;.;ai_gateway_authentications", 1),
        (
            "provider=.=b;.;outcome=.=failed;.;ai_gateway_credential_fetches",
            1,
        ),
    ]) {
        assert!(counted.contains(&(name, value)), "{counted:?}");
    }
}
