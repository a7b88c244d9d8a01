//! Which configurations can be used on which host, and who verifies signatures.

use p256::ecdsa::Signature;
use p256::ecdsa::signature::Signer;

use super::*;
use crate::testing::base64url;

fn choosing(verifier: &str) -> Value {
    let mut document = document();
    document["authentication"]["signature_verifier"] = json!(verifier);
    document
}

/// A host that verifies signatures like this.
fn host(verification: Verification) -> FakeHost {
    let host = FakeHost::new(&Rc::default());
    host.0.verification.set(verification);
    host
}

/// A key for ES256 as its issuer publishes it, and a token that it has signed.
fn es256() -> (Value, String) {
    let key = p256::ecdsa::SigningKey::from_slice(&[7; 32]).unwrap();
    let point = key.verifying_key().to_sec1_point(false);
    let (x, y) = (point.x().unwrap(), point.y().unwrap());
    let jwk = json!({
        "kty": "EC", "crv": "P-256", "kid": "e", "x": base64url(x), "y": base64url(y),
    });
    let header = base64url(json!({"alg": "ES256", "kid": "e"}).to_string());
    let signed = format!("{header}.{}", base64url(claims(json!({})).to_string()));
    let signature: Signature = key.sign(signed.as_bytes());
    let token = format!("{signed}.{}", base64url(signature.to_bytes()));
    (jwk, token)
}

#[test]
fn the_host_verifies_signatures_if_that_is_configured_and_its_verdicts_are_right() {
    use Verification::{AcceptsAll, Correct, NotOffered, RejectsAll};
    for (configured, verification, by_host) in [
        ("auto", Correct, true),
        ("auto", NotOffered, false),
        ("auto", AcceptsAll, false),
        ("auto", RejectsAll, false),
        ("host", Correct, true),
        ("wasm", Correct, false),
        ("wasm", AcceptsAll, false),
        ("wasm", NotOffered, false),
    ] {
        let case = format!("{configured} {verification:?}");
        let host = host(verification);
        let mut world = World::on(host.clone(), &choosing(configured));
        let tried = host.0.verifications.take();
        assert_eq!(tried > 0, configured != "wasm", "{case}");
        let (jwk, token) = es256();
        let eddsa = SigningKey::new("k");
        world.tick();
        let keys = key_set(&[jwk, eddsa.jwk()]);
        world.respond(1, 200, keys.as_bytes());

        let (_, flow) = world.request_by(&token, CHAT, &[], EndOfStream::Yes);
        assert_eq!(flow, Flow::Continue, "{case}");
        assert_eq!(host.0.verifications.take(), usize::from(by_host), "{case}");

        let forged = token.replacen('.', "A.", 2);
        let (context, _) = world.request_by(&forged, CHAT, &[], EndOfStream::Yes);
        let rejected = world.calls().into_iter().any(|call| match call {
            Call::Reply(of, _) => of == context,
            _ => false,
        });
        assert!(rejected, "{case}");
        host.0.verifications.take();

        // No host verifies EdDSA.
        let (_, flow) = world.request(CHAT);
        assert_eq!((flow, host.0.verifications.take()), (Flow::Continue, 0));
    }
}

#[test]
fn a_configuration_that_wants_the_hosts_verifier_fails_without_it() {
    use Verification::{AcceptsAll, NotOffered, RejectsAll};
    for verification in [NotOffered, AcceptsAll, RejectsAll] {
        let host = host(verification);
        let error = start(&host, &choosing("host")).err().unwrap();
        assert_eq!(error.problems[0].path, "/authentication/signature_verifier");
        let refused: Vec<_> = host.metrics().into_iter().collect();
        let name = "reason=.=/authentication/signature_verifier;.;\
            ai_gateway_configurations_refused";
        assert_eq!(refused, [(name.to_owned(), 1)]);
        assert_eq!(world_calls(&host), []);
    }
}

/// What the host was asked for beside measurements.
fn world_calls(host: &FakeHost) -> Vec<Call> {
    let calls = host.0.calls.borrow();
    let others = calls
        .iter()
        .filter(|call| !matches!(call, Call::Measure(..)));
    others.cloned().collect()
}

#[test]
fn an_invalid_configuration_is_refused_and_counted_by_its_first_problem() {
    let mut document = document();
    document["providers"][0]["type"] = json!("unheard_of");
    let host = host(Verification::Correct);
    assert!(start(&host, &document).is_err());
    let metrics = host.metrics();
    let (name, count) = metrics.first_key_value().unwrap();
    assert!(
        name.ends_with("ai_gateway_configurations_refused"),
        "{name}"
    );
    assert!(name.contains("reason=.=/providers/0"), "{name}");
    assert_eq!((*count, metrics.len()), (1, 1));
}
