//! `providers`: each with its kind's defaults, and its credential.

use std::borrow::Cow;
use std::collections::BTreeMap;

use super::document;
use super::problem::Problems;
use super::{claim_match, text};
use crate::authn::jwks::Clusters;
use crate::authn::token::is_credential_header;
use crate::credential::{Credential, GatewayToken, Secret};
use crate::forward::{CLUSTER_HEADER, PROVIDER_HEADER};
use crate::provider::{KeyPlacement, Provider, ProviderKind};
use crate::url::BaseUrl;

/// Headers that the host's framing or this filter decides on.
const RESERVED_HEADERS: [&str; 6] = [
    "host",
    "connection",
    "content-length",
    "transfer-encoding",
    "upgrade",
    "te",
];

pub(super) fn read(
    documents: Vec<document::Provider>,
    clusters: &Clusters,
    env: &dyn Fn(&str) -> Option<String>,
    problems: &mut Problems,
) -> BTreeMap<String, Provider> {
    let mut providers = BTreeMap::new();
    for (index, document) in documents.into_iter().enumerate() {
        let path = format!("/providers/{index}");
        if !text::is_provider_name(&document.name) {
            problems.add(
                format_args!("{path}/name"),
                "must begin with a-z and have at most 63 of a-z, 0-9 and -",
            );
        }
        if providers.contains_key(&document.name) {
            problems.add(
                format_args!("{path}/name"),
                format_args!("\"{}\" is the name of another provider", document.name),
            );
        }
        if let Some(provider) = provider(document, clusters, env, &path, problems) {
            providers.insert(provider.name.clone(), provider);
        }
    }
    providers
}

fn provider(
    document: document::Provider,
    clusters: &Clusters,
    env: &dyn Fn(&str) -> Option<String>,
    path: &str,
    problems: &mut Problems,
) -> Option<Provider> {
    let Some(kind) = ProviderKind::from_type_name(&document.kind) else {
        let known = ProviderKind::ALL.map(|kind| kind.profile().type_name);
        problems.add(
            format_args!("{path}/type"),
            format_args!("must be one of {}", known.join(", ")),
        );
        return None;
    };
    let credential = credential(&document, kind, env, path, problems);
    let public_service = kind.profile().base_url;
    let base_url = match document.base_url.as_deref().or(public_service) {
        Some(url) => problems.take(format_args!("{path}/base_url"), BaseUrl::parse(url)),
        None => {
            problems.add(
                format_args!("{path}/base_url"),
                format_args!("is needed for type {kind}"),
            );
            None
        }
    };
    let headers = headers(document.headers, path, problems);
    let allow = document.allow.map(|rules| {
        rules
            .into_iter()
            .enumerate()
            .filter_map(|(index, rule)| {
                let path = format!("{path}/allow/{index}");
                claim_match(rule.subject, rule.claim, rule.value, &path, problems)
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
        models: document.models,
        headers,
        allow,
    })
}

/// A key, passthrough, or nothing: whichever the kind allows, and never two of them.
fn credential(
    document: &document::Provider,
    kind: ProviderKind,
    env: &dyn Fn(&str) -> Option<String>,
    path: &str,
    problems: &mut Problems,
) -> Option<Credential> {
    let rule = kind.profile().credentials;
    if document.require_gateway_token && !document.authorization_passthrough {
        problems.add(
            format_args!("{path}/require_gateway_token"),
            "has a meaning with authorization_passthrough only; without it a token is always needed",
        );
    }
    let placement = key_placement(document, kind, path, problems);
    match (&document.api_key, document.authorization_passthrough) {
        (Some(_), true) => {
            problems.add(
                format_args!("{path}/api_key"),
                "contradicts authorization_passthrough; leave out one of both",
            );
            None
        }
        (Some(key), false) => {
            let key = problems.take(format_args!("{path}/api_key"), secret(key, env))?;
            Some(Credential::ApiKey { key, placement })
        }
        (None, true) if rule.passthrough => Some(Credential::Passthrough {
            gateway_token: if document.require_gateway_token {
                GatewayToken::Required
            } else {
                GatewayToken::Optional
            },
        }),
        (None, true) => {
            problems.add(
                format_args!("{path}/authorization_passthrough"),
                format_args!("is not possible for type {kind}"),
            );
            None
        }
        (None, false) if rule.optional => Some(Credential::None),
        (None, false) => {
            problems.add(
                format_args!("{path}/api_key"),
                "is needed: name the environment variable that holds it, {\"env\": \"NAME\"}",
            );
            None
        }
    }
}

fn key_placement(
    document: &document::Provider,
    kind: ProviderKind,
    path: &str,
    problems: &mut Problems,
) -> Option<KeyPlacement> {
    let name = document.api_key_header.as_ref()?.to_ascii_lowercase();
    let path = format!("{path}/api_key_header");
    if !kind.profile().credentials.key_header {
        problems.add(path, format_args!("is not possible for type {kind}"));
    } else if document.api_key.is_none() {
        problems.add(path, "has a meaning with api_key only");
    } else if !text::is_header_name(&name)
        || RESERVED_HEADERS.contains(&name.as_str())
        || [CLUSTER_HEADER, PROVIDER_HEADER].contains(&name.as_str())
    {
        problems.add(path, "is not a header name that can carry a key");
    } else if name != "authorization" {
        return Some(KeyPlacement::Header(Cow::Owned(name)));
    }
    None
}

/// The secret itself. Its value is in no error.
fn secret(
    secret: &document::Secret,
    env: &dyn Fn(&str) -> Option<String>,
) -> Result<Secret, String> {
    let (value, origin) = match secret {
        document::Secret::Value(value) => (value.clone(), "the value".to_owned()),
        document::Secret::Env(name) if !text::is_variable_name(name) => {
            return Err(
                "must name an environment variable; what is there cannot be its name".to_owned(),
            );
        }
        document::Secret::Env(name) => (
            env(name).ok_or_else(|| {
                format!(
                    "the environment variable {name} is not set; set it for Envoy and list it in \
                     vm_config.environment_variables.host_env_keys"
                )
            })?,
            format!("the environment variable {name}"),
        ),
    };
    if text::is_header_value(&value) {
        Ok(Secret::new(value))
    } else {
        Err(format!(
            "{origin} is empty or has spaces around it, line breaks or characters beyond ASCII"
        ))
    }
}

fn headers(
    headers: BTreeMap<String, String>,
    path: &str,
    problems: &mut Problems,
) -> Vec<(String, String)> {
    headers
        .into_iter()
        .map(|(name, value)| {
            let path = format!(
                "{path}/headers/{}",
                name.replace('~', "~0").replace('/', "~1")
            );
            let name = name.to_ascii_lowercase();
            if !text::is_header_name(&name) || RESERVED_HEADERS.contains(&name.as_str()) {
                problems.add(&path, "is not a header name that can be set");
            }
            if is_credential_header(&name, &[]) {
                problems.add(
                    &path,
                    "is a credential header; use api_key and api_key_header",
                );
            }
            if !text::is_header_value(&value) {
                problems.add(&path, "must be visible ASCII");
            }
            (name, value)
        })
        .collect()
}
