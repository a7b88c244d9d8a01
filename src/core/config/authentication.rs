//! `authentication`: the issuers of accepted tokens, and where their keys come from.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::document;
use super::problem::Problems;
use super::validators::LINK_LOCAL;
use super::{defaults, list_or_default, validators};
use crate::authn::jwk::{Algorithm, KeySet};
use crate::authn::jwks::{JwksSource, RemoteKeys, Start};
use crate::authn::jwt::Audiences;
use crate::authn::signature::VerifierChoice;
use crate::authn::{Issuer, TokenLimits};
use crate::fetch::callout::Clusters;
use crate::http::url::{BaseUrl, Endpoint};

/// What `max_token_bytes` may be. Cached tokens are kept whole, and hosts limit headers too.
const TOKEN_BYTES: RangeInclusive<usize> = 1024..=64 * 1024;

/// How callers are authenticated.
#[derive(Clone, Debug)]
pub enum Authentication {
    /// By tokens of these issuers.
    Tokens {
        /// The issuers.
        issuers: Vec<Issuer>,
        /// The limits of tokens and of their cache.
        limits: TokenLimits,
        /// What verifies signatures.
        verifier: VerifierChoice,
    },
    /// Not at all.
    Disabled,
}

impl Authentication {
    /// The limits of tokens and of their cache.
    pub const fn limits(&self) -> TokenLimits {
        match self {
            Self::Tokens { limits, .. } => *limits,
            Self::Disabled => TokenLimits {
                max_bytes: defaults::MAX_TOKEN_BYTES,
                cache_size: 1,
            },
        }
    }

    /// What verifies signatures.
    pub const fn verifier(&self) -> VerifierChoice {
        match self {
            Self::Tokens { verifier, .. } => *verifier,
            Self::Disabled => VerifierChoice::Auto,
        }
    }
}

pub(super) fn read(
    authentication: document::AuthenticationConfig,
    clusters: &Clusters,
    problems: &mut Problems,
) -> Authentication {
    let cache_size = authentication
        .token_cache_size
        .unwrap_or(defaults::TOKEN_CACHE_SIZE);
    if !(1..=100_000).contains(&cache_size) {
        problems.add(
            "/authentication/token_cache_size",
            "must be from 1 to 100000",
        );
    }
    let max_bytes = authentication
        .max_token_bytes
        .unwrap_or(defaults::MAX_TOKEN_BYTES);
    if !TOKEN_BYTES.contains(&max_bytes) {
        problems.add(
            "/authentication/max_token_bytes",
            "must be from 1024 to 65536",
        );
    }
    match (authentication.disabled, authentication.issuers.is_empty()) {
        (true, true) => return Authentication::Disabled,
        (true, false) => problems.add(
            "/authentication/disabled",
            "contradicts issuers; remove one of the two",
        ),
        (false, true) => problems.add(
            "/authentication/issuers",
            "at least one issuer is required; to run without authentication, set \
             \"disabled\": true",
        ),
        (false, false) => {}
    }
    let mut issuers: Vec<Issuer> = Vec::new();
    for (index, document) in authentication.issuers.into_iter().enumerate() {
        let path = format!("/authentication/issuers/{index}");
        if issuers
            .iter()
            .any(|issuer| issuer.issuer == document.issuer)
        {
            problems.add(format_args!("{path}/issuer"), "is configured twice");
        }
        issuers.extend(issuer(document, clusters, &path, problems));
    }
    Authentication::Tokens {
        issuers,
        limits: TokenLimits {
            max_bytes,
            cache_size,
        },
        verifier: match authentication.signature_verifier {
            document::SignatureVerifierConfig::Auto => VerifierChoice::Auto,
            document::SignatureVerifierConfig::Host => VerifierChoice::Host,
            document::SignatureVerifierConfig::Wasm => VerifierChoice::Wasm,
        },
    }
}

fn issuer(
    document: document::IssuerConfig,
    clusters: &Clusters,
    path: &str,
    problems: &mut Problems,
) -> Option<Issuer> {
    if document.issuer.is_empty() {
        problems.add(format_args!("{path}/issuer"), "must not be empty");
    }
    if document.audiences.is_empty() || document.audiences.iter().any(String::is_empty) {
        problems.add(
            format_args!("{path}/audiences"),
            "at least one audience is required: the one that clients request tokens for",
        );
    }
    let audience_claims = list_or_default(document.audience_claims, &defaults::AUDIENCE_CLAIMS);
    if audience_claims.is_empty() {
        problems.add(
            format_args!("{path}/audience_claims"),
            "must not be empty; the default is [\"aud\"]",
        );
    }
    for (index, claim) in audience_claims.iter().enumerate() {
        let claim_path = format_args!("{path}/audience_claims/{index}");
        validators::claim(claim, claim_path, problems);
    }
    let algorithms = algorithms(document.algorithms.as_deref(), path, problems);
    let mut duration = |field: &str, text: &Option<String>, default: Duration| {
        text.as_deref().map_or(Some(default), |text| {
            problems.ok_or_add(format_args!("{path}/{field}"), validators::duration(text))
        })
    };
    let clock_skew = duration("clock_skew", &document.clock_skew, defaults::CLOCK_SKEW);
    let timeout = duration(
        "fetch_timeout",
        &document.fetch_timeout,
        defaults::FETCH_TIMEOUT,
    );
    let refresh_interval = duration(
        "refresh_interval",
        &document.refresh_interval,
        defaults::REFRESH_INTERVAL,
    );
    let min_refresh_interval = duration(
        "min_refresh_interval",
        &document.min_refresh_interval,
        defaults::MIN_REFRESH_INTERVAL,
    );
    let max_refresh_interval = duration(
        "max_refresh_interval",
        &document.max_refresh_interval,
        defaults::MAX_REFRESH_INTERVAL,
    );
    let max_stale = duration("max_stale", &document.max_stale, defaults::MAX_STALE);
    let refetch_interval = duration(
        "refetch_interval",
        &document.refetch_interval,
        defaults::REFETCH_INTERVAL,
    );
    for (field, value) in [
        ("fetch_timeout", timeout),
        ("refresh_interval", refresh_interval),
        ("min_refresh_interval", min_refresh_interval),
    ] {
        if value.is_some_and(|value| value < Duration::from_millis(100)) {
            problems.add(format_args!("{path}/{field}"), "must be at least 100ms");
        }
    }
    if let (Some(min), Some(max)) = (min_refresh_interval, max_refresh_interval)
        && min > max
    {
        problems.add(
            format_args!("{path}/max_refresh_interval"),
            "must not be less than min_refresh_interval, which is 1m by default",
        );
    }

    let keys = match (document.jwks, document.jwks_uri) {
        (Some(_), Some(_)) => {
            problems.add(
                format_args!("{path}/jwks"),
                "contradicts jwks_uri; remove one of the two",
            );
            None
        }
        (Some(jwks), None) => problems
            .ok_or_add(
                format_args!("{path}/jwks"),
                KeySet::parse(jwks.to_string().as_bytes()),
            )
            .map(JwksSource::Inline),
        (None, jwks_uri) => {
            let start = match jwks_uri {
                Some(uri) => problems
                    .ok_or_add(format_args!("{path}/jwks_uri"), Endpoint::parse(&uri))
                    .map(Start::KeySet),
                None => problems
                    .ok_or_add(
                        format_args!("{path}/issuer"),
                        BaseUrl::parse(&document.issuer),
                    )
                    .map(|base| base.endpoint("/.well-known/openid-configuration"))
                    .map(Start::Discovery),
            };
            if let Some(Start::Discovery(endpoint) | Start::KeySet(endpoint)) = &start
                && endpoint.is_link_local()
                && !document.allow_link_local
            {
                problems.add(path, LINK_LOCAL);
            }
            let clusters = document.cluster.map_or_else(
                || clusters.clone(),
                |cluster| Clusters {
                    http: cluster.clone(),
                    https: cluster,
                },
            );
            Some(JwksSource::Remote(Box::new(RemoteKeys {
                issuer: document.issuer.clone(),
                start: start?,
                clusters,
                timeout: timeout?,
                refresh_interval: refresh_interval?,
                min_refresh_interval: min_refresh_interval?,
                max_refresh_interval: max_refresh_interval?,
                max_stale: max_stale?,
                refetch_interval: refetch_interval?,
            })))
        }
    };
    Some(Issuer {
        issuer: document.issuer,
        audiences: Audiences {
            accepted: document.audiences,
            claims: audience_claims,
        },
        algorithms,
        clock_skew: clock_skew?,
        keys: keys?,
    })
}

fn algorithms(names: Option<&[String]>, path: &str, problems: &mut Problems) -> Vec<Algorithm> {
    let Some(names) = names else {
        return Algorithm::ALL.to_vec();
    };
    if names.is_empty() {
        problems.add(format_args!("{path}/algorithms"), "must not be empty");
    }
    let mut algorithms = Vec::new();
    for (index, name) in names.iter().enumerate() {
        match Algorithm::from_name(name) {
            Some(algorithm) => algorithms.push(algorithm),
            None => problems.add(
                format_args!("{path}/algorithms/{index}"),
                format_args!(
                    "must be one of {}",
                    Algorithm::ALL.map(Algorithm::name).join(", ")
                ),
            ),
        }
    }
    algorithms
}
