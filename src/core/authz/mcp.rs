//! What a caller may do with an MCP server.

use std::rc::Rc;

use super::{Binding, ClaimMatch, Denied, Policy};
use crate::authn::jwt::Claims;
use crate::mcp::access::{Access, Scope, UnknownMethods};
use crate::mcp::method::{Permission, Permissions};
use crate::mcp::pattern::Patterns;

/// The values of claims that permit methods of MCP servers.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct McpClaimValues {
    /// Each of these permits everything.
    pub invoke: Vec<String>,
    /// Each value permits the methods of its permission.
    pub permissions: Vec<(Permission, Vec<String>)>,
}

/// What a binding grants on MCP servers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct McpGrant {
    /// The servers. `None` means all.
    pub servers: Option<Vec<String>>,
    /// The methods.
    pub methods: GrantedMethods,
    /// The tools. `None` means all.
    pub tools: Option<Rc<Patterns>>,
    /// The resources. `None` means all.
    pub resources: Option<Rc<Patterns>>,
    /// The prompts. `None` means all.
    pub prompts: Option<Rc<Patterns>>,
}

/// The methods that a grant permits.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum GrantedMethods {
    /// All methods, those that the gateway does not know included.
    All,
    /// Those of these permissions.
    Some(Permissions),
}

/// A grant by a claim or a binding.
#[derive(Clone, Copy)]
struct Grant<'a> {
    methods: GrantedMethods,
    narrowing: Option<&'a McpGrant>,
}

impl Policy {
    /// What a caller may do with a server. `allow` is the server's own rule, which all callers must
    /// match too. Grants add up.
    pub fn mcp_access(
        &self,
        claims: &Claims,
        server: &str,
        allow: Option<&[ClaimMatch]>,
    ) -> Result<Access, Denied> {
        let mut grants = vec![Grant {
            methods: self.mcp_methods_by_claims(claims),
            narrowing: None,
        }];
        let of_server = |binding: &'_ McpGrant| {
            let servers = binding.servers.as_ref();
            servers.is_none_or(|names| names.iter().any(|name| name == server))
        };
        let bindings = self.bindings.to(claims);
        let granted = bindings.filter_map(|binding: &Binding| binding.mcp.as_ref());
        grants.extend(granted.filter(|it| of_server(it)).map(|grant| Grant {
            methods: grant.methods,
            narrowing: Some(grant),
        }));
        let permissions = grants.iter().fold(Permissions::default(), |all, grant| {
            all.and(grant.permissions())
        });
        if permissions.is_empty() {
            return Err(Denied::Permission(self.mcp_permission_to_request()));
        }
        if allow.is_some_and(|allow| !allow.iter().any(|rule| rule.matches(claims))) {
            return Err(Denied::NotAllowed);
        }
        let is_everything =
            |grant: &Grant<'_>| grant.methods == GrantedMethods::All && !grant.is_narrowed();
        let scope = |use_of, list_of, part: fn(&McpGrant) -> Option<&Rc<Patterns>>| {
            granted_scope(&grants, [use_of, list_of], part)
        };
        Ok(Access {
            permissions,
            unknown_methods: if grants.iter().any(is_everything) {
                UnknownMethods::Forwarded
            } else {
                UnknownMethods::Refused
            },
            tools: scope(Permission::ToolsCall, Permission::ToolsList, |it| {
                it.tools.as_ref()
            }),
            resources: scope(Permission::ResourcesRead, Permission::ResourcesList, |it| {
                it.resources.as_ref()
            }),
            prompts: scope(Permission::PromptsGet, Permission::PromptsList, |it| {
                it.prompts.as_ref()
            }),
            ..Access::default()
        })
    }

    fn mcp_methods_by_claims(&self, claims: &Claims) -> GrantedMethods {
        let has = |values: &[String]| {
            values.iter().any(|value| {
                self.claims
                    .iter()
                    .any(|claim| claims.has_word(claim, value))
            })
        };
        if has(&self.mcp.invoke) {
            return GrantedMethods::All;
        }
        let permissions = self.mcp.permissions.iter();
        let held = permissions.filter(|(_, values)| has(values));
        GrantedMethods::Some(held.map(|(permission, _)| *permission).collect())
    }

    /// The permission that a caller without any can request from an administrator.
    fn mcp_permission_to_request(&self) -> String {
        let of_call = self.mcp_values(Permission::ToolsCall).first();
        let first = of_call.or_else(|| self.mcp.invoke.first());
        first
            .cloned()
            .unwrap_or_else(|| "tools_call (by a binding)".to_owned())
    }

    /// The values of claims that grant a permission.
    pub fn mcp_values(&self, permission: Permission) -> &[String] {
        let mut permissions = self.mcp.permissions.iter();
        let found = permissions.find(|(known, _)| *known == permission);
        found.map_or(&[], |(_, values)| values)
    }
}

impl Grant<'_> {
    const fn permissions(&self) -> Permissions {
        match self.methods {
            GrantedMethods::All => Permissions::ALL,
            GrantedMethods::Some(permissions) => permissions,
        }
    }

    fn is_narrowed(&self) -> bool {
        self.narrowing.is_some_and(|grant| {
            grant.tools.is_some() || grant.resources.is_some() || grant.prompts.is_some()
        })
    }
}

/// What the grants permit to use, or only to list if none permits to use it.
fn granted_scope(
    grants: &[Grant<'_>],
    permissions: [Permission; 2],
    part: fn(&McpGrant) -> Option<&Rc<Patterns>>,
) -> Scope {
    let with = |permission: &Permission| {
        let permission = *permission;
        let holding = move |grant: &&Grant<'_>| grant.permissions().contains(permission);
        grants.iter().filter(holding).collect::<Vec<_>>()
    };
    let holding = permissions.iter().map(with).find(|found| !found.is_empty());
    let mut granted = Vec::new();
    for grant in holding.unwrap_or_default() {
        match grant.narrowing.and_then(part) {
            Some(patterns) => granted.push(Rc::clone(patterns)),
            None => return Scope::default(),
        }
    }
    Scope {
        served: None,
        granted: Some(granted),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authz::Binding;
    use crate::http::path_pattern::PathRules;
    use crate::mcp::access::Subject;
    use crate::mcp::pattern::Pattern;

    fn patterns(entries: &[&str]) -> Option<Rc<Patterns>> {
        let parsed = entries.iter().map(|entry| Pattern::parse(entry).unwrap());
        Some(Rc::new(Patterns::new(parsed.collect())))
    }

    fn binding(group: &str, grant: McpGrant) -> Binding {
        Binding {
            to: ClaimMatch {
                claim: "groups".into(),
                value: group.into(),
                issuer: None,
            },
            actions: vec![],
            providers: Some(vec![]),
            models: None,
            paths: PathRules::default(),
            prices: None,
            mcp: Some(grant),
        }
    }

    fn policy() -> Policy {
        let some = |permissions: &[Permission]| {
            GrantedMethods::Some(permissions.iter().copied().collect())
        };
        let support = McpGrant {
            servers: Some(vec!["github".into()]),
            methods: some(&[Permission::ToolsList, Permission::ToolsCall]),
            tools: patterns(&["search_*"]),
            resources: None,
            prompts: None,
        };
        let writers = McpGrant {
            tools: patterns(&["write"]),
            ..support.clone()
        };
        let admins = McpGrant {
            servers: None,
            methods: GrantedMethods::All,
            tools: None,
            ..support.clone()
        };
        let narrow_admins = McpGrant {
            tools: patterns(&["x"]),
            ..admins.clone()
        };
        Policy {
            claims: vec!["scope".into()],
            invoke: vec![],
            get: vec![],
            bindings: [
                binding("support", support),
                binding("writers", writers),
                binding("admins", admins),
                binding("narrow", narrow_admins),
            ]
            .into_iter()
            .collect(),
            mcp: McpClaimValues {
                invoke: vec!["invoker".into()],
                permissions: vec![
                    (Permission::ToolsCall, vec!["call".into()]),
                    (Permission::ToolsList, vec!["list".into()]),
                ],
            },
        }
    }

    fn access(claims: &str, server: &str) -> Result<Access, Denied> {
        policy().mcp_access(&Claims::from_json(claims), server, None)
    }

    #[test]
    fn grants_add_up() {
        let may = |claims: &str, tool: &str| {
            let access = access(claims, "github");
            access.is_ok_and(|it| it.check("tools/call", Subject::Named(tool)).is_ok())
        };
        for (claims, tool, is_allowed) in [
            (r#"{"groups":["support"]}"#, "search_x", true),
            (r#"{"groups":["support"]}"#, "write", false),
            (r#"{"groups":["support","writers"]}"#, "write", true),
            (r#"{"groups":["support","writers"]}"#, "search_x", true),
            (r#"{"groups":["support","admins"]}"#, "delete", true),
            (r#"{"groups":["support"],"scope":"call"}"#, "delete", true),
            (r#"{"groups":["support"],"scope":"list"}"#, "delete", false),
            (r#"{"groups":["narrow"]}"#, "x", true),
            (r#"{"groups":["narrow"]}"#, "y", false),
            (r#"{"scope":"invoker"}"#, "delete", true),
            (r#"{"scope":"list"}"#, "delete", false),
            ("{}", "search_x", false),
        ] {
            assert_eq!(may(claims, tool), is_allowed, "{claims} {tool}");
        }
    }

    #[test]
    fn only_a_grant_of_everything_permits_unknown_methods() {
        for (claims, is_unrestricted) in [
            (r#"{"scope":"invoker"}"#, true),
            (r#"{"groups":["admins"]}"#, true),
            (r#"{"groups":["admins","support"]}"#, true),
            (r#"{"groups":["narrow"]}"#, false),
            (r#"{"groups":["support"],"scope":"call list"}"#, false),
        ] {
            let access = access(claims, "github").unwrap();
            assert_eq!(access.is_unrestricted(), is_unrestricted, "{claims}");
            let unknown = access.check("vendor/x", Subject::None);
            assert_eq!(unknown.is_ok(), is_unrestricted, "{claims}");
        }
    }

    #[test]
    fn a_binding_is_for_its_servers_and_the_servers_rule_applies_too() {
        let support = r#"{"groups":["support"]}"#;
        assert_eq!(
            access(support, "jira"),
            Err(Denied::Permission("call".into()))
        );
        assert!(access(r#"{"groups":["admins"]}"#, "jira").is_ok());
        let rule = [ClaimMatch {
            claim: "groups".into(),
            value: "finance".into(),
            issuer: None,
        }];
        let decide =
            |claims: &str| policy().mcp_access(&Claims::from_json(claims), "github", Some(&rule));
        assert_eq!(decide(support), Err(Denied::NotAllowed));
        assert!(decide(r#"{"groups":["support","finance"]}"#).is_ok());
    }
}
