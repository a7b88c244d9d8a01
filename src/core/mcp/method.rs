//! The methods of the protocol, in all its versions.

/// A permission for some of the methods of a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
#[allow(missing_docs, reason = "each is the method of that name")]
pub enum Permission {
    Initialize,
    Ping,
    ToolsList,
    ToolsCall,
    ResourcesList,
    ResourcesTemplatesList,
    ResourcesRead,
    PromptsList,
    PromptsGet,
    LoggingSetLevel,
}

/// A set of permissions.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Permissions(u16);

/// A method.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Method {
    /// Its name.
    pub name: &'static str,
    /// The permission that it needs. `None` if everyone who may use the server may call it: clients
    /// give up if one of these is refused.
    pub permission: Option<Permission>,
    /// Where it names what it is about.
    pub subject: SubjectPlace,
}

/// Where in `params` a method names what it is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum SubjectPlace {
    /// Nowhere.
    None,
    /// The method shows something of every tool, so it is for callers of all tools.
    EveryTool,
    /// `name`: a tool.
    ToolName,
    /// `name`: a prompt.
    PromptName,
    /// `uri`: a resource.
    Uri,
    /// `ref`: a prompt or the template of a resource.
    Reference,
    /// `notifications.resourceSubscriptions`: any number of resources.
    Subscriptions,
}

/// What is listed by a method whose results are filtered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ListKind {
    /// Tools.
    Tools,
    /// Resources.
    Resources,
    /// Templates of resources.
    ResourceTemplates,
    /// Prompts.
    Prompts,
}

/// All methods that clients send. Notifications are not listed.
const METHODS: [Method; 20] = {
    use Permission as P;
    use SubjectPlace as S;
    [
        method("initialize", None, S::None),
        method("server/discover", None, S::None),
        method("subscriptions/listen", None, S::Subscriptions),
        method("ping", Some(P::Ping), S::None),
        method("tools/list", Some(P::ToolsList), S::None),
        method("tools/call", Some(P::ToolsCall), S::ToolName),
        method("tasks/get", Some(P::ToolsCall), S::None),
        method("tasks/result", Some(P::ToolsCall), S::None),
        method("tasks/update", Some(P::ToolsCall), S::None),
        method("tasks/cancel", Some(P::ToolsCall), S::None),
        method("tasks/list", Some(P::ToolsCall), S::EveryTool),
        method("resources/list", Some(P::ResourcesList), S::None),
        method(
            "resources/templates/list",
            Some(P::ResourcesTemplatesList),
            S::None,
        ),
        method("resources/read", Some(P::ResourcesRead), S::Uri),
        method("resources/subscribe", Some(P::ResourcesRead), S::Uri),
        method("resources/unsubscribe", Some(P::ResourcesRead), S::Uri),
        method("prompts/list", Some(P::PromptsList), S::None),
        method("prompts/get", Some(P::PromptsGet), S::PromptName),
        // It needs the permission for what it completes.
        method("completion/complete", None, S::Reference),
        method("logging/setLevel", Some(P::LoggingSetLevel), S::None),
    ]
};

const NOTIFICATIONS: &str = "notifications/";

const fn method(
    name: &'static str,
    permission: Option<Permission>,
    subject: SubjectPlace,
) -> Method {
    Method {
        name,
        permission,
        subject,
    }
}

impl Method {
    /// The method with this name, compared exactly. `None` if it is unknown.
    pub fn named(name: &str) -> Option<Self> {
        if name.starts_with(NOTIFICATIONS) {
            return Some(method(NOTIFICATIONS, None, SubjectPlace::None));
        }
        METHODS.into_iter().find(|method| method.name == name)
    }

    /// What its result lists, if that is filtered.
    pub fn listed(&self) -> Option<ListKind> {
        match self.name {
            "tools/list" => Some(ListKind::Tools),
            "resources/list" => Some(ListKind::Resources),
            "resources/templates/list" => Some(ListKind::ResourceTemplates),
            "prompts/list" => Some(ListKind::Prompts),
            _ => None,
        }
    }

    /// Whether a header can name what it is about.
    pub const fn has_name_header(&self) -> bool {
        matches!(
            self.subject,
            SubjectPlace::ToolName | SubjectPlace::PromptName | SubjectPlace::Uri
        )
    }
}

impl Permission {
    /// All permissions.
    pub const ALL: [Self; 10] = [
        Self::Initialize,
        Self::Ping,
        Self::ToolsList,
        Self::ToolsCall,
        Self::ResourcesList,
        Self::ResourcesTemplatesList,
        Self::ResourcesRead,
        Self::PromptsList,
        Self::PromptsGet,
        Self::LoggingSetLevel,
    ];

    /// The name in the configuration.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Initialize => "initialize",
            Self::Ping => "ping",
            Self::ToolsList => "tools_list",
            Self::ToolsCall => "tools_call",
            Self::ResourcesList => "resources_list",
            Self::ResourcesTemplatesList => "resources_templates_list",
            Self::ResourcesRead => "resources_read",
            Self::PromptsList => "prompts_list",
            Self::PromptsGet => "prompts_get",
            Self::LoggingSetLevel => "logging_set_level",
        }
    }
}

impl Permissions {
    /// All permissions.
    pub const ALL: Self = Self((1 << Permission::ALL.len()) - 1);

    /// Whether a permission is in the set.
    pub const fn contains(self, permission: Permission) -> bool {
        self.0 & (1 << permission as u8) != 0
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// Both sets together.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

impl FromIterator<Permission> for Permissions {
    fn from_iter<I: IntoIterator<Item = Permission>>(permissions: I) -> Self {
        let bits = permissions.into_iter().map(|it| 1 << it as u8);
        Self(bits.fold(0, |all, bit| all | bit))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_permission_is_for_a_method_of_its_name() {
        for permission in Permission::ALL {
            let method = permission
                .name()
                .replace('_', "/")
                .replace("set/level", "setLevel");
            assert!(Method::named(&method).is_some(), "{method}");
            assert!(Permissions::ALL.contains(permission));
            assert!(!Permissions::default().contains(permission));
        }
    }

    #[test]
    fn names_are_compared_exactly() {
        for name in [
            "Tools/call",
            "tools/call ",
            "tools/call\0",
            "",
            "notifications",
        ] {
            assert_eq!(Method::named(name), None, "{name}");
        }
        let notification = Method::named("notifications/initialized").unwrap();
        assert_eq!(notification.permission, None);
    }
}
