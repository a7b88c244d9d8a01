//! The grants on MCP servers: by claims, and by bindings.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::problem::Problems;
use super::{defaults, document, list_or_default};
use crate::authz::{GrantedMethods, McpClaimValues, McpGrant};
use crate::mcp::method::Permission;
use crate::mcp::pattern::{Pattern, Patterns};

/// A list of names or URIs. `None` without one.
pub(super) fn patterns(
    entries: Option<Vec<String>>,
    field: &str,
    path: &str,
    problems: &mut Problems,
) -> Option<Rc<Patterns>> {
    let entries = entries?;
    if entries.is_empty() {
        problems.add(
            format_args!("{path}/{field}"),
            "must not be empty; leave it out for all",
        );
    }
    let parsed = entries.iter().enumerate().filter_map(|(index, entry)| {
        let pattern = Pattern::parse(entry);
        if pattern.is_none() {
            problems.add(
                format_args!("{path}/{field}/{index}"),
                "must be an exact text, or a prefix followed by *",
            );
        }
        pattern
    });
    Some(Rc::new(Patterns::new(parsed.collect())))
}

/// The values of claims that permit methods.
pub(super) fn claim_values(document: document::McpClaimValuesConfig) -> McpClaimValues {
    let permissions = Permission::ALL.map(|permission| {
        let configured = match permission {
            Permission::Initialize => &document.initialize,
            Permission::Ping => &document.ping,
            Permission::ToolsList => &document.tools_list,
            Permission::ToolsCall => &document.tools_call,
            Permission::ResourcesList => &document.resources_list,
            Permission::ResourcesTemplatesList => &document.resources_templates_list,
            Permission::ResourcesRead => &document.resources_read,
            Permission::PromptsList => &document.prompts_list,
            Permission::PromptsGet => &document.prompts_get,
            Permission::LoggingSetLevel => &document.logging_set_level,
        };
        let default = || vec![format!("{}{}", defaults::MCP_PERMISSION, permission.name())];
        (permission, configured.clone().unwrap_or_else(default))
    });
    McpClaimValues {
        invoke: list_or_default(document.invoke, &defaults::MCP_INVOKE),
        permissions: permissions.into(),
    }
}

/// What a binding grants on MCP servers. `None` if it is for providers only.
pub(super) fn grant(
    binding: &mut document::BindingConfig,
    servers: &BTreeSet<&str>,
    path: &str,
    problems: &mut Problems,
) -> Option<McpGrant> {
    for name in binding.mcp_servers.iter().flatten() {
        if !servers.contains(name.as_str()) {
            problems.add(
                format_args!("{path}/mcp_servers"),
                format_args!("there is no MCP server \"{name}\""),
            );
        }
    }
    let granted = binding.permissions.iter();
    let permissions: Vec<_> = granted.filter_map(|it| mcp_permission(*it)).collect();
    let is_for_servers = is_for_mcp_servers(binding);
    if is_for_providers(binding) && !is_for_servers {
        if !permissions.is_empty() {
            problems.add(
                path,
                "names providers only; add mcp_servers for the permissions on MCP servers",
            );
        }
        return None;
    }
    let invokes = binding.permissions.contains(&document::Permission::Invoke);
    if !invokes && permissions.is_empty() {
        if is_for_servers {
            problems.add(
                path,
                "grants nothing on MCP servers; add \"invoke\", or a permission such as \"tools_call\"",
            );
        }
        return None;
    }
    Some(McpGrant {
        servers: binding.mcp_servers.take(),
        methods: if invokes {
            GrantedMethods::All
        } else {
            GrantedMethods::Some(permissions.into_iter().collect())
        },
        tools: patterns(binding.tools.take(), "tools", path, problems),
        resources: patterns(binding.resources.take(), "resources", path, problems),
        prompts: patterns(binding.prompts.take(), "prompts", path, problems),
    })
}

/// Whether a binding names providers, or what only providers have.
pub(super) fn is_for_providers(binding: &document::BindingConfig) -> bool {
    binding.providers.is_some()
        || binding.models.is_some()
        || !binding.paths_denied.is_empty()
        || binding.paths_allowed.is_some()
        || !binding.prices.is_empty()
}

/// Whether a binding names MCP servers, or what only MCP servers have.
pub(super) const fn is_for_mcp_servers(binding: &document::BindingConfig) -> bool {
    binding.mcp_servers.is_some()
        || binding.tools.is_some()
        || binding.resources.is_some()
        || binding.prompts.is_some()
}

const fn mcp_permission(permission: document::Permission) -> Option<Permission> {
    Some(match permission {
        document::Permission::Invoke | document::Permission::Get => return None,
        document::Permission::Initialize => Permission::Initialize,
        document::Permission::Ping => Permission::Ping,
        document::Permission::ToolsList => Permission::ToolsList,
        document::Permission::ToolsCall => Permission::ToolsCall,
        document::Permission::ResourcesList => Permission::ResourcesList,
        document::Permission::ResourcesTemplatesList => Permission::ResourcesTemplatesList,
        document::Permission::ResourcesRead => Permission::ResourcesRead,
        document::Permission::PromptsList => Permission::PromptsList,
        document::Permission::PromptsGet => Permission::PromptsGet,
        document::Permission::LoggingSetLevel => Permission::LoggingSetLevel,
    })
}
