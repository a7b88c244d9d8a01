use proptest::prelude::*;

use super::*;
use crate::testing::head;

fn token_headers() -> Vec<String> {
    vec![
        "x-ai-gateway-authorization".into(),
        "x-redpanda-cloud-token".into(),
    ]
}

fn first(headers: &[(&str, &str)], locations: &[TokenLocation]) -> Option<String> {
    let head = head(headers);
    let token_headers = token_headers();
    let candidates = Candidates::find(&head, Some(b"a=1&key=q"), &token_headers).unwrap();
    candidates
        .first_of(locations)
        .map(|found| String::from_utf8(found.token.to_vec()).unwrap())
}

#[test]
fn only_the_requested_locations_are_read() {
    let headers = [
        ("authorization", "Bearer b"),
        ("x-api-key", "k"),
        ("x-goog-api-key", "g"),
    ];
    use TokenLocation::*;
    assert_eq!(first(&headers, &[Bearer]).as_deref(), Some("b"));
    assert_eq!(first(&headers, &[Bearer, XApiKey]).as_deref(), Some("b"));
    assert_eq!(first(&headers, &[XApiKey]).as_deref(), Some("k"));
    assert_eq!(
        first(&headers, &[XGoogApiKey, KeyParameter]).as_deref(),
        Some("g")
    );
    assert_eq!(
        first(&[], &[XGoogApiKey, KeyParameter]).as_deref(),
        Some("q")
    );
    assert_eq!(first(&headers, &[]), None);
}

#[test]
fn gateway_token_headers_take_precedence_with_or_without_a_scheme() {
    for header in [
        ("x-ai-gateway-authorization", "Bearer s"),
        ("x-ai-gateway-authorization", "s"),
        ("x-redpanda-cloud-token", "s"),
        ("x-redpanda-cloud-token", "bearer s"),
    ] {
        let headers = [("authorization", "Bearer b"), header];
        assert_eq!(
            first(&headers, &[TokenLocation::Bearer]).as_deref(),
            Some("s")
        );
    }
}

#[test]
fn bearer_values_are_parsed_as_in_rfc_9110() {
    for (value, token) in [
        ("Bearer abc", Some("abc")),
        ("bEARER   abc ", Some("abc")),
        ("Bearer", Some("")),
        ("Bearer ", Some("")),
        ("Bearerabc", None),
        ("Basic abc", None),
        ("AWS4-HMAC-SHA256 Credential=x", None),
        ("", None),
    ] {
        assert_eq!(
            bearer(value.as_bytes()),
            token.map(str::as_bytes),
            "{value}"
        );
    }
}

#[test]
fn joined_authorization_headers_are_refused() {
    for (value, is_refused) in [
        ("Bearer a,Bearer b", true),
        ("Bearer a, Basic b", true),
        ("Basic a,bearer b", true),
        (
            "AWS4-HMAC-SHA256 Credential=a, SignedHeaders=b, Signature=c",
            false,
        ),
        ("Digest a=b, c=d", false),
    ] {
        let head = head(&[("authorization", value)]);
        let found = Candidates::find(&head, None, &[]);
        assert_eq!(found.is_err(), is_refused, "{value}");
    }
}

#[test]
fn two_tokens_in_one_location_are_refused() {
    for name in [
        "authorization",
        "x-api-key",
        "x-goog-api-key",
        "x-ai-gateway-authorization",
    ] {
        let head = head(&[(name, "Bearer a"), (name, "Bearer a")]);
        let error = Candidates::find(&head, None, &token_headers()).unwrap_err();
        assert_eq!(error.name, name);
    }
    let query = b"key=a&%6Bey=b".as_slice();
    assert!(Candidates::find(&head(&[]), Some(query), &[]).is_err());
}

#[test]
fn credentials_and_nothing_else_are_removed_from_the_query() {
    for (query, kept) in [
        ("", ""),
        ("alt=sse", "alt=sse"),
        ("alt=sse&key=T", "alt=sse"),
        ("key=T", ""),
        ("KEY=T&a=%2F&&b", "a=%2F&&b"),
        ("%6b%65y=T&a", "a"),
        ("a;key=T;b&c;", "a;b&c;"),
        (
            "a=key&monkey=1&keys=2&x=a+b%26c",
            "a=key&monkey=1&keys=2&x=a+b%26c",
        ),
        ("X-Amz-Signature=s&X-Amz-Security-Token=t&a=b", "a=b"),
        ("access_token=t&api_key=k&api-key=k&oauth_token=o&z", "z"),
        (
            "bearer_token=t&Subscription-Key=k&$httpHeaders=Authorization:t&%24HttpHeaders=x&$alt=sse",
            "$alt=sse",
        ),
    ] {
        assert_eq!(
            query_without_credentials(query.as_bytes()),
            kept.as_bytes(),
            "{query}"
        );
    }
}

fn any_query() -> impl Strategy<Value = Vec<u8>> {
    let parameter = prop_oneof![
        "(key|KEY|k%65y|api_key|x-amz-date|alt|monkey)?=?[a-z%&=+;/?]{0,6}"
            .prop_map(String::into_bytes),
        prop::collection::vec(any::<u8>(), 0..8),
    ];
    prop::collection::vec(parameter, 0..6).prop_map(|parameters| parameters.join(&b'&'))
}

proptest! {
    #[test]
    fn any_query_loses_its_credentials_and_nothing_else(query in any_query()) {
        let kept = query_without_credentials(&query);
        prop_assert_eq!(&query_without_credentials(&kept), &kept);
        prop_assert!(parameters(Some(&kept)).all(|parameter| !parameter.is_credential()));
        let harmless = |query| {
            let all = parameters(Some(query)).filter(|parameter| !parameter.is_credential());
            let raw = all.map(|parameter| parameter.raw.to_vec());
            raw.filter(|raw| !raw.is_empty()).collect::<Vec<_>>()
        };
        prop_assert_eq!(harmless(&query), harmless(&kept));
        if parameters(Some(&query)).all(|parameter| !parameter.is_credential()) {
            prop_assert_eq!(query, kept);
        }
    }

    #[test]
    fn any_head_can_be_searched(
        headers in prop::collection::vec(
            (
                prop::sample::select(vec!["authorization", "x-api-key", "x-goog-api-key", "a"]),
                prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..20),
                    "(Bearer|bearer|Basic)?[ \\t]{0,2}[a-z.]{0,9}".prop_map(String::into_bytes),
                ],
            ),
            0..5,
        ),
        query in any_query(),
    ) {
        let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value));
        let head = RequestHead::new(headers.collect());
        if let Ok(candidates) = Candidates::find(&head, Some(&query), &["a".to_owned()]) {
            prop_assert!(candidates.first().is_none_or(|first| !first.token.is_empty()));
        }
    }
}
