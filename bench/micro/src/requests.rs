//! The time per request for routing, authentication and SigV4 signing.

use std::hint::black_box;
use std::rc::Rc;
use std::time::Duration;

use ai_gateway_core::authn::jwk::{Algorithm, KeySet, VerificationKey};
use ai_gateway_core::authn::jwks::JwksSource;
use ai_gateway_core::authn::jwt::Audiences;
use ai_gateway_core::authn::signature::SignatureVerifier;
use ai_gateway_core::authn::{Authenticator, Issuer, KeyWaits, TokenLimits, Verdict};
use ai_gateway_core::aws::credentials::AwsCredentials;
use ai_gateway_core::aws::sigv4::{self, Scope, SignableRequest, SigningKeys};
use ai_gateway_core::base::secret::Secret;
use ai_gateway_core::base::shared_data::SharedData;
use ai_gateway_core::base::time::UnixTime;
use ai_gateway_core::http::encoding::hex;
use ai_gateway_core::http::route::Route;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use criterion::{Criterion, Throughput};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::signatures;

const NOW: UnixTime = UnixTime::from_secs(1_800_000_000);
const ISSUER: &str = "https://auth.example.com/";

pub fn benchmarks(criterion: &mut Criterion) {
    route(criterion);
    tokens(criterion);
    signing(criterion);
}

fn route(criterion: &mut Criterion) {
    let target = b"/llm/v1/providers/my-openai/v1/chat/completions?api-version=2025-01-01";
    let own_paths = ["/llm/v1/usage", "/llm/v1/status"];
    let parse = || Route::parse("/llm/v1/providers", own_paths, black_box(target));
    assert!(matches!(parse(), Ok(Route::Upstream { .. })));
    criterion.bench_function("request/route", |bencher| bencher.iter(parse));
}

/// A token of typical size with an invalid signature.
fn token(id: &str) -> String {
    let header = json!({"alg": "RS256", "typ": "at+jwt", "kid": "k"});
    let claims = json!({
        "iss": ISSUER, "aud": ["ai-gateway"], "sub": "auth0|65f2c0ffee65f2c0ffee65f2", "jti": id,
        "iat": 1_799_999_000, "exp": 1_800_003_600, "azp": "client-0123456789abcdef",
        "scope": "openid profile email dataplane_adp_llmprovider_invoke dataplane_adp_llmprovider_get",
        "https://example.com/org": {"id": "org-1234", "groups": ["ml-team", "platform", "finance"]},
    });
    let part = |value: &Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
    let signature = BASE64_URL_SAFE_NO_PAD.encode([0; 256]);
    format!("{}.{}.{signature}", part(&header), part(&claims))
}

/// Accepts every signature at no cost, so that only the filter's own work is measured.
struct AcceptAll;

impl SignatureVerifier for AcceptAll {
    fn verify(&self, _: Algorithm, _: &VerificationKey, _: &[u8], _: &[u8]) -> bool {
        true
    }
}

/// Shared data that stores nothing.
struct NoSharedData;

impl SharedData for NoSharedData {
    fn read(&self, _: &str) -> Option<(Vec<u8>, u32)> {
        None
    }

    fn write(&self, _: &str, _: &[u8], _: Option<u32>) -> bool {
        true
    }
}

fn authenticator(cache_size: usize) -> Authenticator {
    let vectors = signatures::vectors();
    let vector = vectors.iter().find(|vector| vector["algorithm"] == "RS256");
    let mut jwk = vector.expect("RS256 is among the vectors")["jwk"].clone();
    jwk["kid"] = "k".into();
    let keys = KeySet::parse(json!({"keys": [jwk]}).to_string().as_bytes());
    let issuer = Issuer {
        issuer: ISSUER.to_owned(),
        audiences: Audiences {
            accepted: vec!["ai-gateway".to_owned()],
            claims: vec!["aud".into()],
        },
        algorithms: Algorithm::ALL.to_vec(),
        clock_skew: Duration::ZERO,
        keys: JwksSource::Inline(keys.expect("a key set")),
    };
    let limits = TokenLimits {
        max_bytes: 16_384,
        cache_size,
    };
    Authenticator::new(&[issuer], limits, Rc::new(AcceptAll), &NoSharedData)
}

fn tokens(criterion: &mut Criterion) {
    let tokens = ["a", "b"].map(token);
    let accept = |authenticator: &mut Authenticator, token: &str| {
        let verdict =
            authenticator.authenticate(black_box(token.as_bytes()), &KeyWaits::default(), NOW);
        assert!(matches!(verdict, Verdict::Accepted(_)), "{verdict:?}");
    };
    let mut caching = authenticator(1000);
    criterion.bench_function("request/cached token", |bencher| {
        bencher.iter(|| accept(&mut caching, &tokens[0]));
    });
    let mut evicting = authenticator(1);
    let mut turns = tokens.iter().cycle();
    criterion.bench_function("request/new token, signature not verified", |bencher| {
        bencher.iter(|| turns.next().map(|token| accept(&mut evicting, token)));
    });
    assert_eq!(evicting.take_lookups().hits, 0);
}

fn signing(criterion: &mut Criterion) {
    let credentials = AwsCredentials {
        access_key_id: "AKIDEXAMPLE".to_owned(),
        secret_access_key: Secret::new("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
        session_token: None,
        expires_at: None,
    };
    let scope = Scope {
        time: NOW,
        region: "us-east-1",
        service: "bedrock",
    };
    let mut keys = SigningKeys::default();
    for (name, size) in [("2 KB", 2 << 10), ("1 MB", 1 << 20)] {
        let body = vec![b'x'; size];
        let mut group = criterion.benchmark_group("sigv4");
        group.throughput(Throughput::Bytes(size as u64));
        group.bench_function(format!("body of {name}"), |bencher| {
            bencher.iter(|| {
                let hash = hex(&Sha256::digest(black_box(&body)));
                let request = SignableRequest {
                    method: "POST",
                    target: b"/model/us.anthropic.claude-haiku-4-5-20251001-v1%3A0/converse",
                    authority: "bedrock-runtime.us-east-1.amazonaws.com",
                    content_type: Some(b"application/json"),
                    payload_sha256: &hash,
                };
                sigv4::sign(&request, &credentials, scope, &mut keys)
            });
        });
    }
}
