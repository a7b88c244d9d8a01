//! The gateway's own metrics, reported at a tick.

use super::*;

/// The report at the next tick, sorted by name.
fn report(gateway: &mut TestGateway) -> Vec<(String, u64)> {
    gateway.advance(1);
    let mut counts: Vec<_> = gateway
        .report()
        .into_iter()
        .map(|measurement| (gateway.metric_name(measurement.metric), measurement.value))
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
fn tokens_and_fetches_are_counted_by_outcome() {
    let mut gateway = TestGateway::cold(&document());
    let fetches = "issuer=.=https://issuer.test;.;outcome=.=";
    gateway.fetch_keys(CalloutResponse::NoResponse);
    let failed = format!("{fetches}failed;.;ai_gateway_jwks_fetches");
    assert_eq!(report(&mut gateway), counts(&[(&failed, 1)]));

    gateway.publish_keys(&["k"]);
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
    gateway.advance(7);
    assert_eq!(report(&mut gateway), counts(&[(AGE, 9), (STALE, 0)]));
    gateway.advance(600);
    assert_eq!(report(&mut gateway), counts(&[(AGE, 610), (STALE, 1)]));
}

#[test]
fn counters_are_reported_at_most_once_a_second() {
    let mut gateway = TestGateway::warm();
    gateway.post("/my-openai/models", &[]);
    assert_eq!(report(&mut gateway).len(), 4);
    gateway.post("/my-openai/models", &[]);
    assert_eq!(gateway.report(), []);
    assert_eq!(report(&mut gateway).len(), 3);
}

#[test]
fn counters_are_reported_although_the_clock_was_set_back() {
    let mut gateway = TestGateway::warm();
    report(&mut gateway);
    gateway.now = UnixTime::from_secs(1_000_000);
    gateway.post("/my-openai/models", &[]);
    assert_eq!(report(&mut gateway).len(), 3);
}

#[test]
fn a_worker_that_shuts_down_reports_the_rest() {
    let mut gateway = TestGateway::warm();
    report(&mut gateway);
    gateway.post("/my-openai/models", &[("authorization", "Bearer x")]);
    let rest = gateway.shutdown();
    assert!(rest.iter().any(|rest| rest.value == 1), "{rest:?}");
}

/// A gateway with a provider whose credentials are fetched.
fn with_fetched_credentials() -> TestGateway {
    let mut document = document();
    document["providers"] = json!([{
        "name": "b",
        "type": "bedrock",
        "region": "us-east-1",
        "credentials": {"container": {"uri": "http://127.0.0.1:1/c"}},
    }]);
    document["authorization"] = json!({});
    TestGateway::cold(&document)
}

#[test]
fn the_time_to_the_credentials_expiry_is_reported() {
    let mut gateway = with_fetched_credentials();
    let fetches = gateway.start_fetches();
    let lasts = |report: Vec<(String, u64)>| {
        let name = "provider=.=b;.;ai_gateway_credential_expires_in_seconds";
        report
            .into_iter()
            .find_map(|(found, value)| (found == name).then_some(value))
    };
    assert_eq!(lasts(report(&mut gateway)), None);
    let body = br#"{"AccessKeyId":"i","SecretAccessKey":"s","Expiration":"2027-01-15T09:00:00Z"}"#;
    gateway.finish_fetch(&fetches[1], response(200, body));
    assert_eq!(lasts(report(&mut gateway)), Some(3598));
    gateway.advance(5000);
    assert_eq!(lasts(report(&mut gateway)), Some(0));
}

#[test]
fn a_caller_that_waits_for_credentials_is_counted_once() {
    let mut gateway = with_fetched_credentials();
    let fetches = gateway.start_fetches();
    let keys = key_set(&[SigningKey::new("k").jwk()]);
    gateway.finish_fetch(&Resource::Keys(0), response(200, keys.as_bytes()));
    let outcome = gateway.post(
        "/b/model/m/converse",
        &[("authorization", &bearer(&good()))],
    );
    let [_, credentials] = fetches.as_slice() else {
        panic!("{fetches:?}");
    };
    assert_eq!(outcome.effects, [Effect::Await(credentials.clone())]);
    gateway.finish_fetch(credentials, CalloutResponse::NoResponse);
    let outcome = gateway.handle(outcome.transaction, Input::FetchEnded);
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
