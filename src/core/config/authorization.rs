//! `authorization`: which claims grant what, and to whom the configuration itself grants it.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::problem::Problems;
use super::{defaults, document, list_or_default, models, prices};
use crate::authz::{Action, Binding, ClaimMatch, Policy};

pub(super) fn read(
    authorization: document::Authorization,
    providers: &[document::Provider],
    issuers: &[String],
    problems: &mut Problems,
) -> Policy {
    let known: BTreeSet<_> = providers.iter().map(|it| it.name.as_str()).collect();
    let bindings = authorization
        .bindings
        .into_iter()
        .enumerate()
        .filter_map(|(index, binding)| {
            let path = format!("/authorization/bindings/{index}");
            let who = document::AllowRule {
                issuer: binding.issuer,
                subject: binding.subject,
                claim: binding.claim,
                value: binding.value,
            };
            let to = claim_match(who, issuers, &path, problems);
            if binding.permissions.is_empty() {
                problems.add(
                    &path,
                    "grants nothing: name \"invoke\" or \"get\" in permissions",
                );
            }
            for name in binding.providers.iter().flatten() {
                if !known.contains(name.as_str()) {
                    problems.add(
                        format_args!("{path}/providers"),
                        format_args!("there is no provider \"{name}\""),
                    );
                }
            }
            let models = models::read(binding.models, &path, problems);
            let has_prices = !binding.prices.is_empty();
            let prices = prices::read(binding.prices, &path, problems);
            let invokes = binding
                .permissions
                .iter()
                .any(|it| action(*it) == Action::Invoke);
            if !invokes && (models.is_some() || has_prices) {
                problems.add(
                    &path,
                    "models and prices have a meaning with \"invoke\" only",
                );
            }
            Some(Binding {
                to: to?,
                actions: binding.permissions.into_iter().map(action).collect(),
                providers: binding.providers,
                models,
                prices: has_prices.then(|| Rc::new(prices)),
            })
        })
        .collect();
    Policy {
        claims: list_or_default(authorization.claims, &defaults::PERMISSION_CLAIMS),
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

/// Who is meant: `subject`, or `claim` with `value`, of any issuer or of `issuer`.
pub(super) fn claim_match(
    who: document::AllowRule,
    issuers: &[String],
    path: &str,
    problems: &mut Problems,
) -> Option<ClaimMatch> {
    let issuer = match who.issuer {
        None => None,
        Some(issuer) => {
            let index = issuers.iter().position(|known| *known == issuer);
            if index.is_none() {
                problems.add(
                    format_args!("{path}/issuer"),
                    "is none of authentication.issuers, whose issuer it must be to the letter",
                );
                return None;
            }
            index
        }
    };
    let matched = match (who.subject, who.claim, who.value) {
        (Some(value), None, None) => ("sub".to_owned(), value),
        (None, Some(claim), Some(value)) => (claim, value),
        _ => {
            problems.add(path, "needs either subject, or claim and value");
            return None;
        }
    };
    if matched.0.is_empty() || matched.1.is_empty() {
        problems.add(path, "must not match an empty name or value");
    }
    Some(ClaimMatch {
        claim: matched.0,
        value: matched.1,
        issuer,
    })
}
