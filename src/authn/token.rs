//! Where a client puts its token, and every place that must be emptied before a request goes on.
//!
//! Each SDK has its own place. A slot counts only for providers whose SDKs use it; all of them are
//! emptied for every provider.

use crate::head::{RepeatedHeader, RequestHead};
use crate::route::percent_decoded;

/// A place where clients put a token, in the order in which they are looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenSlot {
    /// A header of the gateway's own, which counts for every provider.
    SideHeader,
    /// `Authorization: Bearer <token>`.
    Bearer,
    /// `x-api-key: <token>`.
    XApiKey,
    /// `x-goog-api-key: <token>`.
    XGoogApiKey,
    /// The query's `key=<token>`.
    KeyParameter,
    /// `x-amz-security-token: <token>`, of a client that signs with keys that mean nothing.
    SessionToken,
}

impl TokenSlot {
    /// The header that this slot is, if it is one whose name is fixed.
    pub const fn header(self) -> Option<&'static str> {
        match self {
            Self::Bearer => Some("authorization"),
            Self::XApiKey => Some("x-api-key"),
            Self::XGoogApiKey => Some("x-goog-api-key"),
            Self::SessionToken => Some(SESSION_TOKEN_HEADER),
            Self::SideHeader | Self::KeyParameter => None,
        }
    }
}

/// What a client put into a slot.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate<'a> {
    /// The slot.
    pub slot: TokenSlot,
    /// The token, not looked into.
    pub token: &'a [u8],
}

/// All that a client put into the slots.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Candidates<'a> {
    found: Vec<Candidate<'a>>,
    other_scheme: bool,
}

const SESSION_TOKEN_HEADER: &str = "x-amz-security-token";

/// Request headers that carry credentials of some client; the names of the gateway's own side
/// headers come on top.
const CREDENTIAL_HEADERS: [&str; 8] = [
    "authorization",
    "proxy-authorization",
    "x-api-key",
    "api-key",
    "x-goog-api-key",
    "x-redpanda-cloud-token",
    "cookie",
    "x-forwarded-client-cert",
];

/// Prefixes of header names that no client's request may carry upstream: AWS signatures, and what
/// the gateway itself says to the host.
const CREDENTIAL_HEADER_PREFIXES: [&str; 3] = ["x-amz-", "amz-sdk-", "x-ai-gateway-"];

/// Query parameters that carry credentials of some client, in lower case.
const CREDENTIAL_PARAMETERS: [&str; 5] =
    ["key", "api_key", "api-key", "access_token", "oauth_token"];

/// Prefix of the query parameters of a presigned AWS request, in lower case.
const CREDENTIAL_PARAMETER_PREFIX: &str = "x-amz-";

impl<'a> Candidates<'a> {
    /// Looks into every slot. A slot that is filled twice is refused: no reader of the request
    /// must be able to see another token than the gateway did.
    pub fn find(
        head: &'a RequestHead,
        query: Option<&'a [u8]>,
        side_headers: &[String],
    ) -> Result<Self, RepeatedHeader> {
        let mut candidates = Self::default();
        for name in side_headers {
            if let Some(value) = head.sole(name)? {
                candidates.push(TokenSlot::SideHeader, bearer(value).unwrap_or(value));
            }
        }
        if let Some(value) = head.sole("authorization")? {
            match bearer(value) {
                _ if is_joined(value) => return Err(repeated("authorization")),
                Some(token) => candidates.push(TokenSlot::Bearer, token),
                None => candidates.other_scheme = true,
            }
        }
        if let Some(token) = head.sole("x-api-key")? {
            candidates.push(TokenSlot::XApiKey, token);
        }
        if let Some(token) = head.sole("x-goog-api-key")? {
            candidates.push(TokenSlot::XGoogApiKey, token);
        }
        let mut keys = parameters(query).filter(|parameter| parameter.is_named("key"));
        if let Some(parameter) = keys.next() {
            if keys.next().is_some() {
                return Err(repeated("key= (query parameter)"));
            }
            candidates.push(TokenSlot::KeyParameter, parameter.value);
        }
        if let Some(token) = head.sole(SESSION_TOKEN_HEADER)? {
            candidates.push(TokenSlot::SessionToken, token);
        }
        Ok(candidates)
    }

    /// The first token in one of these slots or in a side header.
    pub fn first_of(&self, slots: &[TokenSlot]) -> Option<Candidate<'a>> {
        self.found
            .iter()
            .find(|candidate| {
                candidate.slot == TokenSlot::SideHeader || slots.contains(&candidate.slot)
            })
            .copied()
    }

    /// The first token in any slot.
    pub fn first(&self) -> Option<Candidate<'a>> {
        self.found.first().copied()
    }

    /// Whether `Authorization` was there, but not as a bearer token.
    pub const fn has_other_scheme(&self) -> bool {
        self.other_scheme
    }

    fn push(&mut self, slot: TokenSlot, token: &'a [u8]) {
        if !token.is_empty() {
            self.found.push(Candidate { slot, token });
        }
    }
}

/// Whether a header may carry a client's credential and so must not go upstream as it came. An
/// underscore counts as a hyphen, since some servers read it so.
pub fn is_credential_header(name: &str, side_headers: &[String]) -> bool {
    let hyphenated = |name: &str| name.replace('_', "-");
    let name = hyphenated(name);
    CREDENTIAL_HEADERS.contains(&name.as_str())
        || CREDENTIAL_HEADER_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix))
        || side_headers.iter().any(|side| hyphenated(side) == name)
}

/// A query without the parameters that may carry credentials; all others byte for byte.
pub fn query_without_credentials(query: &[u8]) -> Vec<u8> {
    if parameters(Some(query)).all(|parameter| !parameter.is_credential()) {
        return query.to_vec();
    }
    let kept: Vec<&[u8]> = parameters(Some(query))
        .filter(|parameter| !parameter.is_credential())
        .map(|parameter| parameter.raw)
        .collect();
    kept.join(&b'&')
}

/// The token of `Bearer <token>`, the scheme in any case (RFC 9110 §11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(6)?;
    let is_bearer = scheme.eq_ignore_ascii_case(b"bearer")
        && (rest.is_empty() || rest.starts_with(b" ") || rest.starts_with(b"\t"));
    is_bearer.then(|| rest.trim_ascii())
}

/// Whether a host has joined two `Authorization` headers by a comma, as Envoy does. The
/// parameters of other schemes have commas of their own.
fn is_joined(value: &[u8]) -> bool {
    value
        .split(|byte| *byte == b',')
        .skip(1)
        .any(|part| bearer(value).is_some() || bearer(part.trim_ascii()).is_some())
}

fn repeated(name: &str) -> RepeatedHeader {
    RepeatedHeader { name: name.into() }
}

/// One `name=value` of a query, as sent.
struct Parameter<'a> {
    raw: &'a [u8],
    name: &'a [u8],
    value: &'a [u8],
}

impl Parameter<'_> {
    fn is_named(&self, name: &str) -> bool {
        percent_decoded(self.name).eq_ignore_ascii_case(name.as_bytes())
    }

    fn is_credential(&self) -> bool {
        let name = percent_decoded(self.name).to_ascii_lowercase();
        name.starts_with(CREDENTIAL_PARAMETER_PREFIX.as_bytes())
            || CREDENTIAL_PARAMETERS
                .iter()
                .any(|parameter| parameter.as_bytes() == name)
    }
}

fn parameters(query: Option<&[u8]>) -> impl Iterator<Item = Parameter<'_>> {
    query
        .into_iter()
        .flat_map(|query| query.split(|byte| *byte == b'&'))
        .map(|raw| {
            let mut parts = raw.splitn(2, |byte| *byte == b'=');
            Parameter {
                raw,
                name: parts.next().unwrap_or_default(),
                value: parts.next().unwrap_or_default(),
            }
        })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::testing::head;

    fn side_headers() -> Vec<String> {
        vec![
            "x-ai-gateway-authorization".into(),
            "x-redpanda-cloud-token".into(),
        ]
    }

    fn first(headers: &[(&str, &str)], slots: &[TokenSlot]) -> Option<String> {
        let head = head(headers);
        let side_headers = side_headers();
        let candidates = Candidates::find(&head, Some(b"a=1&key=q"), &side_headers).unwrap();
        candidates
            .first_of(slots)
            .map(|found| String::from_utf8(found.token.to_vec()).unwrap())
    }

    #[test]
    fn a_slot_counts_only_where_it_is_asked_for() {
        let headers = [
            ("authorization", "Bearer b"),
            ("x-api-key", "k"),
            ("x-goog-api-key", "g"),
        ];
        use TokenSlot::*;
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
    fn side_headers_come_first_with_or_without_their_scheme() {
        for side in [
            ("x-ai-gateway-authorization", "Bearer s"),
            ("x-ai-gateway-authorization", "s"),
            ("x-redpanda-cloud-token", "s"),
            ("x-redpanda-cloud-token", "bearer s"),
        ] {
            let headers = [("authorization", "Bearer b"), side];
            assert_eq!(first(&headers, &[TokenSlot::Bearer]).as_deref(), Some("s"));
        }
    }

    #[test]
    fn bearer_values_are_read_as_rfc_9110_says() {
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
    fn authorization_headers_that_a_host_has_joined_are_refused() {
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
    fn a_slot_that_is_filled_twice_is_refused() {
        for name in [
            "authorization",
            "x-api-key",
            "x-goog-api-key",
            "x-ai-gateway-authorization",
        ] {
            let head = head(&[(name, "Bearer a"), (name, "Bearer a")]);
            let error = Candidates::find(&head, None, &side_headers()).unwrap_err();
            assert_eq!(error.name, name);
        }
        let query = b"key=a&%6Bey=b".as_slice();
        assert!(Candidates::find(&head(&[]), Some(query), &[]).is_err());
    }

    #[test]
    fn every_credential_leaves_the_query_and_nothing_else_does() {
        for (query, kept) in [
            ("", ""),
            ("alt=sse", "alt=sse"),
            ("alt=sse&key=T", "alt=sse"),
            ("key=T", ""),
            ("KEY=T&a=%2F&&b", "a=%2F&&b"),
            ("%6b%65y=T&a", "a"),
            (
                "a=key&monkey=1&keys=2&x=a+b%26c",
                "a=key&monkey=1&keys=2&x=a+b%26c",
            ),
            ("X-Amz-Signature=s&X-Amz-Security-Token=t&a=b", "a=b"),
            ("access_token=t&api_key=k&api-key=k&oauth_token=o&z", "z"),
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
        fn no_query_keeps_a_credential_or_loses_anything_else(query in any_query()) {
            let kept = query_without_credentials(&query);
            prop_assert_eq!(&query_without_credentials(&kept), &kept);
            prop_assert!(parameters(Some(&kept)).all(|parameter| !parameter.is_credential()));
            let harmless = |query| {
                let all = parameters(Some(query)).filter(|parameter| !parameter.is_credential());
                all.map(|parameter| parameter.raw.to_vec()).collect::<Vec<_>>().join(&b'&')
            };
            prop_assert_eq!(harmless(&query), kept);
        }

        #[test]
        fn no_head_makes_the_search_panic(
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
}
