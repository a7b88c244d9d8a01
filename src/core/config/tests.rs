//! Valid documents and the configurations that they become.

mod arbitrary_input;
mod authentication_problems;
mod default_values;
mod link_local;
mod mcp;
mod observability_problems;
mod problems;
mod provider_problems;
mod secrets;

use std::rc::Rc;
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::authn::jwk::Algorithm;
use crate::authn::jwks::{JwksSource, RemoteKeys, Start};
use crate::authn::signature::VerifierChoice;
use crate::authz::{Action, Binding, Bindings, ClaimMatch};
use crate::base::secret::Secret;
use crate::http::url::{BaseUrl, Endpoint};
use crate::models::catalog::{Catalog, UnlistedStatus};
use crate::models::pattern::ModelPattern;
use crate::models::price::{Price, PriceList, Prices};
use crate::provider::credential::{Credential, GatewayToken};
use crate::provider_kind::KeyPlacement;
use crate::provider_kind::path_pattern::PathPattern;
use crate::telemetry::{LogField, LogFields};
use crate::testing::{ISSUER, SigningKey, config, env};

fn parse(document: &Value) -> Result<Config, ConfigError> {
    Config::parse(document.to_string().as_bytes(), &env)
}

/// The shortest valid document.
fn minimal() -> Value {
    json!({
        "authentication": {"issuers": [{"issuer": ISSUER, "audiences": ["ai-gateway"]}]},
        "providers": [],
    })
}

/// A document with every field.
fn full() -> Value {
    json!({
        "path_prefix": "/ai",
        "usage_path": "/totals/of/ai",
        "clusters": {"https": "tls", "http": "plain"},
        "response_headers_to_remove": ["Set-Cookie", "x-request-cost"],
        "max_signed_body_bytes": 1000,
        "max_model_lookup_bytes": 2000,
        "unlisted_model_status": 403,
        "observability": {
            "conversation_headers": ["X-Thread"],
            "log_claims": ["email", "/org/id"],
            "log_fields": ["enduser.id"],
            "max_models": 7,
        },
        "authentication": {
            "token_headers": ["X-Token"],
            "token_cache_size": 7,
            "signature_verifier": "wasm",
            "issuers": [
                {
                    "issuer": "https://a.test/",
                    "audiences": ["x", "y"],
                    "algorithms": ["RS256", "EdDSA"],
                    "clock_skew": "5s",
                    "fetch_timeout": "500ms",
                    "refresh_interval": "1m",
                    "min_refresh_interval": "30s",
                    "max_refresh_interval": "2h",
                    "max_stale": "1h",
                    "refetch_interval": "10s",
                    "cluster": "idp",
                },
                {
                    "issuer": "any text",
                    "audiences": ["x"],
                    "jwks_uri": "http://b.test:8080/keys?x=1",
                },
                {
                    "issuer": "inline",
                    "audiences": ["x"],
                    "jwks": {"keys": [SigningKey::new("k").jwk()]},
                },
            ],
        },
        "authorization": {
            "claims": ["scp", "/realm_access/roles"],
            "invoke": ["llm.invoke"],
            "get": ["llm.get"],
            "bindings": [
                {
                    "subject": "svc",
                    "permissions": ["invoke", "get"],
                    "providers": ["one"],
                    "models": ["m1", "x-*"],
                    "prices": {"m1": {"input": 5, "output": 6}},
                },
                {"issuer": "any text", "claim": "groups", "value": "ml", "permissions": ["get"]},
            ],
        },
        "providers": [
            {
                "name": "one",
                "type": "openai_compatible",
                "display_name": "One",
                "enabled": false,
                "base_url": "http://127.0.0.1:8000/v1/",
                "cluster": "local",
                "api_key": {"env": "ONE_KEY"},
                "api_key_header": "X-Key",
                "models": ["m1", "m2"],
                "paths_without_model": ["/batches"],
                "prices": {
                    "m1": {"input": 1, "output": 2.5, "cached_input": 0.1,
                           "cache_write_5m": 1.25, "cache_write_1h": 2},
                    "m*": {"input": 3, "output": 4},
                },
                "headers": {"X-Team": "a b"},
                "allow": [{"subject": "svc", "issuer": "inline"}, {"claim": "team", "value": "x"}],
            },
            {
                "name": "two",
                "type": "anthropic",
                "authorization_passthrough": true,
                "require_gateway_token": true,
            },
        ],
    })
}

fn prices(model: &str, units: [f64; 5]) -> (ModelPattern, Prices) {
    let [input, output, cached_input, cache_write_5m, cache_write_1h] =
        units.map(|units| Price::per_million(units).unwrap());
    let prices = Prices {
        input,
        output,
        cached_input,
        cache_write_5m,
        cache_write_1h,
    };
    (ModelPattern::parse(model).unwrap(), prices)
}

fn catalog(models: &[&str]) -> Option<Rc<Catalog>> {
    let patterns = models
        .iter()
        .map(|model| ModelPattern::parse(model).unwrap());
    Catalog::new(patterns.collect()).map(Rc::new)
}

fn claim(claim: &str, value: &str) -> ClaimMatch {
    ClaimMatch {
        claim: claim.into(),
        value: value.into(),
        issuer: None,
    }
}

#[test]
fn every_field_of_a_document_is_read() {
    let config = config(&full());
    assert_eq!(config.path_prefix, "/ai");
    assert_eq!(config.usage_path, "/totals/of/ai");
    assert_eq!(config.token_headers, ["x-token"]);
    assert_eq!(
        config.response_headers_to_remove,
        ["set-cookie", "x-request-cost"]
    );
    assert_eq!(config.authentication.cache_size(), 7);
    assert_eq!(config.authentication.verifier(), VerifierChoice::Wasm);
    assert_eq!(config.max_signed_body_bytes, 1000);
    assert_eq!(config.max_model_lookup_bytes, 2000);
    assert_eq!(config.unlisted_model_status, UnlistedStatus::Forbidden);
    assert_eq!(
        config.observability,
        Observability {
            conversation_headers: vec!["x-thread".into()],
            log_claims: vec!["email".into(), "/org/id".into()],
            log_fields: [LogField::Subject].into_iter().collect(),
            max_models: 7,
        }
    );
    assert_eq!(
        config.policy,
        Policy {
            claims: vec!["scp".into(), "/realm_access/roles".into()],
            invoke: vec!["llm.invoke".into()],
            get: vec!["llm.get".into()],
            bindings: [
                Binding {
                    to: claim("sub", "svc"),
                    actions: vec![Action::Invoke, Action::Get],
                    providers: Some(vec!["one".into()]),
                    models: catalog(&["m1", "x-*"]),
                    prices: Some(Rc::new(PriceList::new(vec![prices(
                        "m1",
                        [5.0, 6.0, 5.0, 5.0, 5.0]
                    )]))),
                    mcp: None,
                },
                Binding {
                    to: ClaimMatch {
                        issuer: Some(1),
                        ..claim("groups", "ml")
                    },
                    actions: vec![Action::Get],
                    providers: None,
                    models: None,
                    prices: None,
                    mcp: None,
                },
            ]
            .into_iter()
            .collect(),
            mcp: config.policy.mcp.clone(),
        }
    );
    let [one, two] = ["one", "two"].map(|name| config.provider(name.as_bytes()).unwrap());
    assert_eq!(
        one,
        &Provider {
            name: "one".into(),
            display_name: Some("One".into()),
            kind: ProviderKind::OpenAiCompatible,
            enabled: false,
            base_url: BaseUrl::parse("http://127.0.0.1:8000/v1").unwrap(),
            cluster: "local".into(),
            credential: Credential::ApiKey {
                key: Secret::new("secret-of-ONE_KEY".into()),
                placement: Some(KeyPlacement::Header("x-key".into())),
            },
            catalog: catalog(&["m1", "m2"]),
            paths_without_version: false,
            paths_without_model: vec![PathPattern::parse("batches").unwrap()],
            prices: Rc::new(PriceList::new(vec![
                prices("m*", [3.0, 4.0, 3.0, 3.0, 3.0]),
                prices("m1", [1.0, 2.5, 0.1, 1.25, 2.0]),
            ])),
            headers: vec![("x-team".into(), "a b".into())],
            allow: Some(vec![
                ClaimMatch {
                    issuer: Some(2),
                    ..claim("sub", "svc")
                },
                claim("team", "x"),
            ]),
        }
    );
    let gateway_token = GatewayToken::Required;
    assert_eq!(two.credential, Credential::Passthrough { gateway_token });
}

#[test]
fn every_field_of_an_issuer_is_read() {
    let config = config(&full());
    let [first, second, third] = config.issuers() else {
        panic!("three issuers");
    };
    assert_eq!(first.issuer, "https://a.test/");
    assert_eq!(first.audiences, ["x", "y"]);
    assert_eq!(first.algorithms, [Algorithm::Rs256, Algorithm::EdDsa]);
    assert_eq!(first.clock_skew, Duration::from_secs(5));
    let discovery = "https://a.test/.well-known/openid-configuration";
    assert_eq!(
        remote(first),
        &RemoteKeys {
            issuer: "https://a.test/".into(),
            start: Start::Discovery(Endpoint::parse(discovery).unwrap()),
            clusters: Clusters {
                http: "idp".into(),
                https: "idp".into(),
            },
            timeout: Duration::from_millis(500),
            refresh_interval: Duration::from_secs(60),
            min_refresh_interval: Duration::from_secs(30),
            max_refresh_interval: Duration::from_secs(7200),
            max_stale: Duration::from_secs(3600),
            refetch_interval: Duration::from_secs(10),
        }
    );
    let keys = remote(second);
    let uri = Endpoint::parse("http://b.test:8080/keys?x=1").unwrap();
    assert_eq!(keys.start, Start::KeySet(uri));
    assert_eq!(keys.clusters.http, "plain");
    assert_eq!(keys.clusters.https, "tls");
    assert!(matches!(
        &third.keys,
        JwksSource::Inline(keys) if keys.keys().len() == 1
    ));
}

fn remote(issuer: &Issuer) -> &RemoteKeys {
    match &issuer.keys {
        JwksSource::Remote(keys) => keys,
        JwksSource::Inline(_) => panic!("keys of {} are inline", issuer.issuer),
    }
}

#[test]
fn authentication_can_be_disabled() {
    let config = config(&json!({"authentication": {"disabled": true}, "providers": []}));
    assert!(matches!(config.authentication, Authentication::Disabled));
    assert!(config.issuers().is_empty());
}

#[test]
fn providers_are_found_by_exact_name() {
    let config = config(&full());
    for name in [
        &b"One"[..],
        b"one ",
        b"",
        b"on",
        b"one%20",
        b"\xff",
        b"o%6ee",
    ] {
        assert!(config.provider(name).is_none());
    }
}
