//! `providers`: each with the defaults of its type, and its credential.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::authorization::claim_match;
use super::document::{self, SecretError};
use super::problem::{Problems, pointer_segment};
use super::validators::{LINK_LOCAL, UNKNOWN_PARTITION, is_region};
use super::{aws, models, prices, validators};
use crate::fetch::callout::Clusters;
use crate::forward::response::{CONTAINMENT, GATEWAY_HEADER_PREFIX};
use crate::forward::{CLUSTER_HEADER, MCP_SERVER_HEADER, PROVIDER_HEADER};
use crate::http::head::is_header_value;
use crate::http::header_class::NamePattern;
use crate::http::token_location::is_credential_header;
use crate::http::url::BaseUrl;
use crate::provider::credential::{Credential, GatewayToken};
use crate::provider::{HeaderRules, Provider};
use crate::provider_kind::{DefaultEndpoint, KeyPlacement, ProviderKind};

/// Whether Envoy or this filter sets the header itself.
pub(super) fn is_reserved(name: &str) -> bool {
    RESERVED_HEADERS.contains(&name)
        || [CLUSTER_HEADER, MCP_SERVER_HEADER, PROVIDER_HEADER].contains(&name)
}

/// Headers that Envoy sets for the connection.
const RESERVED_HEADERS: [&str; 6] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "upgrade",
    "te",
];

pub(super) fn read(
    documents: Vec<document::ProviderConfig>,
    issuers: &[String],
    clusters: &Clusters,
    env: &dyn Fn(&str) -> Option<String>,
    problems: &mut Problems,
) -> BTreeMap<String, Provider> {
    let mut names = BTreeSet::new();
    let mut providers = BTreeMap::new();
    for (index, document) in documents.into_iter().enumerate() {
        let path = format!("/providers/{index}");
        if !validators::is_provider_name(&document.name) {
            problems.add(
                format_args!("{path}/name"),
                "must start with a-z and have at most 63 characters of a-z, 0-9 and -",
            );
        }
        if !names.insert(document.name.clone()) {
            problems.add(
                format_args!("{path}/name"),
                format_args!("\"{}\" is the name of another provider", document.name),
            );
        }
        if let Some(provider) = provider(document, issuers, clusters, env, &path, problems) {
            providers.insert(provider.name.clone(), provider);
        }
    }
    providers
}

fn provider(
    document: document::ProviderConfig,
    issuers: &[String],
    clusters: &Clusters,
    env: &dyn Fn(&str) -> Option<String>,
    path: &str,
    problems: &mut Problems,
) -> Option<Provider> {
    let Some(kind) = ProviderKind::from_type_name(&document.kind) else {
        let types = ProviderKind::ALL.map(|kind| kind.profile().type_name);
        problems.add(
            format_args!("{path}/type"),
            format_args!("must be one of {}", types.join(", ")),
        );
        return None;
    };
    let region = region(&document, kind, path, problems);
    let credential = match kind.profile().credentials.signing_service {
        Some(service) => aws::CredentialReader {
            provider: &document,
            region,
            service,
            clusters,
            env,
            path: path.to_owned(),
            problems,
        }
        .read(),
        None => credential(&document, kind, env, path, problems),
    };
    reject_inapplicable_fields(&document, kind, path, problems);
    let base_url = base_url(&document, kind, region, path, problems);
    if !document.allow_link_local && base_url.as_ref().is_some_and(BaseUrl::is_link_local) {
        problems.add(format_args!("{path}/base_url"), LINK_LOCAL);
    }
    let headers = headers(document.headers, path, problems);
    let lists = HeaderLists {
        request_headers_to_remove: document.request_headers_to_remove,
        request_headers_allowed: document.request_headers_allowed,
        response_headers_to_remove: document.response_headers_to_remove,
    };
    let header_rules = header_rules(lists, path, problems);
    let prices = prices::read(document.prices, path, problems);
    let catalog = models::read(document.models, path, problems);
    let paths = &document.paths_without_model;
    let paths_without_model = models::paths_without_model(paths, path, problems);
    let allowed = document.paths_allowed.as_deref();
    let paths = models::path_rules(&document.paths_denied, allowed, path, problems);
    let allow = document.allow.map(|rules| {
        rules
            .into_iter()
            .enumerate()
            .filter_map(|(index, rule)| {
                let path = format!("{path}/allow/{index}");
                claim_match(rule, issuers, &path, problems)
            })
            .collect()
    });
    let base_url = base_url?;
    Some(Provider {
        name: document.name,
        display_name: document.display_name,
        kind,
        enabled: document.enabled.unwrap_or(true),
        cluster: document
            .cluster
            .unwrap_or_else(|| clusters.of(base_url.scheme()).to_owned()),
        base_url,
        credential: credential?,
        catalog,
        paths_without_version: document.paths_without_version,
        paths_without_model,
        paths,
        prices: Rc::new(prices),
        headers,
        header_rules,
        allow,
    })
}

/// The AWS region; empty for types that are not signed.
fn region<'a>(
    document: &'a document::ProviderConfig,
    kind: ProviderKind,
    path: &str,
    problems: &mut Problems,
) -> &'a str {
    let is_signed = kind.profile().credentials.signing_service.is_some();
    let region = document.region.as_deref();
    if is_signed && !region.is_some_and(is_region) {
        problems.add(
            format_args!("{path}/region"),
            "must be the region of the service, such as \"us-east-1\"",
        );
    }
    region.unwrap_or_default()
}

fn base_url(
    document: &document::ProviderConfig,
    kind: ProviderKind,
    region: &str,
    path: &str,
    problems: &mut Problems,
) -> Option<BaseUrl> {
    let service = kind.profile().default_endpoint;
    let public = match service {
        DefaultEndpoint::None => None,
        DefaultEndpoint::Global(url) => Some(Cow::Borrowed(url)),
        DefaultEndpoint::Regional(url) => is_region(region).then(|| url(region)).flatten(),
    };
    match (document.base_url.as_deref(), public) {
        (Some(url), _) => problems.ok_or_add(format_args!("{path}/base_url"), BaseUrl::parse(url)),
        (None, Some(url)) => {
            problems.ok_or_add(format_args!("{path}/base_url"), BaseUrl::parse(&url))
        }
        (None, None) if matches!(service, DefaultEndpoint::Regional(_)) => {
            // A region that is missing or invalid is reported already.
            if is_region(region) {
                problems.add(format_args!("{path}/region"), UNKNOWN_PARTITION);
            }
            None
        }
        (None, None) => {
            problems.add(
                format_args!("{path}/base_url"),
                format_args!("is required for type {kind}"),
            );
            None
        }
    }
}

/// Rejects fields that have no effect for this type.
fn reject_inapplicable_fields(
    document: &document::ProviderConfig,
    kind: ProviderKind,
    path: &str,
    problems: &mut Problems,
) {
    let rule = kind.profile().credentials;
    let is_signed = rule.signing_service.is_some();
    for (field, is_set, is_applicable) in [
        ("region", document.region.is_some(), is_signed),
        ("credentials", document.credentials.is_some(), is_signed),
        ("signing", document.signing.is_some(), is_signed),
        ("api_key", document.api_key.is_some(), rule.api_key),
        (
            "api_key_header",
            document.api_key_header.is_some(),
            rule.key_header,
        ),
        (
            "authorization_passthrough",
            document.authorization_passthrough,
            rule.passthrough,
        ),
    ] {
        if is_set && !is_applicable {
            problems.add(
                format_args!("{path}/{field}"),
                format_args!("does not apply to type {kind}"),
            );
        }
    }
}

/// The credential: a key, passthrough or none, whichever the type allows.
fn credential(
    document: &document::ProviderConfig,
    kind: ProviderKind,
    env: &dyn Fn(&str) -> Option<String>,
    path: &str,
    problems: &mut Problems,
) -> Option<Credential> {
    let rule = kind.profile().credentials;
    if document.require_gateway_token && !document.authorization_passthrough {
        problems.add(
            format_args!("{path}/require_gateway_token"),
            "requires authorization_passthrough; without it a token is always required",
        );
    }
    let placement = key_placement(document, path, problems);
    match (&document.api_key, document.authorization_passthrough) {
        (Some(_), true) => {
            problems.add(
                format_args!("{path}/api_key"),
                "contradicts authorization_passthrough; remove one of the two",
            );
            None
        }
        (Some(key), false) => {
            let key = match key.resolve(env) {
                Err(SecretError::VariableNotSet(_)) if document.enabled == Some(false) => {
                    return Some(Credential::None);
                }
                key => problems.ok_or_add(format_args!("{path}/api_key"), key)?,
            };
            Some(Credential::ApiKey { key, placement })
        }
        (None, true) if rule.passthrough => Some(Credential::Passthrough {
            gateway_token: if document.require_gateway_token {
                GatewayToken::Required
            } else {
                GatewayToken::Optional
            },
        }),
        (None, true) => None,
        (None, false) if rule.optional => Some(Credential::None),
        (None, false) => {
            problems.add(
                format_args!("{path}/api_key"),
                "is required: name the environment variable that holds it, {\"env\": \"NAME\"}",
            );
            None
        }
    }
}

fn key_placement(
    document: &document::ProviderConfig,
    path: &str,
    problems: &mut Problems,
) -> Option<KeyPlacement> {
    let name = document.api_key_header.as_ref()?.to_ascii_lowercase();
    let path = format!("{path}/api_key_header");
    if document.api_key.is_none() {
        problems.add(path, "requires api_key");
    } else if !validators::is_header_name(&name) || is_reserved(&name) {
        problems.add(path, "is not a header name that can carry a key");
    } else if name != "authorization" {
        return Some(KeyPlacement::Header(Cow::Owned(name)));
    }
    None
}

fn headers(
    headers: BTreeMap<String, String>,
    path: &str,
    problems: &mut Problems,
) -> Vec<(String, String)> {
    headers
        .into_iter()
        .map(|(name, value)| {
            let path = format!("{path}/headers/{}", pointer_segment(&name));
            let name = name.to_ascii_lowercase();
            if !validators::is_header_name(&name) || RESERVED_HEADERS.contains(&name.as_str()) {
                problems.add(&path, "is not a header name that can be set");
            }
            if is_credential_header(name.as_bytes(), &[]) {
                problems.add(
                    &path,
                    "is a credential header; use api_key and api_key_header",
                );
            }
            if !is_header_value(&value) {
                problems.add(&path, "must be visible ASCII");
            }
            (name, value)
        })
        .collect()
}

/// The lists of headers that a document has for all providers, and each provider for itself.
pub(super) struct HeaderLists {
    pub(super) request_headers_to_remove: Option<Vec<String>>,
    pub(super) request_headers_allowed: Option<Vec<String>>,
    pub(super) response_headers_to_remove: Option<Vec<String>>,
}

/// What a list of headers is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum HeaderUse {
    RemoveFromRequests,
    AllowInRequests,
    RemoveFromResponses,
}

/// Headers that concern one connection, or the framing of a message.
const FRAMING_HEADERS: [&str; 9] = [
    "connection",
    "content-encoding",
    "content-length",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

pub(super) fn header_rules(lists: HeaderLists, path: &str, problems: &mut Problems) -> HeaderRules {
    let mut read = |names: Option<Vec<String>>, field, header_use| {
        let names = names?;
        let named = names.iter().enumerate();
        let patterns = named.map(|(index, name)| {
            let pattern = NamePattern::new(name);
            if let Some(problem) = pattern_problem(&pattern, header_use) {
                problems.add(format_args!("{path}/{field}/{index}"), problem);
            }
            pattern
        });
        Some(patterns.collect::<Vec<_>>())
    };
    HeaderRules {
        request_removed: read(
            lists.request_headers_to_remove,
            "request_headers_to_remove",
            HeaderUse::RemoveFromRequests,
        )
        .unwrap_or_default(),
        request_allowed: read(
            lists.request_headers_allowed,
            "request_headers_allowed",
            HeaderUse::AllowInRequests,
        ),
        response_removed: read(
            lists.response_headers_to_remove,
            "response_headers_to_remove",
            HeaderUse::RemoveFromResponses,
        )
        .unwrap_or_default(),
    }
}

/// Why a pattern cannot be used. Patterns with `*` never cover a header that HTTP needs.
fn pattern_problem(pattern: &NamePattern, header_use: HeaderUse) -> Option<&'static str> {
    let text = pattern.text();
    if text.is_empty() {
        let is_everything = !pattern.is_exact();
        return match header_use {
            HeaderUse::AllowInRequests if is_everything => None,
            _ if is_everything => Some("would remove every header"),
            _ => Some("is not a header name"),
        };
    }
    if !validators::is_header_name(text) {
        return Some("is not a header name");
    }
    if text.contains('*')
        || matches!(pattern, NamePattern::Suffix(_)) && header_use != HeaderUse::RemoveFromResponses
    {
        return Some("may have * only at the end");
    }
    if !pattern.is_exact() {
        return None;
    }
    if text == "host" || FRAMING_HEADERS.contains(&text) {
        return Some("is a header that HTTP needs");
    }
    let is_own = match header_use {
        HeaderUse::RemoveFromResponses => CONTAINMENT.iter().any(|(name, _)| *name == text),
        HeaderUse::RemoveFromRequests | HeaderUse::AllowInRequests => {
            text == "x-forwarded-proto" || is_credential_header(text.as_bytes(), &[])
        }
    };
    (is_own || text.starts_with(GATEWAY_HEADER_PREFIX))
        .then_some("is a header that the gateway itself sets or removes")
}
