//! What one caller may do with one server.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::method::{ListKind, Method, Permission, Permissions, SubjectPlace};
use super::pattern::Patterns;
use super::pin::Pins;

/// What one caller may do with one server.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Access {
    /// The methods.
    pub permissions: Permissions,
    /// Whether methods that the gateway does not know may be called too.
    pub unknown_methods: UnknownMethods,
    /// The tools.
    pub tools: Scope,
    /// The resources, by URI.
    pub resources: Scope,
    /// The prompts.
    pub prompts: Scope,
    /// The definitions that the tools must have.
    pub pins: Option<Rc<Pins>>,
    /// The pinned tools of which the server last listed another definition.
    pub changed_tools: Rc<BTreeSet<String>>,
}

/// Whether a caller may call methods that the gateway does not know.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum UnknownMethods {
    /// They are answered as a server answers a method that it does not have.
    #[default]
    Refused,
    /// They are forwarded.
    Forwarded,
}

/// A set of names or URIs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Scope {
    /// What the server offers to anyone. `None` if it offers everything.
    pub served: Option<Rc<Patterns>>,
    /// What the caller is granted: one of these must match. `None` if everything is granted.
    pub granted: Option<Vec<Rc<Patterns>>>,
}

/// What a message is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Subject<'a> {
    /// Nothing in particular.
    None,
    /// The message does not say, although it must.
    Missing,
    /// A tool, a prompt or a resource, by the name or the URI that the method is about.
    Named(&'a str),
    /// A prompt that is completed.
    Prompt(&'a str),
    /// The template of a resource that is completed.
    Template(&'a str),
}

/// Why a message is refused.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Denial {
    /// The caller lacks this permission.
    Permission(Permission),
    /// The gateway does not know the method.
    UnknownMethod(String),
    /// The caller may not use this tool.
    Tool(String),
    /// The caller may not use this prompt.
    Prompt(String),
    /// The caller may not use this resource.
    Resource(String),
    /// The message does not name what it is about.
    SubjectMissing(&'static str),
}

impl Access {
    /// Everything.
    pub fn everything() -> Self {
        Self {
            permissions: Permissions::ALL,
            unknown_methods: UnknownMethods::Forwarded,
            ..Self::default()
        }
    }

    /// Whether no message is refused and no list is filtered.
    pub fn is_unrestricted(&self) -> bool {
        self.permissions == Permissions::ALL
            && self.unknown_methods == UnknownMethods::Forwarded
            && [&self.tools, &self.resources, &self.prompts]
                .into_iter()
                .all(Scope::is_everything)
            && self.pins.is_none()
    }

    /// Whether the results of a method must be filtered.
    pub fn filters(&self, list: ListKind) -> bool {
        match list {
            ListKind::Tools => !self.tools.is_everything() || self.pins.is_some(),
            ListKind::Resources | ListKind::ResourceTemplates => !self.resources.is_everything(),
            ListKind::Prompts => !self.prompts.is_everything(),
        }
    }

    /// Whether any list must be filtered.
    pub fn filters_any(&self) -> bool {
        [ListKind::Tools, ListKind::Resources, ListKind::Prompts]
            .into_iter()
            .any(|list| self.filters(list))
    }

    /// Whether a tool may be called.
    pub fn has_tool(&self, name: &str) -> bool {
        let is_pinned = |pins: &Rc<Pins>| pins.has(name) && !self.changed_tools.contains(name);
        self.tools.has(name) && self.pins.as_ref().is_none_or(is_pinned)
    }

    /// Decides about a message with this method.
    pub fn check(&self, name: &str, subject: Subject<'_>) -> Result<(), Denial> {
        let Some(method) = Method::named(name) else {
            return match self.unknown_methods {
                UnknownMethods::Forwarded => Ok(()),
                UnknownMethods::Refused => Err(Denial::UnknownMethod(name.to_owned())),
            };
        };
        if let Some(permission) = method.permission {
            self.expect(permission)?;
        }
        match (method.subject, subject) {
            (SubjectPlace::EveryTool, _) if !self.tools.is_everything() || self.pins.is_some() => {
                Err(Denial::UnknownMethod(name.to_owned()))
            }
            (SubjectPlace::ToolName, Subject::Named(tool)) => {
                allow(self.has_tool(tool), || Denial::Tool(tool.to_owned()))
            }
            (SubjectPlace::PromptName, Subject::Named(prompt)) => self.check_prompt(prompt),
            (SubjectPlace::Uri, Subject::Named(uri)) => allow(self.resources.has_uri(uri), || {
                Denial::Resource(uri.to_owned())
            }),
            (SubjectPlace::Reference, Subject::Prompt(prompt)) => {
                self.expect(Permission::PromptsGet)?;
                self.check_prompt(prompt)
            }
            (SubjectPlace::Reference, Subject::Template(template)) => {
                self.expect(Permission::ResourcesRead)?;
                allow(self.resources.may_have_expansion(template), || {
                    Denial::Resource(template.to_owned())
                })
            }
            (SubjectPlace::Subscriptions, Subject::Named(uri)) => {
                self.expect(Permission::ResourcesRead)?;
                allow(self.resources.has_uri(uri), || {
                    Denial::Resource(uri.to_owned())
                })
            }
            (SubjectPlace::ToolName | SubjectPlace::PromptName, _) => {
                Err(Denial::SubjectMissing("params.name"))
            }
            (SubjectPlace::Uri, _) => Err(Denial::SubjectMissing("params.uri")),
            (SubjectPlace::Reference, _) => Err(Denial::SubjectMissing("params.ref")),
            (SubjectPlace::Subscriptions, Subject::Missing) => {
                Err(Denial::SubjectMissing("params.notifications"))
            }
            (SubjectPlace::None | SubjectPlace::EveryTool | SubjectPlace::Subscriptions, _) => {
                Ok(())
            }
        }
    }

    fn expect(&self, permission: Permission) -> Result<(), Denial> {
        allow(self.permissions.contains(permission), || {
            Denial::Permission(permission)
        })
    }

    fn check_prompt(&self, name: &str) -> Result<(), Denial> {
        allow(self.prompts.has(name), || Denial::Prompt(name.to_owned()))
    }
}

impl Scope {
    /// Whether it has everything.
    pub const fn is_everything(&self) -> bool {
        self.served.is_none() && self.granted.is_none()
    }

    /// Whether it has a name.
    pub fn has(&self, name: &str) -> bool {
        self.matches(|patterns| patterns.has(name))
    }

    /// Whether it has a URI.
    pub fn has_uri(&self, uri: &str) -> bool {
        self.matches(|patterns| patterns.has_uri(uri))
    }

    /// Whether an expansion of a URI template could be in it.
    pub fn may_have_expansion(&self, template: &str) -> bool {
        self.matches(|patterns| patterns.may_have_expansion(template))
    }

    fn matches(&self, matches: impl Fn(&Patterns) -> bool) -> bool {
        self.served.as_deref().is_none_or(&matches)
            && self
                .granted
                .as_ref()
                .is_none_or(|granted| granted.iter().any(|patterns| matches(patterns)))
    }
}

fn allow(is_allowed: bool, denial: impl FnOnce() -> Denial) -> Result<(), Denial> {
    if is_allowed { Ok(()) } else { Err(denial()) }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::mcp::pattern::Pattern;

    /// A scope of these patterns.
    pub(in crate::mcp) fn scope(entries: &[&str]) -> Scope {
        let patterns = entries.iter().filter_map(|entry| Pattern::parse(entry));
        Scope {
            served: None,
            granted: Some(vec![Rc::new(Patterns::new(patterns.collect()))]),
        }
    }

    /// A caller with all permissions, and these tools, resources and prompts.
    pub(in crate::mcp) fn narrow() -> Access {
        Access {
            permissions: Permissions::ALL,
            tools: scope(&["search_*", "get"]),
            resources: scope(&["file:///docs/*"]),
            prompts: scope(&["greet"]),
            ..Access::default()
        }
    }

    #[test]
    fn a_message_needs_the_permission_and_the_subject() {
        use Subject::{Missing, Named, Prompt, Template};
        let access = narrow();
        for (method, subject, is_allowed) in [
            ("tools/call", Named("search_x"), true),
            ("tools/call", Named("delete"), false),
            ("tools/call", Missing, false),
            ("tools/list", Subject::None, true),
            ("tasks/list", Subject::None, false),
            ("tasks/get", Subject::None, true),
            ("resources/read", Named("file:///docs/a"), true),
            ("resources/read", Named("file:///etc/a"), false),
            ("resources/read", Named("file:///docs/../etc/a"), false),
            ("resources/subscribe", Named("file:///etc/a"), false),
            ("prompts/get", Named("greet"), true),
            ("prompts/get", Named("other"), false),
            ("completion/complete", Prompt("greet"), true),
            ("completion/complete", Prompt("other"), false),
            ("completion/complete", Template("file:///docs/{x}"), true),
            ("completion/complete", Template("file:///etc/{x}"), false),
            ("completion/complete", Missing, false),
            ("subscriptions/listen", Named("file:///docs/a"), true),
            ("subscriptions/listen", Named("file:///etc/a"), false),
            ("subscriptions/listen", Subject::None, true),
            ("notifications/cancelled", Subject::None, true),
            ("initialize", Subject::None, true),
            ("vendor/method", Subject::None, false),
        ] {
            let result = access.check(method, subject);
            assert_eq!(result.is_ok(), is_allowed, "{method} {subject:?}");
        }
        let nothing = Access::default();
        for method in [
            "initialize",
            "server/discover",
            "notifications/x",
            "subscriptions/listen",
        ] {
            assert_eq!(nothing.check(method, Subject::None), Ok(()), "{method}");
        }
        for (method, subject) in [("tools/call", Named("get")), ("ping", Subject::None)] {
            let denial = nothing.check(method, subject);
            assert!(matches!(denial, Err(Denial::Permission(_))), "{method}");
        }
        assert!(Access::everything().is_unrestricted());
        assert!(!access.is_unrestricted());
    }
}
