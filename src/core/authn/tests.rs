//! Tokens against a whole [`Authenticator`], whose issuers' keys are handed out by the test.

mod keys_over_time;
mod mutation;

use std::cell::Cell;

use serde_json::{Value, json};

use super::*;
use crate::authn::jwk::KeySet;
use crate::authn::jwks::{RemoteKeys, Start};
use crate::authn::signature::SoftwareVerifier;
use crate::fetch::callout::Clusters;
use crate::http::url::Endpoint;
use crate::testing::{
    AUDIENCE, ISSUER, MemoryBoard, NOW, NOW_SECS, SigningKey, base64url, claims, key_set, response,
};

const OTHER_ISSUER: &str = "https://other.test";
const REFRESH: Duration = Duration::from_secs(600);

/// Counts the checks that it has made.
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
        audiences: vec![AUDIENCE.into()],
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

struct World {
    authenticator: Authenticator,
    verifier: Rc<CountingVerifier>,
    shared_data: MemoryBoard,
    now: UnixTime,
}

impl World {
    fn new(issuers: &[Issuer]) -> Self {
        let shared_data = MemoryBoard::default();
        let verifier = Rc::new(CountingVerifier::default());
        let checks = Rc::<CountingVerifier>::clone(&verifier);
        Self {
            authenticator: Authenticator::new(issuers, 10, checks, &shared_data),
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

    /// The issuers whose keys are fetched from now on.
    fn begun(&mut self) -> Vec<IssuerIndex> {
        let polls = self
            .authenticator
            .poll(self.now, &self.shared_data)
            .into_iter();
        let begun = polls.filter(|(_, poll)| poll.callout.is_some());
        begun.map(|(index, _)| index).collect()
    }

    fn answer(&mut self, index: IssuerIndex, answer: CalloutResponse<'_>) {
        let next = self
            .authenticator
            .on_response(index, answer, self.now, &self.shared_data);
        assert_eq!(next, None);
    }

    fn fetch(&mut self, keys: &[&str]) {
        assert_eq!(self.begun(), [0]);
        self.answer(0, response(200, document(keys).as_bytes()));
    }

    fn ask(&mut self, token: &str, patience: WaitPolicy) -> Verdict {
        let waited_for: &[IssuerIndex] = match patience {
            WaitPolicy::Wait => &[],
            WaitPolicy::WaitForAnother => &[0],
            WaitPolicy::Decide => &[0, 0],
        };
        let token = token.as_bytes();
        self.authenticator.authenticate(token, waited_for, self.now)
    }

    fn accepts(&mut self, token: &str) -> bool {
        matches!(self.ask(token, WaitPolicy::Wait), Verdict::Accepted(_))
    }

    /// The error of a token that is refused without waiting.
    fn refusal(&mut self, token: &str) -> TokenError {
        match self.ask(token, WaitPolicy::Wait) {
            Verdict::Rejected(error) => error,
            other => panic!("not refused: {other:?}"),
        }
    }
}

#[test]
fn a_good_token_gives_its_claims() {
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
        let error = world.refusal(&token("k", json!({"iss": iss})));
        assert_eq!(error, TokenError::IssuerUnknown, "{iss}");
    }
    assert_eq!(world.verifier.0.get(), 1, "no key is tried for a stranger");
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
        world.refusal(&token("others", json!({}))),
        TokenError::KeyUnknown
    );
    assert_eq!(
        world.refusal(&token("mine", json!({"iss": OTHER_ISSUER}))),
        TokenError::KeyUnknown
    );
    let header = r#"{"alg":"EdDSA","kid":"others"}"#;
    let forged =
        SigningKey::new("mine").sign(header, claims(json!({"iss": OTHER_ISSUER})).to_string());
    assert_eq!(world.refusal(&forged), TokenError::SignatureInvalid);
}

#[test]
fn a_token_without_kid_is_tried_against_every_key_of_its_algorithm() {
    let mut world = World::with_keys(&["a", "b", "c"]);
    for header in [
        r#"{"alg":"EdDSA"}"#,
        r#"{"alg":"EdDSA","typ":"JWT"}"#,
        r#"{"alg":"Ed25519"}"#,
    ] {
        let payload = claims(json!({})).to_string();
        assert!(world.accepts(&SigningKey::new("c").sign(header, &payload)));
        let stranger = SigningKey::new("stranger").sign(header, &payload);
        assert_eq!(world.refusal(&stranger), TokenError::SignatureInvalid);
    }
}

#[test]
fn an_algorithm_that_its_issuer_may_not_use_is_refused() {
    let mut restricted = issuer(ISSUER, inline(&["k"]));
    restricted.algorithms = vec![Algorithm::Rs256, Algorithm::Es256];
    let mut world = World::new(&[restricted]);
    let error = world.refusal(&token("k", json!({})));
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
            assert_eq!(world.refusal(&token), TokenError::KeyUnknown);
        }
    }
}

#[test]
fn keys_that_a_token_brings_along_are_ignored() {
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
        assert_eq!(world.refusal(&forged), TokenError::SignatureInvalid);
        header["kid"] = json!("attacker");
        let forged = attacker.sign(header.to_string(), &payload);
        assert_eq!(world.refusal(&forged), TokenError::KeyUnknown);

        header["kid"] = json!("k");
        let good = SigningKey::new("k").sign(header.to_string(), &payload);
        assert!(world.accepts(&good), "{member} does not spoil a good token");
    }
}

#[test]
fn unsigned_and_symmetric_tokens_are_refused_whatever_they_say() {
    let mut world = World::with_keys(&["k"]);
    let payload = base64url(claims(json!({})).to_string());
    for algorithm in ["none", "HS256", "HS384", "HS512"] {
        for signature in ["", "AAAA"] {
            let header = base64url(json!({"alg": algorithm, "kid": "k"}).to_string());
            let error = world.refusal(&format!("{header}.{payload}.{signature}"));
            assert_eq!(error, TokenError::AlgorithmNotAllowed);
        }
    }
    let good = token("k", json!({}));
    let (signed, _) = good.rsplit_once('.').unwrap();
    let error = world.refusal(&format!("{signed}."));
    assert_eq!(error, TokenError::SignatureInvalid);
}

#[test]
fn a_signature_vouches_for_the_claims_it_was_made_over() {
    let mut world = World::with_keys(&["k"]);
    let (mine, better) = (token("k", json!({})), token("k", json!({"sub": "admin"})));
    let (mine, better): (Vec<_>, Vec<_>) = (mine.split('.').collect(), better.split('.').collect());
    for forged in [[mine[0], better[1], mine[2]], [mine[0], mine[1], better[2]]] {
        let error = world.refusal(&forged.join("."));
        assert_eq!(error, TokenError::SignatureInvalid);
    }
}

/// A stranger must not learn from the answer what the claims would have been worth.
#[test]
fn the_signature_is_judged_before_the_claims() {
    let mut world = World::with_keys(&["k"]);
    for changes in [json!({"exp": 1}), json!({"aud": "x"}), json!({"nbf": 9e9})] {
        let header = r#"{"alg":"EdDSA","kid":"k"}"#;
        let payload = claims(changes.clone()).to_string();
        let forged = SigningKey::new("attacker").sign(header, &payload);
        assert_eq!(world.refusal(&forged), TokenError::SignatureInvalid);
        let error = world.refusal(&token("k", changes));
        assert_ne!(error, TokenError::SignatureInvalid);
    }
}

#[test]
fn a_token_that_passed_is_not_checked_again_until_it_expires() {
    let mut world = World::with_keys(&["k"]);
    let token = token("k", json!({"exp": NOW_SECS + 10}));
    for _ in 0..5 {
        assert!(world.accepts(&token));
    }
    assert_eq!(world.verifier.0.get(), 1);
    world.now = NOW + Duration::from_secs(10);
    let error = world.refusal(&token);
    assert_eq!(error, TokenError::Expired(world.now));
}

#[test]
fn a_token_that_was_refused_is_checked_again() {
    let mut world = World::with_keys(&["k"]);
    let token = token("k", json!({"nbf": NOW_SECS + 100}));
    assert!(!world.accepts(&token));
    assert!(!world.accepts(&token));
    assert_eq!(world.verifier.0.get(), 2);
    world.now = NOW + Duration::from_secs(40);
    assert!(world.accepts(&token));
}

#[test]
fn a_token_of_a_known_issuer_is_recognised_by_its_claim_alone() {
    let world = World::with_keys(&["k"]);
    let known = |token: &str| world.authenticator.is_from_known_issuer(token.as_bytes());
    assert!(known(&token("k", json!({}))));
    assert!(known(&token("stranger", json!({"exp": 1}))));
    assert!(!known(&token("k", json!({"iss": OTHER_ISSUER}))));
    for other in ["", "sk-ant-api03-abc", "a.b.c"] {
        assert!(!known(other), "{other}");
    }
}
