//! Uploads whose bytes go to a URL from the provider's response.

use super::*;
use crate::testing::NOW_SECS;

const START: &str = "/my-google/upload/v1beta/files";
const AT_GOOGLE: &str = "https://generativelanguage.googleapis.com/upload/v1beta/files?upload_id=u1&upload_protocol=resumable";
const AT_GATEWAY: &str = "https://gateway.test/llm/v1/providers/my-google/upload/v1beta/files\
                       ?upload_id=u1&upload_protocol=resumable&x-ai-gateway-upload=";

/// The effects of a response with this URL on a request for `path` with a valid token.
fn on_response(gateway: &TestGateway, path: &str, url: &str) -> Vec<Effect> {
    let started = gateway.post(path, &[("x-goog-api-key", &good())]);
    started.forwarded();
    let head = [
        (":status", "200"),
        ("x-goog-upload-status", "active"),
        ("x-goog-upload-url", url),
    ];
    let head = head.map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec()));
    let head = ResponseHead::new(head.to_vec());
    let outcome = gateway.handle(started.transaction, Input::ResponseHead(head));
    let is_edit = |effect: &Effect| *effect != Effect::RemoveResponseHeaders(Vec::new());
    let mut effects: Vec<_> = outcome.effects.into_iter().filter(is_edit).collect();
    for effect in &mut effects {
        if let Effect::SetResponseHeaders(headers) = effect {
            headers.retain(|(name, _)| name.starts_with("x-goog-"));
        }
    }
    effects
}

/// The URL that the client gets, relative to the prefix.
fn link(gateway: &TestGateway) -> String {
    let effects = on_response(gateway, START, AT_GOOGLE);
    let [Effect::SetResponseHeaders(headers)] = effects.as_slice() else {
        panic!("{effects:?}");
    };
    let [("x-goog-upload-url", url)] = headers.as_slice() else {
        panic!("{headers:?}");
    };
    assert!(url.starts_with(AT_GATEWAY), "{url}");
    let below = url.split_once(PREFIX).unwrap().1;
    below.to_owned()
}

/// The response headers that are removed, if no URL is set.
fn removed(effects: &[Effect]) -> &[String] {
    match effects {
        [
            Effect::RemoveResponseHeaders(names),
            Effect::SetResponseHeaders(set),
        ] if set.is_empty() => names,
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_url_points_to_the_gateway_and_needs_no_token() {
    let gateway = TestGateway::warm();
    let link = link(&gateway);
    for (method, headers) in [("POST", vec![]), ("PUT", vec![("authorization", "")])] {
        let outcome = gateway.request(method, &link, &headers);
        let request = outcome.forwarded();
        assert_eq!(
            upstream(request, ":path"),
            Some("/upload/v1beta/files?upload_id=u1&upload_protocol=resumable")
        );
        assert_eq!(
            upstream(request, "x-goog-api-key"),
            Some("secret-of-GOOGLE_KEY")
        );
    }
    let with_token = gateway.post(&link, &[("x-goog-api-key", &good())]);
    with_token.forwarded();
}

#[test]
fn a_token_that_is_sent_is_checked() {
    let gateway = TestGateway::warm();
    let expired = token(json!({"exp": NOW_SECS - 1}));
    let outcome = gateway.post(&link(&gateway), &[("x-goog-api-key", &expired)]);
    assert_eq!(outcome.rejection(), rejection(401, "token_expired"));
}

#[test]
fn the_grant_covers_only_its_own_upload() {
    let gateway = TestGateway::warm();
    let link = link(&gateway);
    let missing = rejection(401, "token_missing");
    let others = [
        link.replace("u1", "u2"),
        link.replace("upload_protocol=resumable", "upload_protocol=raw"),
        link.replace("upload_id", "x=1&upload_id"),
        link.replace("upload/v1beta/files", "v1beta/models/m:generateContent"),
        link.replace("upload/", "download/"),
        link.replace("v1beta", "v1"),
        link.replace("my-google", "my-openai"),
        link.replace("my-google", "nobody"),
        link.replace("x-ai-gateway-upload=1", "x-ai-gateway-upload=2"),
        link.replace("x-ai-gateway-upload=", "x-ai-gateway-upload=0"),
        format!("{link}0"),
        format!("{link}&x-ai-gateway-upload="),
        link.split_once('-').unwrap().0.to_owned(),
        START.to_owned(),
    ];
    for other in others {
        assert_eq!(gateway.post(&other, &[]).rejection(), missing, "{other}");
    }
    for method in ["GET", "DELETE"] {
        assert_eq!(gateway.request(method, &link, &[]).rejection(), missing);
    }
    let overridden = [("x-http-method-override", "DELETE")];
    assert_eq!(gateway.post(&link, &overridden).rejection(), missing);
    for place in link.len() - 64..link.len() {
        let mut flipped = link.clone().into_bytes();
        flipped[place] ^= 1;
        let flipped = String::from_utf8(flipped).unwrap();
        assert_eq!(gateway.post(&flipped, &[]).rejection(), missing);
    }
}

#[test]
fn the_grant_expires_after_six_hours() {
    let mut gateway = TestGateway::warm();
    let link = link(&gateway);
    gateway.advance(6 * 3600 - 1);
    gateway.post(&link, &[]).forwarded();
    gateway.advance(1);
    assert_eq!(
        gateway.post(&link, &[]).rejection(),
        rejection(401, "token_missing")
    );
}

#[test]
fn a_url_that_cannot_lead_through_the_gateway_is_removed() {
    let gateway = TestGateway::warm();
    for (path, url) in [
        (
            START,
            "https://elsewhere.test/upload/v1beta/files?upload_id=u1",
        ),
        (
            START,
            "https://generativelanguage.googleapis.com.evil.test/upload/x?a",
        ),
        (
            START,
            "http://generativelanguage.googleapis.com/upload/v1beta/files?a",
        ),
        (START, "//elsewhere.test/upload/v1beta/files?upload_id=u1"),
        (START, ""),
        ("/my-google/v1beta/models", "http://elsewhere.test/x?a"),
        (
            "/my-google/v1beta/models/m:generateContent",
            "http://elsewhere.test/x?a",
        ),
        ("/my-google/v1beta/models/m:generateContent", AT_GOOGLE),
    ] {
        let effects = on_response(&gateway, path, url);
        assert_eq!(removed(&effects), ["x-goog-upload-url"], "{path} {url}");
    }
}

#[test]
fn a_url_at_the_provider_that_is_no_upload_leads_through_the_gateway_without_a_grant() {
    let gateway = TestGateway::warm();
    let at_gateway = "https://gateway.test/llm/v1/providers/my-google/upload/v1beta/files";
    for (path, url, expected) in [
        (
            START,
            "https://generativelanguage.googleapis.com/upload/v1beta/files",
            at_gateway.to_owned(),
        ),
        (
            START,
            "/upload/v1beta/files?upload_id=u1",
            format!("{at_gateway}?upload_id=u1"),
        ),
        (
            "/my-google/v1beta/models",
            AT_GOOGLE,
            format!("{at_gateway}?upload_id=u1&upload_protocol=resumable"),
        ),
    ] {
        let effects = on_response(&gateway, path, url);
        let [Effect::SetResponseHeaders(headers)] = effects.as_slice() else {
            panic!("{effects:?}");
        };
        assert_eq!(
            headers[0],
            ("x-goog-upload-url", expected.into()),
            "{path} {url}"
        );
    }
}

#[test]
fn the_base_path_is_removed_from_the_url() {
    for (base, url) in [
        (
            "https://a.test/b/v1beta",
            "https://a.test/b/upload/v1beta/files?upload_id=u1",
        ),
        (
            "https://a.test/b",
            "https://a.test/b/upload/v1beta/files?upload_id=u1",
        ),
    ] {
        let mut document = document();
        document["providers"][2]["base_url"] = json!(base);
        let gateway = TestGateway::cold(&document);
        gateway.publish_keys(&["k"]);
        let effects = on_response(&gateway, START, url);
        let [Effect::SetResponseHeaders(headers)] = effects.as_slice() else {
            panic!("{effects:?}");
        };
        let (_, link) = &headers[0];
        assert!(
            link.contains("/llm/v1/providers/my-google/upload/v1beta/files?upload_id=u1&"),
            "{link}"
        );
        let below = link.split_once(PREFIX).unwrap().1;
        let outcome = gateway.post(below, &[]);
        assert_eq!(
            upstream(outcome.forwarded(), ":path"),
            Some("/b/upload/v1beta/files?upload_id=u1")
        );
    }
}
