//! `authorization`: the claims that carry permissions, and the permissions that the configuration
//! itself grants.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::problem::Problems;
use super::{defaults, document, list_or_default, models, prices, validators};
use crate::authz::{Action, Binding, ClaimMatch, Policy};

pub(super) fn read(
    authorization: document::Authorization,
    providers: &[document::ProviderConfig],
    issuers: &[String],
    problems: &mut Problems,
) -> Policy {
    let provider_names: BTreeSet<_> = providers.iter().map(|it| it.name.as_str()).collect();
    let bindings = authorization
        .bindings
        .into_iter()
        .enumerate()
        .filter_map(|(index, binding)| {
            let path = format!("/authorization/bindings/{index}");
            let rule = document::AllowRule {
                issuer: binding.issuer,
                subject: binding.subject,
                claim: binding.claim,
                value: binding.value,
            };
            let to = claim_match(rule, issuers, &path, problems);
            if binding.permissions.is_empty() {
                problems.add(
                    &path,
                    "grants nothing; add \"invoke\" or \"get\" to permissions",
                );
            }
            for name in binding.providers.iter().flatten() {
                if !provider_names.contains(name.as_str()) {
                    problems.add(
                        format_args!("{path}/providers"),
                        format_args!("there is no provider \"{name}\""),
                    );
                }
            }
            let models = models::read(binding.models, &path, problems);
            let allowed = binding.paths_allowed.as_deref();
            let paths = models::path_rules(&binding.paths_denied, allowed, &path, problems);
            let has_prices = !binding.prices.is_empty();
            let prices = prices::read(binding.prices, &path, problems);
            let invokes = binding
                .permissions
                .iter()
                .any(|it| action(*it) == Action::Invoke);
            if !invokes && (models.is_some() || has_prices) {
                problems.add(&path, "models and prices require the permission \"invoke\"");
            }
            if !invokes && !paths.is_empty() {
                problems.add(
                    &path,
                    "paths_denied and paths_allowed require the permission \"invoke\"",
                );
            }
            Some(Binding {
                to: to?,
                actions: binding.permissions.into_iter().map(action).collect(),
                providers: binding.providers,
                models,
                paths,
                prices: has_prices.then(|| Rc::new(prices)),
            })
        })
        .collect();
    let claims = list_or_default(authorization.claims, &defaults::PERMISSION_CLAIMS);
    for (index, claim) in claims.iter().enumerate() {
        let claim_path = format_args!("/authorization/claims/{index}");
        validators::claim(claim, claim_path, problems);
    }
    Policy {
        claims,
        invoke: list_or_default(authorization.invoke, &defaults::INVOKE),
        get: list_or_default(authorization.get, &defaults::GET),
        bindings,
    }
}

const fn action(permission: document::Permission) -> Action {
    match permission {
        document::Permission::Invoke => Action::Invoke,
        document::Permission::Get => Action::Get,
    }
}

/// The callers that a rule applies to: `subject`, or `claim` with `value`, of any issuer or of
/// `issuer`.
pub(super) fn claim_match(
    rule: document::AllowRule,
    issuers: &[String],
    path: &str,
    problems: &mut Problems,
) -> Option<ClaimMatch> {
    let issuer = match rule.issuer {
        None => None,
        Some(issuer) => {
            let index = issuers.iter().position(|known| *known == issuer);
            if index.is_none() {
                problems.add(
                    format_args!("{path}/issuer"),
                    "must exactly equal the issuer of one of authentication.issuers",
                );
                return None;
            }
            index
        }
    };
    let (claim, value) = match (rule.subject, rule.claim, rule.value) {
        (Some(value), None, None) => ("sub".to_owned(), value),
        (None, Some(claim), Some(value)) => (claim, value),
        _ => {
            problems.add(path, "requires either subject, or claim and value");
            return None;
        }
    };
    if claim.is_empty() || value.is_empty() {
        problems.add(path, "must not match an empty name or value");
    } else {
        validators::claim(&claim, format_args!("{path}/claim"), problems);
    }
    Some(ClaimMatch {
        claim,
        value,
        issuer,
    })
}
