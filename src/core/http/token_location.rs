//! Where clients put the gateway's token, and what must be removed before a request is forwarded.
//!
//! Each SDK has its own location. A location is read only for providers whose SDKs use it, but all
//! locations are cleared for every provider.

use crate::http::encoding::percent_decode;
use crate::http::head::{RepeatedHeader, RequestHead};
use crate::http::header_class::hyphenated;
use crate::http::token_shape::holds_token;

/// The prefix of a token among the subprotocols that a WebSocket client offers, in lower case.
const TOKEN_SUBPROTOCOLS: [&str; 1] = ["openai-insecure-api-key."];

/// A location of a token, in the order of precedence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TokenLocation {
    /// A header for the gateway's token, which is read for every provider.
    GatewayTokenHeader,
    /// `Authorization: Bearer <token>`.
    Bearer,
    /// `x-api-key: <token>`.
    XApiKey,
    /// `api-key: <token>`.
    ApiKey,
    /// `x-goog-api-key: <token>`.
    XGoogApiKey,
    /// The query's `key=<token>`.
    KeyParameter,
    /// `x-amz-security-token: <token>`, of a client that signs with placeholder keys.
    SessionToken,
    /// A subprotocol `<prefix><token>` in a WebSocket handshake, where browsers cannot set other
    /// headers.
    Subprotocol,
}

impl TokenLocation {
    /// The location's header, if its name is fixed.
    pub const fn header(self) -> Option<&'static str> {
        match self {
            Self::Bearer => Some("authorization"),
            Self::XApiKey => Some("x-api-key"),
            Self::ApiKey => Some("api-key"),
            Self::XGoogApiKey => Some("x-goog-api-key"),
            Self::SessionToken => Some(SESSION_TOKEN_HEADER),
            Self::Subprotocol => Some(SUBPROTOCOL_HEADER),
            Self::GatewayTokenHeader | Self::KeyParameter => None,
        }
    }
}

/// A token that a client sent, not verified.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Candidate<'a> {
    /// Where it was found.
    pub slot: TokenLocation,
    /// The token.
    pub token: &'a [u8],
}

/// All tokens that a client sent.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Candidates<'a> {
    found: Vec<Candidate<'a>>,
    other_scheme: bool,
}

const SESSION_TOKEN_HEADER: &str = "x-amz-security-token";

/// The subprotocols that a client offers, a list (RFC 6455 §11.3.4).
pub const SUBPROTOCOL_HEADER: &str = "sec-websocket-protocol";

/// Prefixes of headers that are not forwarded: AWS signatures, and headers between the gateway and
/// the host.
const CREDENTIAL_HEADER_PREFIXES: [&str; 3] = ["x-amz-", "amz-sdk-", "x-ai-gateway-"];

/// Query parameters that carry credentials, in lower case. `$httpHeaders` carries whole headers,
/// which servers treat as the request's own.
const CREDENTIAL_PARAMETERS: [&str; 9] = [
    "key",
    "api_key",
    "api-key",
    "access_token",
    "oauth_token",
    "bearer_token",
    "subscription-key",
    "$httpheaders",
    GRANT_PARAMETER,
];

/// The query parameter with the grant of an upload.
pub const GRANT_PARAMETER: &str = "x-ai-gateway-upload";

/// Prefix of the query parameters of a presigned AWS request, in lower case.
const CREDENTIAL_PARAMETER_PREFIX: &str = "x-amz-";

impl<'a> Candidates<'a> {
    /// Reads every location. Fails if one has two tokens: otherwise the upstream could read another
    /// token than the gateway did.
    pub fn find(
        head: &'a RequestHead,
        query: Option<&'a [u8]>,
        token_headers: &[String],
    ) -> Result<Self, RepeatedHeader> {
        let mut candidates = Self::default();
        for name in token_headers {
            if let Some(value) = head.sole(name)? {
                candidates.push(
                    TokenLocation::GatewayTokenHeader,
                    bearer(value).unwrap_or(value),
                );
            }
        }
        if let Some(value) = head.sole("authorization")? {
            match bearer(value) {
                _ if is_joined(value) => return Err(repeated("authorization")),
                Some(token) => candidates.push(TokenLocation::Bearer, token),
                None => candidates.other_scheme = true,
            }
        }
        if let Some(token) = head.sole("x-api-key")? {
            candidates.push(TokenLocation::XApiKey, token);
        }
        if let Some(token) = head.sole("api-key")? {
            candidates.push(TokenLocation::ApiKey, token);
        }
        if let Some(token) = head.sole("x-goog-api-key")? {
            candidates.push(TokenLocation::XGoogApiKey, token);
        }
        let mut keys = parameters(query).filter(|parameter| parameter.is_named("key"));
        if let Some(parameter) = keys.next() {
            if keys.next().is_some() {
                return Err(repeated("key= (query parameter)"));
            }
            candidates.push(TokenLocation::KeyParameter, parameter.value);
        }
        if let Some(token) = head.sole(SESSION_TOKEN_HEADER)? {
            candidates.push(TokenLocation::SessionToken, token);
        }
        let mut tokens = subprotocols(head).filter_map(token_of_subprotocol);
        if let Some(token) = tokens.next() {
            if tokens.next().is_some() {
                return Err(repeated(SUBPROTOCOL_HEADER));
            }
            candidates.push(TokenLocation::Subprotocol, token);
        }
        Ok(candidates)
    }

    /// The first token in one of these locations or in a gateway token header.
    pub fn first_of(&self, locations: &[TokenLocation]) -> Option<Candidate<'a>> {
        self.found
            .iter()
            .find(|candidate| {
                candidate.slot == TokenLocation::GatewayTokenHeader
                    || locations.contains(&candidate.slot)
            })
            .copied()
    }

    /// The token in this location.
    pub fn in_location(&self, slot: TokenLocation) -> Option<&'a [u8]> {
        let found = self.found.iter().find(|candidate| candidate.slot == slot);
        found.map(|candidate| candidate.token)
    }

    /// The token at this index, in the order of the locations.
    pub fn get(&self, index: usize) -> Option<Candidate<'a>> {
        self.found.get(index).copied()
    }

    /// The first token in any location.
    pub fn first(&self) -> Option<Candidate<'a>> {
        self.found.first().copied()
    }

    /// Whether `Authorization` was sent with another scheme than `Bearer`.
    pub const fn has_other_scheme(&self) -> bool {
        self.other_scheme
    }

    fn push(&mut self, slot: TokenLocation, token: &'a [u8]) {
        if !token.is_empty() {
            self.found.push(Candidate { slot, token });
        }
    }
}

/// Whether a header may carry a client's credential and so must not be forwarded. An underscore is
/// treated as a hyphen, since some servers do so.
///
/// The list of subprotocols is not such a header: see [`subprotocols_without_credentials`].
pub fn is_credential_header(name: &[u8], token_headers: &[String]) -> bool {
    if token_headers.iter().any(|header| reads_as(name, header)) {
        return true;
    }
    if !name.contains(&b'_') {
        return is_known_credential_header(name);
    }
    let name: Vec<u8> = name.iter().map(hyphenated).collect();
    is_known_credential_header(&name) || name == SUBPROTOCOL_HEADER.as_bytes()
}

/// Whether a header is known to carry credentials. The gateway token headers are configured and not
/// listed here.
fn is_known_credential_header(name: &[u8]) -> bool {
    let is_listed = matches!(
        name,
        b"authorization"
            | b"proxy-authorization"
            | b"x-api-key"
            | b"api-key"
            | b"x-goog-api-key"
            | b"ocp-apim-subscription-key"
            | b"x-litellm-api-key"
            | b"cf-aig-authorization"
            | b"x-redpanda-cloud-token"
            | b"cookie"
            | b"x-forwarded-client-cert"
    );
    is_listed
        || CREDENTIAL_HEADER_PREFIXES
            .iter()
            .any(|prefix| name.starts_with(prefix.as_bytes()))
}

/// Whether servers that take an underscore for a hyphen read a header name as `known`.
pub fn reads_as(name: &[u8], known: &str) -> bool {
    name.len() == known.len()
        && name
            .iter()
            .map(hyphenated)
            .eq(known.as_bytes().iter().map(hyphenated))
}

/// A query without the parameters that may carry credentials. All others stay byte for byte.
pub fn query_without_credentials(query: &[u8]) -> Vec<u8> {
    let mut kept = Vec::with_capacity(query.len());
    let mut is_first = true;
    for parameter in parameters(Some(query)).filter(|parameter| !parameter.is_credential()) {
        if !std::mem::take(&mut is_first) {
            kept.extend(parameter.separator);
        }
        kept.extend_from_slice(parameter.raw);
    }
    kept
}

/// Whether a query has a parameter of this name, in any case.
pub fn has_parameter(query: &[u8], name: &str) -> bool {
    parameters(Some(query)).any(|parameter| parameter.is_named(name))
}

/// The value of a query parameter, if it occurs once.
pub fn sole_parameter<'a>(query: &'a [u8], name: &str) -> Option<&'a [u8]> {
    let mut named = parameters(Some(query)).filter(|parameter| parameter.is_named(name));
    let value = named.next()?.value;
    named.next().is_none().then_some(value)
}

/// The subprotocols that a client offers, without those that carry credentials; `None` if none
/// does.
pub fn subprotocols_without_credentials(head: &RequestHead) -> Option<Vec<u8>> {
    let is_credential =
        |offered: &&[u8]| token_of_subprotocol(offered).is_some() || holds_token(offered);
    subprotocols(head).find(is_credential)?;
    let kept = subprotocols(head).filter(|offered| !is_credential(offered));
    Some(kept.collect::<Vec<_>>().join(b", ".as_slice()))
}

/// The subprotocols that a client offers, in order.
fn subprotocols(head: &RequestHead) -> impl Iterator<Item = &[u8]> {
    head.values(SUBPROTOCOL_HEADER)
        .flat_map(|list| list.split(|byte| *byte == b','))
        .map(<[u8]>::trim_ascii)
        .filter(|offered| !offered.is_empty())
}

/// The token in `<prefix><token>`, which may be empty. The prefix may be in any case.
fn token_of_subprotocol(offered: &[u8]) -> Option<&[u8]> {
    TOKEN_SUBPROTOCOLS.iter().find_map(|prefix| {
        let (start, token) = offered.split_at_checked(prefix.len())?;
        start
            .eq_ignore_ascii_case(prefix.as_bytes())
            .then_some(token)
    })
}

/// The token of `Bearer <token>`. The scheme may be in any case (RFC 9110 §11.1).
fn bearer(value: &[u8]) -> Option<&[u8]> {
    let (scheme, rest) = value.split_at_checked(6)?;
    let is_bearer = scheme.eq_ignore_ascii_case(b"bearer")
        && (rest.is_empty() || rest.starts_with(b" ") || rest.starts_with(b"\t"));
    is_bearer.then(|| rest.trim_ascii())
}

/// Whether a value consists of two `Authorization` headers that the host joined by a comma, as
/// Envoy does. The parameters of other schemes contain commas too.
fn is_joined(value: &[u8]) -> bool {
    if memchr::memchr(b',', value).is_none() {
        return false;
    }
    value
        .split(|byte| *byte == b',')
        .skip(1)
        .map(<[u8]>::trim_ascii)
        .any(|part| bearer(part).is_some() || bearer(value).is_some() && !part.is_empty())
}

fn repeated(name: &str) -> RepeatedHeader {
    RepeatedHeader { name: name.into() }
}

/// A parameter `name=value` of a query, as sent.
struct Parameter<'a> {
    separator: Option<u8>,
    raw: &'a [u8],
    name: &'a [u8],
    value: &'a [u8],
}

impl Parameter<'_> {
    fn is_named(&self, name: &str) -> bool {
        percent_decode(self.name).eq_ignore_ascii_case(name.as_bytes())
    }

    fn is_credential(&self) -> bool {
        let name = percent_decode(self.name).to_ascii_lowercase();
        name.starts_with(CREDENTIAL_PARAMETER_PREFIX.as_bytes())
            || CREDENTIAL_PARAMETERS
                .iter()
                .any(|parameter| parameter.as_bytes() == name)
            || names_credential(&name)
            || holds_token(self.value)
            || holds_token(self.name)
    }
}

/// Whether the words of a parameter's name say that it is a credential. The tokens by which clients
/// ask for the next page are none.
fn names_credential(name: &[u8]) -> bool {
    let mut words = name.rsplit(|byte| matches!(byte, b'-' | b'_'));
    let (last, before) = (words.next().unwrap_or_default(), words.next());
    match last {
        b"token" => !matches!(
            before,
            Some(
                b"continuation"
                    | b"cursor"
                    | b"next"
                    | b"page"
                    | b"pagination"
                    | b"start"
                    | b"starting"
                    | b"sync"
            )
        ),
        b"key" => matches!(
            before,
            Some(b"access" | b"api" | b"auth" | b"secret" | b"subscription")
        ),
        b"accesstoken" | b"apikey" | b"apitoken" | b"assertion" | b"auth" | b"authorization"
        | b"authtoken" | b"bearer" | b"credential" | b"credentials" | b"idtoken" | b"jwt"
        | b"passwd" | b"password" | b"secret" | b"sessiontoken" => true,
        _ => false,
    }
}

/// The parameters of a query, separated by `&`, and for some servers by `;`.
fn parameters(query: Option<&[u8]>) -> impl Iterator<Item = Parameter<'_>> {
    let mut rest = query;
    let mut separator = None;
    std::iter::from_fn(move || {
        let query = rest?;
        let end = query.iter().position(|byte| matches!(byte, b'&' | b';'));
        let (raw, tail) = query.split_at(end.unwrap_or(query.len()));
        let next = tail.split_first();
        rest = next.map(|(_, tail)| tail);
        let mut parts = raw.splitn(2, |byte| *byte == b'=');
        Some(Parameter {
            separator: std::mem::replace(&mut separator, next.map(|(byte, _)| *byte)),
            raw,
            name: parts.next().unwrap_or_default(),
            value: parts.next().unwrap_or_default(),
        })
    })
}

#[cfg(test)]
mod tests;
