//! Decides whether a caller may perform an action with a provider. The default is to deny.

mod bindings;
mod mcp;

use std::rc::Rc;

use thiserror::Error;

use crate::authn::jwt::{Claims, IssuerIndex};
use crate::http::path_pattern::PathRules;
use crate::models::catalog::Catalog;
use crate::models::price::PriceList;
pub use bindings::Bindings;
pub use mcp::{GrantedMethods, McpClaimValues, McpGrant};

/// An action that a caller can be permitted to perform with a provider.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Action {
    /// Send requests to it.
    Invoke,
    /// See its configuration.
    Get,
}

/// The rules for all callers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Policy {
    /// The claims that carry permissions: names, or JSON pointers if they begin with `/`.
    pub claims: Vec<String>,
    /// The permissions any of which allows [`Action::Invoke`].
    pub invoke: Vec<String>,
    /// The permissions any of which allows [`Action::Get`].
    pub get: Vec<String>,
    /// What the configuration grants, in addition to the identity provider.
    pub bindings: Bindings,
    /// The permissions for the methods of MCP servers.
    pub mcp: McpClaimValues,
}

/// A grant to callers with a certain claim.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Binding {
    /// The callers.
    pub to: ClaimMatch,
    /// The permitted actions.
    pub actions: Vec<Action>,
    /// The providers; `None` means all.
    pub providers: Option<Vec<String>>,
    /// The models of these providers; `None` means all.
    pub models: Option<Rc<Catalog>>,
    /// The paths of these providers.
    pub paths: PathRules,
    /// Prices for these callers, which take precedence over the provider's.
    pub prices: Option<Rc<PriceList>>,
    /// What is granted on MCP servers. `None` if the binding is not for them.
    pub mcp: Option<McpGrant>,
}

/// The terms on which a caller may invoke a provider.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Terms {
    /// The models that some grant names; `None` means all.
    pub models: Option<Vec<Rc<Catalog>>>,
    /// Prices that take precedence over the provider's.
    pub prices: Option<Rc<PriceList>>,
}

/// Matches a claim that is a certain text, or contains it; see [`Claims::has_value`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ClaimMatch {
    /// The claim: a name, or a JSON pointer if it begins with `/`.
    pub claim: String,
    /// The text.
    pub value: String,
    /// The issuer whose tokens match; `None` means any issuer.
    pub issuer: Option<IssuerIndex>,
}

/// Why the caller is denied. An administrator can grant the permission.
#[derive(Clone, PartialEq, Eq, Debug, Error)]
#[non_exhaustive]
pub enum Denied {
    /// No claim and no binding grants the permission.
    #[error("lacks permission {0}")]
    Permission(String),
    /// The provider's own `allow` rule does not name the caller.
    #[error("is not among the callers whom this provider's allow rule names")]
    NotAllowed,
}

impl Policy {
    /// Decides for one provider. `allow` is the provider's own rule, which all callers must match
    /// too.
    pub fn decide(
        &self,
        claims: &Claims,
        action: Action,
        provider: &str,
        allow: Option<&[ClaimMatch]>,
    ) -> Result<(), Denied> {
        let is_bound = || self.bindings_of(claims, action, provider).next().is_some();
        if !self.is_granted_by_claims(claims, action) && !is_bound() {
            return Err(Denied::Permission(self.permission(action)));
        }
        match allow {
            Some(allow) if !allow.iter().any(|rule| rule.matches(claims)) => {
                Err(Denied::NotAllowed)
            }
            _ => Ok(()),
        }
    }

    /// The terms on which a permitted caller invokes a provider. Grants add up, and a grant that
    /// names no models is for all models. A grant for other paths than the requested one, which
    /// `permit` decides, does not count. `None` if no grant is for that path.
    pub fn terms(
        &self,
        claims: &Claims,
        provider: &str,
        permit: impl Fn(&PathRules) -> bool,
    ) -> Option<Terms> {
        if !self.bindings.have_terms() {
            return Some(Terms::default());
        }
        let bindings = || {
            let bindings = self.bindings_of(claims, Action::Invoke, provider);
            bindings.filter(|binding| permit(&binding.paths))
        };
        let is_granted_by_claims = self.is_granted_by_claims(claims, Action::Invoke);
        if !is_granted_by_claims && bindings().next().is_none() {
            return None;
        }
        let is_unlimited =
            is_granted_by_claims || bindings().any(|binding| binding.models.is_none());
        let models: Vec<_> = bindings().filter_map(|it| it.models.clone()).collect();
        Some(Terms {
            models: (!is_unlimited && !models.is_empty()).then_some(models),
            prices: bindings().find_map(|binding| binding.prices.clone()),
        })
    }

    fn bindings_of(
        &self,
        claims: &Claims,
        action: Action,
        provider: &str,
    ) -> impl Iterator<Item = &Binding> {
        self.bindings.to(claims).filter(move |binding| {
            let providers = binding.providers.as_ref();
            providers.is_none_or(|names| names.iter().any(|name| name == provider))
                && binding.actions.contains(&action)
        })
    }

    /// Decides whether the caller may perform an action with at least one provider.
    pub fn decide_on_some(&self, claims: &Claims, action: Action) -> Result<(), Denied> {
        let grants = |binding: &Binding| binding.actions.contains(&action);
        if self.is_granted_by_claims(claims, action) || self.bindings.to(claims).any(grants) {
            Ok(())
        } else {
            Err(Denied::Permission(self.permission(action)))
        }
    }

    fn is_granted_by_claims(&self, claims: &Claims, action: Action) -> bool {
        self.permissions(action).iter().any(|permission| {
            self.claims
                .iter()
                .any(|claim| claims.has_word(claim, permission))
        })
    }

    fn permissions(&self, action: Action) -> &[String] {
        match action {
            Action::Invoke => &self.invoke,
            Action::Get => &self.get,
        }
    }

    /// The permission that the caller can request from an administrator.
    fn permission(&self, action: Action) -> String {
        let first = self.permissions(action).first();
        first.cloned().unwrap_or_else(|| match action {
            Action::Invoke => "invoke (by a binding)".to_owned(),
            Action::Get => "get (by a binding)".to_owned(),
        })
    }
}

impl ClaimMatch {
    fn matches(&self, claims: &Claims) -> bool {
        self.matches_issuer(claims) && claims.has_value(&self.claim, &self.value)
    }

    /// Whether the token's issuer matches. Subjects and groups are unique within an issuer only
    /// (RFC 7519 §4.1.2).
    fn matches_issuer(&self, claims: &Claims) -> bool {
        self.issuer.is_none_or(|issuer| issuer == claims.issuer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::path_pattern::PathPattern;

    fn claims(json: &str) -> Claims {
        Claims::from_json(json)
    }

    fn policy() -> Policy {
        Policy {
            claims: vec![
                "permissions".into(),
                "scope".into(),
                "/realm_access/roles".into(),
            ],
            invoke: vec!["llm_invoke".into(), "Invoker".into()],
            get: vec!["llm_get".into()],
            bindings: bindings().into_iter().collect(),
            mcp: McpClaimValues::default(),
        }
    }

    fn bindings() -> Vec<Binding> {
        vec![
            Binding {
                to: ClaimMatch {
                    claim: "sub".into(),
                    value: "svc-batch".into(),
                    issuer: None,
                },
                actions: vec![Action::Invoke],
                providers: Some(vec!["a".into()]),
                models: None,
                paths: PathRules::default(),
                prices: None,
                mcp: None,
            },
            Binding {
                to: ClaimMatch {
                    claim: "groups".into(),
                    value: "ml-team".into(),
                    issuer: None,
                },
                actions: vec![Action::Invoke, Action::Get],
                providers: None,
                models: None,
                paths: PathRules::default(),
                prices: None,
                mcp: None,
            },
        ]
    }

    fn may(json: &str, action: Action, provider: &str) -> bool {
        policy()
            .decide(&claims(json), action, provider, None)
            .is_ok()
    }

    #[test]
    fn permissions_come_from_arrays_words_and_nested_objects() {
        for json in [
            r#"{"permissions":["x","llm_invoke"]}"#,
            r#"{"scope":"openid llm_invoke x"}"#,
            r#"{"scope":"Invoker"}"#,
            r#"{"realm_access":{"roles":["Invoker"]}}"#,
            r#"{"permissions":{"llm_invoke":{"308":"acme.test"}}}"#,
            r#"{"permissions":{"llm_invoke":true}}"#,
        ] {
            assert!(may(json, Action::Invoke, "a"), "{json}");
            assert!(!may(json, Action::Get, "a"), "{json}");
        }
        for json in [
            "{}",
            r#"{"permissions":["llm_invoke2"]}"#,
            r#"{"permissions":"not-llm_invoke"}"#,
            r#"{"permissions":{"llm_invoke":false}}"#,
            r#"{"permissions":{"llm_invoke":null}}"#,
            r#"{"permissions":{"a":{"llm_invoke":{}}}}"#,
            r#"{"permissions":{"a":"llm_invoke"}}"#,
            r#"{"permissions":[["llm_invoke"]]}"#,
            r#"{"roles":["llm_invoke"]}"#,
            r#"{"/realm_access/roles":["Invoker"]}"#,
        ] {
            assert!(!may(json, Action::Invoke, "a"), "{json}");
        }
    }

    #[test]
    fn bindings_grant_by_subject_and_by_claim() {
        assert!(may(r#"{"sub":"svc-batch"}"#, Action::Invoke, "a"));
        assert!(!may(r#"{"sub":"svc-batch"}"#, Action::Invoke, "b"));
        assert!(!may(r#"{"sub":"svc-batch"}"#, Action::Get, "a"));
        assert!(!may(r#"{"sub":"svc-batch other"}"#, Action::Invoke, "a"));
        assert!(may(r#"{"groups":["x","ml-team"]}"#, Action::Get, "b"));
        assert!(may(r#"{"groups":"ml-team"}"#, Action::Invoke, "b"));
        assert!(!may(r#"{"groups":"the ml-team"}"#, Action::Invoke, "b"));
    }

    #[test]
    fn a_rule_for_one_issuer_does_not_match_tokens_of_another() {
        let mut bindings = bindings();
        for binding in &mut bindings {
            binding.to.issuer = Some(1);
        }
        let allow = [bindings[1].to.clone()];
        let policy = Policy {
            bindings: bindings.into_iter().collect(),
            ..policy()
        };
        for (issuer, is_meant) in [(0, false), (1, true), (2, false)] {
            let by = |json: &str| {
                let mut claims = claims(json);
                claims.issuer = issuer;
                claims
            };
            let may = |json: &str| policy.decide(&by(json), Action::Invoke, "a", None).is_ok();
            assert_eq!(may(r#"{"sub":"svc-batch"}"#), is_meant);
            assert_eq!(may(r#"{"groups":["ml-team"]}"#), is_meant);
            let permitted = by(r#"{"scope":"llm_invoke","groups":["ml-team"]}"#);
            let decision = policy.decide(&permitted, Action::Invoke, "a", Some(&allow));
            assert_eq!(decision.is_ok(), is_meant);
        }
    }

    #[test]
    fn a_providers_allow_rule_applies_in_addition() {
        let allow = [ClaimMatch {
            claim: "groups".into(),
            value: "finance".into(),
            issuer: None,
        }];
        let decide = |json: &str| policy().decide(&claims(json), Action::Invoke, "a", Some(&allow));
        assert_eq!(
            decide(r#"{"scope":"llm_invoke","groups":["finance"]}"#),
            Ok(())
        );
        assert_eq!(decide(r#"{"scope":"llm_invoke"}"#), Err(Denied::NotAllowed));
        assert_eq!(
            decide(r#"{"groups":["finance"]}"#),
            Err(Denied::Permission("llm_invoke".into()))
        );
    }

    #[test]
    fn a_caller_who_may_get_one_provider_may_get_the_list() {
        let some = |json: &str| policy().decide_on_some(&claims(json), Action::Get);
        assert_eq!(some(r#"{"groups":["ml-team"]}"#), Ok(()));
        assert_eq!(some(r#"{"scope":"llm_get"}"#), Ok(()));
        assert_eq!(
            some(r#"{"sub":"svc-batch"}"#),
            Err(Denied::Permission("llm_get".into()))
        );
    }

    #[test]
    fn grants_of_models_add_up() {
        let models = |name: &str| {
            let pattern = crate::models::pattern::ModelPattern::parse(name).unwrap();
            Catalog::new(vec![pattern]).map(Rc::new)
        };
        let mut bindings = bindings();
        bindings[0].models = models("m");
        bindings[0].prices = Some(Rc::default());
        let mut second = bindings[0].clone();
        second.models = models("n");
        second.prices = None;
        bindings.push(second);
        let mut policy = policy();
        policy.bindings = bindings.into_iter().collect();

        let batch = terms(&policy, r#"{"sub":"svc-batch"}"#, "a").unwrap();
        let granted = batch.models.unwrap();
        assert!(granted.iter().any(|part| part.has("n")));
        assert_eq!(granted.len(), 2);
        assert!(batch.prices.is_some());

        for unlimited in [
            r#"{"sub":"svc-batch","scope":"llm_invoke"}"#,
            r#"{"sub":"svc-batch","groups":["ml-team"]}"#,
        ] {
            let terms = terms(&policy, unlimited, "a").unwrap();
            assert_eq!(
                (terms.models, terms.prices.is_some()),
                (None, true),
                "{unlimited}"
            );
        }
        let other = terms(&policy, r#"{"sub":"svc-batch"}"#, "b");
        assert_eq!(other, None);
    }

    #[test]
    fn a_grant_for_some_paths_gives_its_models_only_there() {
        let models = |name: &str| {
            let pattern = crate::models::pattern::ModelPattern::parse(name).unwrap();
            Catalog::new(vec![pattern]).map(Rc::new)
        };
        let paths = |name: &str| PathRules {
            allowed: Some(vec![PathPattern::parse(name).unwrap()]),
            ..PathRules::default()
        };
        let mut bindings = bindings();
        bindings.truncate(1);
        bindings.push(bindings[0].clone());
        (bindings[0].models, bindings[0].paths) = (models("m"), paths("chat"));
        (bindings[1].models, bindings[1].paths) = (models("n"), paths("files"));
        let policy = Policy {
            bindings: bindings.into_iter().collect(),
            ..policy()
        };
        let on = |path: &str| {
            let claims = claims(r#"{"sub":"svc-batch"}"#);
            policy.terms(&claims, "a", |rules| {
                rules.permit(|pattern| pattern.matches(path.as_bytes()))
            })
        };
        let granted = |path: &str| on(path).unwrap().models.unwrap();
        assert!(granted("chat")[0].has("m") && granted("chat").len() == 1);
        assert!(granted("files")[0].has("n"));
        assert_eq!(on("batches"), None);
        let by_claim = claims(r#"{"sub":"svc-batch","scope":"llm_invoke"}"#);
        let unlimited = policy.terms(&by_claim, "a", |_| false).unwrap();
        assert_eq!(unlimited.models, None);
    }

    fn terms(policy: &Policy, json: &str, provider: &str) -> Option<Terms> {
        policy.terms(&claims(json), provider, |_| true)
    }
}
