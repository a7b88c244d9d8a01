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
use crate::http::path_pattern::{PathPattern, PathRules};
use crate::http::url::{BaseUrl, Endpoint};
use crate::models::catalog::{Catalog, UnlistedStatus};
use crate::models::pattern::ModelPattern;
use crate::models::price::{
    LongContext, Multiplier, Price, PriceChange, PriceList, Prices, Rate, Rates,
};
use crate::provider::HeaderRules;
use crate::provider::credential::{Credential, GatewayToken};
use crate::provider_kind::KeyPlacement;
use crate::provider_kind::ProviderKind;
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
        "request_headers_to_remove": ["X-Everywhere"],
        "request_headers_allowed": ["*"],
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
                    "paths_allowed": ["chat/**"],
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
                "paths_without_model": ["/v1/batches"],
                "paths_denied": ["files", "/v1/batches/**"],
                "paths_allowed": ["chat/completions", "models/*"],
                "prices": {
                    "m1": {"input": 1, "output": 2.5, "cached_input": 0.1,
                           "cache_write_5m": 1.25, "cache_write_1h": 2},
                    "m*": {"input": 3, "output": 4},
                },
                "headers": {"X-Team": "a b"},
                "request_headers_to_remove": ["X-Only-Here-*"],
                "request_headers_allowed": ["OpenAI-*", "x-thread"],
                "response_headers_to_remove": ["*-cost"],
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

/// Prices per million tokens.
fn rates(prices: &[(Rate, f64)]) -> Rates {
    let mut rates = Rates::default();
    for (rate, units) in prices {
        rates.set(*rate, Price::per_million(*units));
    }
    rates
}

fn prices(model: &str, base: &[(Rate, f64)]) -> (ModelPattern, Prices) {
    let prices = Prices {
        base: rates(base),
        ..Prices::default()
    };
    (ModelPattern::parse(model).unwrap(), prices)
}

fn catalog(models: &[&str]) -> Option<Rc<Catalog>> {
    let patterns = models
        .iter()
        .map(|model| ModelPattern::parse(model).unwrap());
    Catalog::new(patterns.collect()).map(Rc::new)
}

fn path_patterns(paths: &[&str]) -> Option<Vec<PathPattern>> {
    paths.iter().map(|path| PathPattern::parse(path)).collect()
}

fn claim(claim: &str, value: &str) -> ClaimMatch {
    ClaimMatch {
        claim: claim.into(),
        value: value.into(),
        issuer: None,
    }
}

fn header_patterns(names: &[&str]) -> Vec<NamePattern> {
    names.iter().map(|name| NamePattern::new(name)).collect()
}

#[test]
fn every_field_of_a_document_is_read() {
    let config = config(&full());
    assert_eq!(config.path_prefix, "/ai");
    assert_eq!(config.usage_path, "/totals/of/ai");
    assert_eq!(config.token_headers, ["x-token"]);
    assert_eq!(
        config.response_headers_to_remove,
        header_patterns(&["set-cookie", "x-request-cost"])
    );
    assert_eq!(config.authentication.limits().cache_size, 7);
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
                    paths: PathRules {
                        denied: Vec::new(),
                        allowed: path_patterns(&["chat/**"]),
                    },
                    prices: Some(Rc::new(PriceList::new(vec![prices(
                        "m1",
                        &[(Rate::Input, 5.0), (Rate::Output, 6.0)]
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
                    paths: PathRules::default(),
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
            paths: PathRules {
                denied: path_patterns(&["files", "batches/**"]).unwrap(),
                allowed: path_patterns(&["chat/completions", "models/*"]),
            },
            prices: Rc::new(PriceList::new(vec![
                prices("m*", &[(Rate::Input, 3.0), (Rate::Output, 4.0)]),
                prices(
                    "m1",
                    &[
                        (Rate::Input, 1.0),
                        (Rate::Output, 2.5),
                        (Rate::CachedInput, 0.1),
                        (Rate::CacheWrite5m, 1.25),
                        (Rate::CacheWrite1h, 2.0),
                    ],
                ),
            ])),
            headers: vec![("x-team".into(), "a b".into())],
            header_rules: HeaderRules {
                request_removed: header_patterns(&["x-only-here-*", "x-everywhere"]),
                request_allowed: Some(header_patterns(&["openai-*", "x-thread"])),
                response_removed: header_patterns(&["*-cost"]),
            },
            allow: Some(vec![
                ClaimMatch {
                    issuer: Some(2),
                    ..claim("sub", "svc")
                },
                claim("team", "x"),
            ]),
        }
    );
    assert_eq!(
        two.header_rules,
        HeaderRules {
            request_removed: header_patterns(&["x-everywhere"]),
            request_allowed: Some(header_patterns(&["*"])),
            response_removed: vec![],
        }
    );
    let gateway_token = GatewayToken::Required;
    assert_eq!(two.credential, Credential::Passthrough { gateway_token });
}

#[test]
fn every_field_of_prices_is_read() {
    let token_fields = json!({
        "input": 1, "output": 2, "cached_input": 3, "cache_write_5m": 4, "cache_write_1h": 5,
        "audio_input": 6, "cached_audio_input": 7, "audio_output": 8, "image_input": 9,
        "image_output": 10,
    });
    let with = |more: Value| {
        let mut fields = token_fields.as_object().unwrap().clone();
        fields.extend(more.as_object().unwrap().clone());
        Value::Object(fields)
    };
    let units = json!({"per_search": 11, "per_image": 12, "per_page": 13, "per_audio_minute": 14});
    let long = json!({"long_context": [with(json!({"above_input_tokens": 9, "multiplier": 2}))]});
    let mut change = with(units.clone());
    change["multiplier"] = json!(0.5);
    change["long_context"] = long["long_context"].clone();
    let mut model = with(units);
    model["long_context"] = long["long_context"].clone();
    model["tiers"] = json!({"Flex": change});
    model["geographies"] = json!({"us": change});
    model["speeds"] = json!({"fast": change});
    let mut document = full();
    document["providers"][0]["prices"] = json!({"m": model});

    let of_tokens = [
        Rate::Input,
        Rate::Output,
        Rate::CachedInput,
        Rate::CacheWrite5m,
        Rate::CacheWrite1h,
        Rate::AudioInput,
        Rate::CachedAudioInput,
        Rate::AudioOutput,
        Rate::ImageInput,
        Rate::ImageOutput,
    ];
    let mut expected = Rates::default();
    for (price, rate) in (1_u32..).zip(of_tokens) {
        expected.set(rate, Price::per_million(price.into()));
    }
    let long_context = vec![LongContext {
        above_input_tokens: 9,
        change: PriceChange {
            multiplier: Multiplier::new(2.0),
            rates: expected,
            long_context: Vec::new(),
        },
    }];
    let of_units = [Rate::Search, Rate::Image, Rate::Page, Rate::AudioMinute];
    for (price, rate) in (11_u32..).zip(of_units) {
        expected.set(rate, Price::per_unit(price.into()));
    }
    let change = PriceChange {
        multiplier: Multiplier::new(0.5),
        rates: expected,
        long_context: long_context.clone(),
    };
    let named = |name: &str| vec![(name.to_owned(), change.clone())];
    let prices = Prices {
        base: expected,
        long_context,
        tiers: named("flex"),
        geographies: named("us"),
        speeds: named("fast"),
    };
    let model = ModelPattern::parse("m").unwrap();
    let read = &config(&document).providers["one"].prices;
    assert_eq!(**read, PriceList::new(vec![(model, prices)]));
}

#[test]
fn every_field_of_an_issuer_is_read() {
    let config = config(&full());
    let [first, second, third] = config.issuers() else {
        panic!("three issuers");
    };
    assert_eq!(first.issuer, "https://a.test/");
    assert_eq!(first.audiences.accepted, ["x", "y"]);
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
