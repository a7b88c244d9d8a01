//! An issuer's keys under a virtual clock, with an identity provider whose responses are scripted.

mod freshness;
mod key_miss;

use serde_json::json;

use super::*;
use crate::fetch::callout::{Callout, CalloutResponse, Clusters, Poll};
use crate::fetch::refresh::FetchState;
use crate::http::url::Endpoint;
use crate::testing::{ISSUER, MemorySharedData, NOW, SigningKey, key_set, response};

const REFRESH: u64 = 600;
const MIN_REFRESH: u64 = 60;
const MAX_REFRESH: u64 = 1200;
const STALE: u64 = 3600;
const REFETCH: u64 = 30;

fn clusters() -> Clusters {
    Clusters {
        http: "plain".into(),
        https: "tls".into(),
    }
}

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn settings(start: Start) -> RemoteKeys {
    RemoteKeys {
        issuer: ISSUER.into(),
        start,
        clusters: clusters(),
        timeout: secs(5),
        refresh_interval: secs(REFRESH),
        min_refresh_interval: secs(MIN_REFRESH),
        max_refresh_interval: secs(MAX_REFRESH),
        max_stale: secs(STALE),
        refetch_interval: secs(REFETCH),
    }
}

fn endpoint(url: &str) -> Endpoint {
    Endpoint::parse(url).unwrap()
}

fn keys(ids: &[&str]) -> String {
    let keys: Vec<_> = ids.iter().map(|id| SigningKey::new(id).jwk()).collect();
    key_set(&keys)
}

/// A cache and the current time.
struct World {
    cache: JwksCache,
    shared_data: MemorySharedData,
    now: UnixTime,
}

impl World {
    fn new(start: Start) -> Self {
        let shared_data = MemorySharedData::default();
        let settings = JwksSource::Remote(Box::new(settings(start)));
        Self {
            cache: JwksCache::new(&settings, &shared_data),
            shared_data,
            now: NOW,
        }
    }

    fn with_key_set_uri() -> Self {
        Self::new(Start::KeySet(endpoint("https://issuer.test/keys")))
    }

    fn with_discovery() -> Self {
        Self::new(Start::Discovery(endpoint("https://issuer.test/discovery")))
    }

    /// Has just fetched these keys.
    fn warm(ids: &[&str]) -> Self {
        let mut world = Self::with_key_set_uri();
        world.fetch(ids);
        world
    }

    fn pass(&mut self, seconds: u64) {
        self.now = self.now + secs(seconds);
    }

    fn due(&mut self) -> Option<Callout> {
        self.cache.poll(self.now, &self.shared_data).callout
    }

    fn respond(&mut self, status: u16, body: &str) -> Option<Callout> {
        self.cache.on_response(
            response(status, body.as_bytes()),
            self.now,
            &self.shared_data,
        )
    }

    fn fetch(&mut self, ids: &[&str]) {
        assert!(self.due().is_some());
        assert_eq!(self.respond(200, &keys(ids)), None);
    }

    fn fail(&mut self) {
        assert!(self.due().is_some());
        assert_eq!(self.respond(500, ""), None);
    }

    fn unknown_key(&mut self, wait_policy: WaitPolicy) -> KeyMiss {
        self.cache.on_unknown_key(wait_policy, self.now)
    }

    fn ids(&self) -> Vec<String> {
        let all = ["a", "b", "c"].into_iter();
        let has = |id: &&str| {
            let found = self.cache.matching(Some(id), Algorithm::EdDsa);
            found.count() > 0
        };
        all.filter(has).map(str::to_owned).collect()
    }
}

const fn unavailable(seconds: u64) -> KeyMiss {
    KeyMiss::Unavailable {
        retry_after: Duration::from_secs(seconds),
    }
}

#[test]
fn a_new_cache_fetches_the_key_set_once() {
    let mut world = World::with_key_set_uri();
    let callout = world.due().unwrap();
    assert_eq!(callout.cluster, "tls");
    assert_eq!(callout.endpoint, endpoint("https://issuer.test/keys"));
    assert_eq!(callout.timeout, secs(5));
    assert_eq!(world.due(), None, "it is under way");

    assert_eq!(world.respond(200, &keys(&["a"])), None);
    assert_eq!(world.ids(), ["a"]);
    assert_eq!(world.due(), None);
}

#[test]
fn the_key_set_is_fetched_from_where_discovery_says() {
    let mut world = World::with_discovery();
    assert_eq!(world.due().unwrap().endpoint.target, "/discovery");
    let document = json!({
        "issuer": ISSUER,
        "jwks_uri": "https://keys.test:8443/jwks?tenant=1",
        "token_endpoint": "https://issuer.test/token",
    });
    let Some(callout) = world.respond(200, &document.to_string()) else {
        panic!("no second callout");
    };
    assert_eq!(callout.cluster, "tls");
    assert_eq!(callout.endpoint.authority, "keys.test:8443");
    assert_eq!(callout.endpoint.target, "/jwks?tenant=1");
    assert_eq!(world.due(), None, "the fetch is still under way");
    assert_eq!(world.respond(200, &keys(&["b"])), None);
    assert_eq!(world.ids(), ["b"]);

    world.pass(REFRESH);
    assert_eq!(world.due().unwrap().endpoint.target, "/discovery");
}

#[test]
fn a_discovery_document_that_cannot_be_trusted_fails_the_fetch() {
    let document =
        |issuer: &str, jwks_uri: &str| json!({"issuer": issuer, "jwks_uri": jwks_uri}).to_string();
    let good_uri = "https://issuer.test/keys";
    for body in [
        document("https://evil.test", good_uri),
        document("https://issuer.test/", good_uri),
        document("https://ISSUER.test", good_uri),
        document("", good_uri),
        document(ISSUER, "http://issuer.test/keys"),
        document(ISSUER, "https://169.254.169.254/keys"),
        document(ISSUER, "/keys"),
        document(ISSUER, "ftp://issuer.test/keys"),
        document(ISSUER, "https://user:pw@issuer.test/keys"),
        document(ISSUER, "https://issuer.test/a/../keys"),
        document(ISSUER, "https://issuer.test/\r\nx: y"),
        document(ISSUER, ""),
        json!({"issuer": ISSUER}).to_string(),
        json!({"jwks_uri": good_uri}).to_string(),
        json!({"issuer": ISSUER, "jwks_uri": [good_uri]}).to_string(),
        keys(&["a"]),
        "<html>".into(),
        String::new(),
    ] {
        let mut world = World::with_discovery();
        world.due();
        assert_eq!(world.respond(200, &body), None, "{body}");
        assert!(world.ids().is_empty(), "{body}");
        assert_eq!(
            world.unknown_key(WaitPolicy::Wait),
            unavailable(1),
            "{body}"
        );
    }
}

#[test]
fn a_plaintext_issuer_may_name_a_plaintext_key_set() {
    let start = endpoint("http://127.0.0.1:8080/discovery");
    let mut world = World::new(Start::Discovery(start));
    assert_eq!(world.due().unwrap().cluster, "plain");
    let document = json!({"issuer": ISSUER, "jwks_uri": "http://127.0.0.1:8080/keys"});
    assert!(matches!(
        world.respond(200, &document.to_string()),
        Some(callout) if callout.cluster == "plain"
    ));
}

#[test]
fn a_failed_fetch_keeps_the_old_keys_and_is_repeated() {
    let good = keys(&["b"]);
    for answer in [
        CalloutResponse::NoResponse,
        CalloutResponse::NoCluster,
        CalloutResponse::TooLarge,
        response(500, good.as_bytes()),
        response(302, good.as_bytes()),
        response(204, b""),
        response(206, good.as_bytes()),
        response(200, b""),
        response(200, b"<html></html>"),
        response(200, br#"{"keys":[]}"#),
        response(200, &good.as_bytes()[..good.len() - 1]),
    ] {
        let mut world = World::warm(&["a"]);
        world.pass(REFRESH);
        assert!(world.due().is_some());
        assert_eq!(
            world
                .cache
                .on_response(answer, world.now, &world.shared_data),
            None
        );
        assert_eq!(world.ids(), ["a"], "{answer:?}");
        assert_eq!(world.due(), None, "{answer:?}");
        world.pass(1);
        world.fetch(&["b"]);
        assert_eq!(world.ids(), ["b"]);
    }
}

#[test]
fn failures_back_off_up_to_thirty_seconds() {
    let mut world = World::with_key_set_uri();
    for wait in [1, 2, 4, 8, 16, 30, 30, 30] {
        world.fail();
        world.pass(wait - 1);
        assert_eq!(world.due(), None, "after {} of {wait} s", wait - 1);
        assert_eq!(world.unknown_key(WaitPolicy::Wait), unavailable(1));
        world.pass(1);
    }
    world.fetch(&["a"]);
    world.pass(REFRESH);
    world.fail();
    world.pass(1);
    assert!(world.due().is_some(), "a success resets the back-off");
}

#[test]
fn keys_are_refreshed_at_each_refresh_interval() {
    let mut world = World::warm(&["a"]);
    for ids in [["a", "b"], ["b", "c"]] {
        world.pass(REFRESH * 8 / 10 - 1);
        assert_eq!(world.due(), None);
        world.pass(REFRESH * 15 / 100 + 1);
        world.fetch(&ids);
        assert_eq!(world.ids(), ids);
    }
}

#[test]
fn stale_keys_are_used_for_max_stale_and_no_longer() {
    let mut world = World::warm(&["a"]);
    world.pass(REFRESH + STALE);
    world.fail();
    assert!(!world.cache.expire(world.now));
    assert_eq!(world.ids(), ["a"]);

    world.pass(1);
    assert!(world.cache.expire(world.now));
    assert!(world.ids().is_empty());
    assert!(!world.cache.expire(world.now), "it says so once");

    world.fetch(&["b"]);
    assert_eq!(world.ids(), ["b"]);
    assert!(!world.cache.expire(world.now));
}

#[test]
fn an_inline_key_set_is_never_fetched_and_never_expires() {
    let shared_data = MemorySharedData::default();
    let parsed = KeySet::parse(keys(&["a"]).as_bytes()).unwrap();
    let mut cache = JwksCache::new(&JwksSource::Inline(parsed), &shared_data);
    let end = NOW + Duration::MAX;
    assert_eq!(cache.poll(end, &shared_data), Poll::default());
    assert!(!cache.expire(end));
    for wait_policy in [WaitPolicy::Wait, WaitPolicy::DoNotWait] {
        assert_eq!(cache.on_unknown_key(wait_policy, end), KeyMiss::UnknownKey);
    }
    let stray = cache.on_response(CalloutResponse::NoResponse, end, &shared_data);
    assert_eq!(stray, None);
    assert_eq!(cache.keys().len(), 1);
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let mut world = World::with_discovery();
    assert!(world.due().is_some());
    let discovery = json!({"issuer": ISSUER, "jwks_uri": "https://issuer.test/keys"}).to_string();
    let next = world.respond(200, &format!("\u{feff}{discovery}"));
    assert!(next.is_some());
    assert_eq!(
        world.respond(200, &format!("\u{feff}{}", keys(&["k"]))),
        None
    );
    assert_eq!(world.cache.keys().len(), 1);
}

#[test]
fn the_error_of_a_redirect_names_the_document_and_the_target() {
    let status = |world: &World| {
        let status = world.cache.status(ISSUER, world.now);
        status.fetching.and_then(|fetching| fetching.last_error)
    };
    let redirect = CalloutResponse::Response {
        status: 302,
        body: b"",
        lifetime: None,
        location: Some(b"https://login.test/\x1b[31m"),
    };
    for (mut world, document) in [
        (World::with_discovery(), "the discovery document redirects"),
        (World::with_key_set_uri(), "the key set redirects"),
    ] {
        assert!(world.due().is_some());
        let next = world
            .cache
            .on_response(redirect, world.now, &world.shared_data);
        assert_eq!(next, None);
        let error = status(&world).unwrap();
        let target = "(302) to https://login.test/\u{fffd}[31m, which is not followed";
        assert!(error.contains(document), "{error}");
        assert!(error.contains(target), "{error}");
    }
}

#[test]
fn each_part_of_the_address_changes_the_name_in_the_shared_data() {
    let mut all = Vec::new();
    for url in [
        "https://a.test/keys",
        "http://a.test/keys",
        "https://b.test/keys",
        "https://a.test/other",
        "https://a.test:444/keys",
    ] {
        for (issuer, cluster) in [("i", "c"), ("j", "c"), ("i", "d")] {
            let settings = RemoteKeys {
                issuer: issuer.into(),
                clusters: Clusters {
                    http: cluster.into(),
                    https: cluster.into(),
                },
                ..settings(Start::KeySet(endpoint(url)))
            };
            all.push(crate::fetch::refreshed::Source::name(&settings));
        }
    }
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
}
