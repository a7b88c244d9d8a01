//! A whole [`Authenticator`], whose issuers' keys are delivered by the test.

mod keys_over_time;
mod mutation;

use std::cell::Cell;

use serde_json::{Value, json};

use super::*;
use crate::authn::jwk::KeySet;
use crate::authn::jwks::{RemoteKeys, Start};
use crate::authn::signature::SoftwareVerifier;
use crate::fetch::callout::Clusters;
use crate::fetch::refresh::WaitPolicy;
use crate::http::url::Endpoint;
use crate::testing::{
    AUDIENCE, ISSUER, MemorySharedData, NOW, NOW_SECS, SigningKey, base64url, claims,
    independent_vectors, key_set, response,
};

const OTHER_ISSUER: &str = "https://other.test";
const LIMITS: TokenLimits = TokenLimits {
    max_bytes: 16_384,
    cache_size: 10,
};
const REFRESH: Duration = Duration::from_secs(600);

/// Counts the signatures that it has verified.
#[derive(Default)]
struct CountingVerifier(Cell<usize>);

impl SignatureVerifier for CountingVerifier {
    fn verify(
        &self,
        algorithm: Algorithm,
        key: &VerificationKey,
        signed: &[u8],
        signature: &[u8],
    ) -> bool {
        self.0.set(self.0.get() + 1);
        SoftwareVerifier.verify(algorithm, key, signed, signature)
    }
}

fn issuer(name: &str, keys: JwksSource) -> Issuer {
    Issuer {
        issuer: name.into(),
        audiences: Audiences {
            accepted: vec![AUDIENCE.into()],
            claims: vec!["aud".into()],
        },
        algorithms: Algorithm::ALL.to_vec(),
        clock_skew: Duration::from_secs(60),
        keys,
    }
}

fn inline(keys: &[&str]) -> JwksSource {
    JwksSource::Inline(KeySet::parse(document(keys).as_bytes()).unwrap())
}

fn remote() -> JwksSource {
    JwksSource::Remote(Box::new(RemoteKeys {
        issuer: ISSUER.into(),
        start: Start::KeySet(Endpoint::parse("https://issuer.test/keys").unwrap()),
        clusters: Clusters {
            http: "http".into(),
            https: "https".into(),
        },
        timeout: Duration::from_secs(5),
        refresh_interval: REFRESH,
        min_refresh_interval: REFRESH,
        max_refresh_interval: REFRESH,
        max_stale: Duration::from_secs(3600),
        refetch_interval: Duration::from_secs(30),
    }))
}

fn document(ids: &[&str]) -> String {
    let keys: Vec<_> = ids.iter().map(|id| SigningKey::new(id).jwk()).collect();
    key_set(&keys)
}

/// A token of `ISSUER`, signed by the key of that name.
fn token(key: &str, changes: Value) -> String {
    SigningKey::new(key).token(&claims(changes))
}

/// The waits of a request to which this policy applies for the first issuer.
fn waits(wait_policy: WaitPolicy) -> KeyWaits {
    let mut waits = KeyWaits::default();
    while waits.policy(0) != wait_policy {
        waits.record(0);
    }
    waits
}

struct World {
    authenticator: Authenticator,
    verifier: Rc<CountingVerifier>,
    shared_data: MemorySharedData,
    now: UnixTime,
}

impl World {
    fn new(issuers: &[Issuer]) -> Self {
        let shared_data = MemorySharedData::default();
        let verifier = Rc::new(CountingVerifier::default());
        let checks = Rc::<CountingVerifier>::clone(&verifier);
        Self {
            authenticator: Authenticator::new(issuers, LIMITS, checks, &shared_data),
            verifier,
            shared_data,
            now: NOW,
        }
    }

    /// One issuer, whose keys are these.
    fn with_keys(keys: &[&str]) -> Self {
        Self::new(&[issuer(ISSUER, inline(keys))])
    }

    /// One issuer, whose keys have just been fetched.
    fn warm(keys: &[&str]) -> Self {
        let mut world = Self::new(&[issuer(ISSUER, remote())]);
        world.fetch(keys);
        world
    }

    /// Starts the fetches that are due. Returns their issuers.
    fn start_fetches(&mut self) -> Vec<IssuerIndex> {
        let polls = self
            .authenticator
            .poll(self.now, &self.shared_data)
            .into_iter();
        let started = polls.filter(|(_, poll)| poll.callout.is_some());
        started.map(|(index, _)| index).collect()
    }

    fn respond(&mut self, index: IssuerIndex, response: CalloutResponse<'_>) {
        let next = self
            .authenticator
            .on_response(index, response, self.now, &self.shared_data);
        assert_eq!(next, None);
    }

    fn fetch(&mut self, keys: &[&str]) {
        assert_eq!(self.start_fetches(), [0]);
        self.respond(0, response(200, document(keys).as_bytes()));
    }

    fn ask(&mut self, token: &str, wait_policy: WaitPolicy) -> Verdict {
        let waits = waits(wait_policy);
        let token = token.as_bytes();
        self.authenticator.authenticate(token, &waits, self.now)
    }

    fn accepts(&mut self, token: &str) -> bool {
        matches!(self.ask(token, WaitPolicy::Wait), Verdict::Accepted(_))
    }

    /// The error of a token that is rejected without waiting.
    fn rejection(&mut self, token: &str) -> TokenError {
        match self.ask(token, WaitPolicy::Wait) {
            Verdict::Rejected(error) => error,
            other => panic!("not rejected: {other:?}"),
        }
    }
}

#[test]
fn a_valid_token_gives_its_claims() {
    let mut world = World::with_keys(&["k"]);
    match world.ask(&token("k", json!({"team": "x"})), WaitPolicy::Wait) {
        Verdict::Accepted(claims) => {
            assert_eq!(claims.issuer, 0);
            assert_eq!(claims.subject.as_deref(), Some("alice"));
            assert_eq!(claims.expires_at, UnixTime::from_secs(NOW_SECS + 3600));
            assert!(claims.has_value("team", "x"));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_issuer_is_compared_byte_for_byte() {
    let mut world = World::new(&[issuer("https://issuer.test/realm", inline(&["k"]))]);
    assert!(world.accepts(&token("k", json!({"iss": "https://issuer.test/realm"}))));
    for iss in [
        "",
        "https://issuer.test",
        "https://issuer.test/",
        "https://issuer.test/realm/",
        "https://issuer.test/realm ",
        "https://issuer.test/realm2",
        "https://ISSUER.test/realm",
        "http://issuer.test/realm",
        "https://issuer.test/%72ealm",
        "https://issuer.test/realm\u{0}",
    ] {
        let error = world.rejection(&token("k", json!({"iss": iss})));
        assert_eq!(error, TokenError::IssuerUnknown, "{iss}");
    }
    assert_eq!(
        world.verifier.0.get(),
        1,
        "no key is tried for an unknown issuer"
    );
}

#[test]
fn a_key_vouches_for_its_own_issuer_only() {
    let mut world = World::new(&[
        issuer(ISSUER, inline(&["mine", "shared-name"])),
        issuer(OTHER_ISSUER, inline(&["others"])),
    ]);
    assert!(world.accepts(&token("mine", json!({}))));
    assert!(world.accepts(&token("others", json!({"iss": OTHER_ISSUER}))));
    assert_eq!(
        world.rejection(&token("others", json!({}))),
        TokenError::KeyUnknown
    );
    assert_eq!(
        world.rejection(&token("mine", json!({"iss": OTHER_ISSUER}))),
        TokenError::KeyUnknown
    );
    let header = r#"{"alg":"EdDSA","kid":"others"}"#;
    let forged =
        SigningKey::new("mine").sign(header, claims(json!({"iss": OTHER_ISSUER})).to_string());
    assert_eq!(world.rejection(&forged), TokenError::SignatureInvalid);
}

#[test]
fn a_token_without_kid_is_tried_against_two_keys_of_its_algorithm() {
    let mut world = World::with_keys(&["a", "b"]);
    for header in [
        r#"{"alg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","typ":"JWT"}"#,
        r#"{"alg":"Ed25519"}"#,
    ] {
        let payload = claims(json!({})).to_string();
        assert!(world.accepts(&SigningKey::new("b").sign(header, &payload)));
        let forged = SigningKey::new("attacker").sign(header, &payload);
        assert_eq!(world.rejection(&forged), TokenError::SignatureInvalid);
    }
    let mut world = World::with_keys(&["a", "b", "c"]);
    let token = SigningKey::new("a").sign(r#"{"alg":"EdDSA"}"#, claims(json!({})).to_string());
    assert_eq!(world.rejection(&token), TokenError::KeyIdMissing);
    assert_eq!(world.verifier.0.get(), 0);
}

/// Tokens that each look different, and that no key has signed. Their signatures are too short, so
/// that the test does not wait for the arithmetic.
fn forged_tokens(header: &str) -> Vec<String> {
    let forge = |index: usize| {
        let payload = base64url(claims(json!({"jti": index})).to_string());
        format!("{}.{payload}.AAAA", base64url(header))
    };
    (0..1000).map(forge).collect()
}

/// A key set with that many RSA keys.
fn rsa_keys(count: usize) -> String {
    let vectors = independent_vectors();
    let vector = vectors.into_iter().find(|it| it.algorithm == "PS512");
    let jwk = vector.expect("a vector with an RSA key").jwk;
    let keys: Vec<_> = (0..count)
        .map(|index| {
            let mut jwk = jwk.clone();
            jwk["kid"] = json!(format!("key-{index}"));
            jwk
        })
        .collect();
    key_set(&keys)
}

#[test]
fn a_thousand_forged_tokens_without_kid_cost_two_verifications_each_at_most() {
    let tokens = forged_tokens(r#"{"alg":"PS512"}"#);
    for (keys, each) in [(8, 0), (3, 0), (2, 2), (1, 1)] {
        let mut world = World::new(&[issuer(ISSUER, remote())]);
        let document = rsa_keys(keys);
        assert_eq!(world.start_fetches(), [0]);
        world.respond(0, response(200, document.as_bytes()));
        for token in &tokens {
            world.ask(token, WaitPolicy::Wait);
        }
        // The fetch that they wait for brings the same keys, and then a further one.
        for wait_policy in [WaitPolicy::WaitOnceMore, WaitPolicy::DoNotWait] {
            world.now = world.now + Duration::from_secs(700);
            assert_eq!(world.start_fetches(), [0]);
            world.respond(0, response(200, document.as_bytes()));
            for token in &tokens {
                world.ask(token, wait_policy);
            }
        }
        assert_eq!(world.verifier.0.get(), tokens.len() * each, "{keys} keys");
    }
}

#[test]
fn keys_of_the_same_kid_are_tried_twice_at_most() {
    let keys = ["k"; 5].map(|id| SigningKey::new(id).jwk());
    let keys = KeySet::parse(key_set(&keys).as_bytes()).unwrap();
    let mut world = World::new(&[issuer(ISSUER, JwksSource::Inline(keys))]);
    let forged = SigningKey::new("attacker").sign(
        r#"{"alg":"EdDSA","kid":"k"}"#,
        claims(json!({})).to_string(),
    );
    assert_eq!(world.rejection(&forged), TokenError::SignatureInvalid);
    assert_eq!(world.verifier.0.get(), 2);
}

#[test]
fn a_token_that_no_key_has_signed_is_verified_again_only_with_other_keys() {
    let mut world = World::warm(&["a"]);
    let token = SigningKey::new("b").sign(r#"{"alg":"EdDSA"}"#, claims(json!({})).to_string());
    for _ in 0..3 {
        assert!(!world.accepts(&token));
    }
    assert_eq!(world.verifier.0.get(), 1);
    world.now = NOW + REFRESH;
    world.fetch(&["a", "b"]);
    assert!(world.accepts(&token));
}

#[test]
fn a_token_over_the_limit_is_too_long() {
    let mut world = World::with_keys(&["k"]);
    let long = token("k", json!({"groups": vec!["g"; 5000]}));
    assert_eq!(world.rejection(&long), TokenError::TooLong(16_384));
    assert!(!world.authenticator.is_from_known_issuer(long.as_bytes()));
    world.authenticator.limits.max_bytes = 65_536;
    assert!(world.accepts(&long));
}

#[test]
fn an_algorithm_that_its_issuer_may_not_use_is_rejected() {
    let mut restricted = issuer(ISSUER, inline(&["k"]));
    restricted.algorithms = vec![Algorithm::Rs256, Algorithm::Es256];
    let mut world = World::new(&[restricted]);
    let error = world.rejection(&token("k", json!({})));
    assert_eq!(error, TokenError::AlgorithmNotAllowed);
    assert_eq!(world.verifier.0.get(), 0);
}

#[test]
fn a_key_is_never_used_for_an_algorithm_of_another_kind() {
    let mut world = World::with_keys(&["k"]);
    let payload = claims(json!({})).to_string();
    for algorithm in Algorithm::ALL {
        let header = json!({"alg": algorithm.name(), "kid": "k"}).to_string();
        let token = SigningKey::new("k").sign(&header, &payload);
        if algorithm == Algorithm::EdDsa {
            assert!(world.accepts(&token));
        } else {
            assert_eq!(world.rejection(&token), TokenError::KeyUnknown);
        }
    }
}

#[test]
fn keys_in_the_token_itself_are_ignored() {
    let mut world = World::with_keys(&["k"]);
    let attacker = SigningKey::new("attacker");
    let payload = claims(json!({})).to_string();
    for (member, value) in [
        ("jwk", attacker.jwk()),
        ("jku", json!("https://evil.test/keys")),
        ("x5u", json!("https://evil.test/cert")),
        ("x5c", json!(["MIIB"])),
        ("x5t", json!("AAAA")),
    ] {
        let mut header = json!({"alg": "EdDSA", "kid": "k"});
        header[member] = value;
        let forged = attacker.sign(header.to_string(), &payload);
        assert_eq!(world.rejection(&forged), TokenError::SignatureInvalid);
        header["kid"] = json!("attacker");
        let forged = attacker.sign(header.to_string(), &payload);
        assert_eq!(world.rejection(&forged), TokenError::KeyUnknown);

        header["kid"] = json!("k");
        let good = SigningKey::new("k").sign(header.to_string(), &payload);
        assert!(world.accepts(&good), "{member} does not spoil a good token");
    }
}

#[test]
fn unsigned_and_symmetric_tokens_are_rejected() {
    let mut world = World::with_keys(&["k"]);
    let payload = base64url(claims(json!({})).to_string());
    for algorithm in ["none", "HS256", "HS384", "HS512"] {
        for signature in ["", "AAAA"] {
            let header = base64url(json!({"alg": algorithm, "kid": "k"}).to_string());
            let error = world.rejection(&format!("{header}.{payload}.{signature}"));
            assert_eq!(error, TokenError::AlgorithmNotAllowed);
        }
    }
    let good = token("k", json!({}));
    let (signed, _) = good.rsplit_once('.').unwrap();
    let error = world.rejection(&format!("{signed}."));
    assert_eq!(error, TokenError::SignatureInvalid);
}

#[test]
fn a_signature_vouches_for_the_claims_it_was_made_over() {
    let mut world = World::with_keys(&["k"]);
    let (mine, better) = (token("k", json!({})), token("k", json!({"sub": "admin"})));
    let (mine, better): (Vec<_>, Vec<_>) = (mine.split('.').collect(), better.split('.').collect());
    for forged in [[mine[0], better[1], mine[2]], [mine[0], mine[1], better[2]]] {
        let error = world.rejection(&forged.join("."));
        assert_eq!(error, TokenError::SignatureInvalid);
    }
}

/// Otherwise an unauthenticated client could learn which claims would be accepted.
#[test]
fn the_signature_is_verified_before_the_claims() {
    let mut world = World::with_keys(&["k"]);
    for changes in [json!({"exp": 1}), json!({"aud": "x"}), json!({"nbf": 9e9})] {
        let header = r#"{"alg":"EdDSA","kid":"k"}"#;
        let payload = claims(changes.clone()).to_string();
        let forged = SigningKey::new("attacker").sign(header, &payload);
        assert_eq!(world.rejection(&forged), TokenError::SignatureInvalid);
        let error = world.rejection(&token("k", changes));
        assert_ne!(error, TokenError::SignatureInvalid);
    }
}

#[test]
fn an_accepted_token_is_not_verified_again_until_it_expires() {
    let mut world = World::with_keys(&["k"]);
    let token = token("k", json!({"exp": NOW_SECS + 10}));
    for _ in 0..5 {
        assert!(world.accepts(&token));
    }
    assert_eq!(world.verifier.0.get(), 1);
    world.now = NOW + Duration::from_secs(10);
    let error = world.rejection(&token);
    assert_eq!(error, TokenError::Expired(world.now));
}

#[test]
fn a_signature_is_verified_once_and_the_claims_of_a_rejected_token_each_time() {
    let mut world = World::with_keys(&["k"]);
    let token = token("k", json!({"nbf": NOW_SECS + 100}));
    assert!(!world.accepts(&token));
    assert!(!world.accepts(&token));
    world.now = NOW + Duration::from_secs(40);
    assert!(world.accepts(&token));
    assert_eq!(world.verifier.0.get(), 1);
}

#[test]
fn a_known_issuer_is_recognised_by_the_claim_alone() {
    let world = World::with_keys(&["k"]);
    let known = |token: &str| world.authenticator.is_from_known_issuer(token.as_bytes());
    assert!(known(&token("k", json!({}))));
    assert!(known(&token("attacker", json!({"exp": 1}))));
    assert!(!known(&token("k", json!({"iss": OTHER_ISSUER}))));
    for other in ["", "sk-ant-api03-abc", "a.b.c"] {
        assert!(!known(other), "{other}");
    }
}
