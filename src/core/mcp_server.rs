//! One configured MCP server.

use std::rc::Rc;

use crate::authz::ClaimMatch;
use crate::base::secret::Secret;
use crate::http::url::Endpoint;
use crate::mcp::access::Access;
use crate::mcp::pattern::Patterns;
use crate::mcp::pin::Pins;

/// One configured MCP server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct McpServer {
    /// Its name, which is a segment of its URL at the gateway.
    pub name: String,
    /// What it is for.
    pub description: Option<String>,
    /// Whether requests are forwarded to it.
    pub enabled: bool,
    /// Its URL.
    pub endpoint: Endpoint,
    /// The host's cluster for it.
    pub cluster: String,
    /// The credential of upstream requests.
    pub credential: McpCredential,
    /// A token must be for one of these audiences. Empty for those of its issuer.
    pub audiences: Vec<String>,
    /// Headers that are set on each upstream request. Names are in lower case.
    pub headers: Vec<(String, String)>,
    /// The only callers who may use it, even with the permission. `None` means no restriction.
    pub allow: Option<Vec<ClaimMatch>>,
    /// The origins of web pages that may use it, besides the gateway's own.
    pub allowed_origins: Vec<String>,
    /// The only tools that are served. `None` means all.
    pub tools: Option<Rc<Patterns>>,
    /// The definitions that its tools must have. `None` means any.
    pub pins: Option<Rc<Pins>>,
}

/// How upstream requests are authenticated.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum McpCredential {
    /// Not at all.
    None,
    /// By headers of the gateway. Names are in lower case.
    Headers(Vec<(String, Secret)>),
    /// By the caller's own credential, which this header has and which becomes `authorization`.
    Caller(String),
}

impl McpServer {
    /// What a caller with these rights may do, as far as this server offers it.
    pub fn limit(&self, mut access: Access) -> Access {
        access.tools.served.clone_from(&self.tools);
        access.pins.clone_from(&self.pins);
        access
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_do_not_print() {
        let secret = Secret::new("very-secret".into());
        let credential = McpCredential::Headers(vec![("authorization".into(), secret)]);
        assert!(!format!("{credential:?}").contains("very"));
    }
}
