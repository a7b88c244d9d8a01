use std::time::Duration;

use super::*;
use crate::authn::jwk::KeySet;
use crate::testing::{NOW, SigningKey, key_set};

fn key(id: &str) -> Rc<VerificationKey> {
    let document = key_set(&[SigningKey::new(id).jwk()]);
    Rc::clone(&KeySet::parse(document.as_bytes()).unwrap().keys()[0])
}

fn claims(issuer: IssuerIndex, expires_at: UnixTime) -> Rc<Claims> {
    let mut claims = Claims::from_json("{}");
    claims.issuer = issuer;
    claims.expires_at = expires_at;
    Rc::new(claims)
}

const LATER: Duration = Duration::from_secs(10);

#[test]
fn a_token_is_cached_until_it_expires() {
    let mut cache = TokenCache::new(10);
    cache.insert(b"t", claims(0, NOW + LATER), key("k"));
    assert!(cache.get(b"t", NOW).is_some());
    assert!(
        cache
            .get(b"t", NOW + (LATER - Duration::from_nanos(1)))
            .is_some()
    );
    assert!(cache.get(b"t", NOW + LATER).is_none());
    assert!(cache.get(b"t", NOW).is_none(), "it is gone for good");
}

#[test]
fn only_the_same_token_is_found() {
    let mut cache = TokenCache::new(10);
    cache.insert(b"token", claims(0, NOW + LATER), key("k"));
    for other in [&b""[..], b"toke", b"token ", b"Token", b"token\0", b"tokem"] {
        assert!(cache.get(other, NOW).is_none());
    }
}

#[test]
fn the_least_recently_used_token_is_evicted() {
    let mut cache = TokenCache::new(2);
    for token in [b"a", b"b"] {
        cache.insert(token, claims(0, NOW + LATER), key("k"));
    }
    assert!(cache.get(b"a", NOW).is_some());
    cache.insert(b"c", claims(0, NOW + LATER), key("k"));
    assert!(cache.get(b"b", NOW).is_none());
    assert!(cache.get(b"a", NOW).is_some());
    assert!(cache.get(b"c", NOW).is_some());
}

#[test]
fn the_cache_does_not_grow_beyond_its_capacity() {
    let mut cache = TokenCache::new(3);
    let key = key("k");
    for number in 0..1_000_u32 {
        cache.insert(
            &number.to_be_bytes(),
            claims(0, NOW + LATER),
            Rc::clone(&key),
        );
    }
    assert_eq!(cache.entries.len(), 3);
    assert_eq!(TokenCache::new(0).entries.cap(), NonZeroUsize::MIN);
}

#[test]
fn tokens_of_withdrawn_keys_are_dropped_for_their_own_issuer_only() {
    let mut cache = TokenCache::new(10);
    cache.insert(b"kept", claims(0, NOW + LATER), key("kept"));
    cache.insert(b"withdrawn", claims(0, NOW + LATER), key("withdrawn"));
    cache.insert(b"other", claims(1, NOW + LATER), key("withdrawn"));
    cache.drop_withdrawn(0, &[key("new"), key("kept")]);
    assert!(cache.get(b"kept", NOW).is_some());
    assert!(cache.get(b"withdrawn", NOW).is_none());
    assert!(cache.get(b"other", NOW).is_some());
}

#[test]
fn the_results_of_the_last_thousand_checks_are_kept_once_each() {
    let mut results = SignatureResults::default();
    let check = |index: usize| SignatureCheck::new(&index.to_be_bytes(), [1; 32]);
    results.insert(check(0), None);
    for index in 0..MAX_SIGNATURE_RESULTS {
        results.insert(check(index), Some(key("k")));
    }
    let first = results.get(&check(0));
    assert!(first.is_some_and(|result| result.signing_key.is_none()));
    results.insert(check(MAX_SIGNATURE_RESULTS), None);
    assert!(results.get(&check(0)).is_none());
    assert!(results.get(&check(1)).is_some());
    let with_other_keys = SignatureCheck::new(&1_usize.to_be_bytes(), [2; 32]);
    assert!(results.get(&with_other_keys).is_none());
    assert_eq!(results.0.len(), MAX_SIGNATURE_RESULTS);
}
