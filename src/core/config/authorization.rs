//! `authorization`: the claims that carry permissions, and the permissions that the configuration
//! itself grants.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::problem::Problems;
use super::{defaults, document, list_or_default, mcp_grants, models, prices, validators};
use crate::authz::{Action, Binding, ClaimMatch, Policy};

pub(super) fn read(
    authorization: document::Authorization,
    providers: &[document::ProviderConfig],
    mcp_servers: &[document::McpServerConfig],
    issuers: &[String],
    problems: &mut Problems,
) -> Policy {
    let provider_names: BTreeSet<_> = providers.iter().map(|it| it.name.as_str()).collect();
    let server_names: BTreeSet<_> = mcp_servers.iter().map(|it| it.name.as_str()).collect();
    let bindings = authorization
        .bindings
        .into_iter()
        .enumerate()
        .filter_map(|(index, mut binding)| {
            let path = format!("/authorization/bindings/{index}");
            let rule = document::AllowRule {
                issuer: binding.issuer.take(),
                subject: binding.subject.take(),
                claim: binding.claim.take(),
                value: binding.value.take(),
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
            let is_only_for_mcp_servers =
                mcp_grants::is_for_mcp_servers(&binding) && !mcp_grants::is_for_providers(&binding);
            let granted_on_mcp_servers =
                mcp_grants::grant(&mut binding, &server_names, &path, problems);
            let models = models::read(binding.models, &path, problems);
            let allowed = binding.paths_allowed.as_deref();
            let paths = models::path_rules(&binding.paths_denied, allowed, &path, problems);
            let has_prices = !binding.prices.is_empty();
            let prices = prices::read(binding.prices, &path, problems);
            let invokes = binding
                .permissions
                .iter()
                .any(|it| action(*it) == Some(Action::Invoke));
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
                actions: binding.permissions.into_iter().filter_map(action).collect(),
                providers: if is_only_for_mcp_servers {
                    Some(Vec::new())
                } else {
                    binding.providers
                },
                models,
                paths,
                prices: has_prices.then(|| Rc::new(prices)),
                mcp: granted_on_mcp_servers,
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
        mcp: mcp_grants::claim_values(authorization.mcp),
    }
}

/// The action with providers that a permission is for. `None` if it is for MCP servers only.
const fn action(permission: document::Permission) -> Option<Action> {
    match permission {
        document::Permission::Invoke => Some(Action::Invoke),
        document::Permission::Get => Some(Action::Get),
        _ => None,
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
