//! From a request's path to an [`McpRoute`]: the endpoint of a server, or a discovery document.
//!
//! The paths are compared as sent. The caller has refused dot segments and control characters.

/// What a path names. All parts are as sent.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum McpRoute<'a> {
    /// `<prefix>`: the list of servers.
    Servers,
    /// `<prefix>/<name>`: the endpoint of a server, possibly with a slash after it.
    Endpoint {
        /// The server's name.
        name: &'a [u8],
        /// The path without the query, as sent.
        path: &'a [u8],
        /// What follows the first `?`, if any.
        query: Option<&'a [u8]>,
    },
    /// A path below an endpoint, where there is nothing.
    BelowEndpoint {
        /// The server's name.
        name: &'a [u8],
    },
    /// The metadata of a protected resource (RFC 9728).
    ResourceMetadata {
        /// The path of the resource, empty for the whole gateway.
        resource: &'a [u8],
    },
    /// The metadata of the authorization server.
    ServerMetadata(ServerDocument),
}

/// A document that an authorization server publishes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ServerDocument {
    /// `oauth-authorization-server` (RFC 8414).
    OAuth,
    /// `openid-configuration` (OpenID Connect Discovery).
    OpenId,
}

const WELL_KNOWN: &[u8] = b"/.well-known/";
const RESOURCE: &[u8] = b"oauth-protected-resource";
const OAUTH: &[u8] = b"oauth-authorization-server";
const OPEN_ID: &[u8] = b"openid-configuration";

impl<'a> McpRoute<'a> {
    /// Parses a request target. `None` if nothing about MCP is there. `prefix` has a leading slash
    /// and no trailing one.
    pub fn parse(prefix: &str, target: &'a [u8]) -> Option<Self> {
        let end = target.iter().position(|byte| *byte == b'?');
        let (path, query) = target.split_at(end.unwrap_or(target.len()));
        let query = query.strip_prefix(b"?");
        if let Some(document) = path.strip_prefix(WELL_KNOWN) {
            return Self::document(prefix, document);
        }
        let below = path.strip_prefix(prefix.as_bytes())?;
        let below = match below.split_first() {
            None => return Some(Self::Servers),
            Some((b'/', below)) => below,
            Some(_) => return None,
        };
        if below.is_empty() {
            return Some(Self::Servers);
        }
        let end = below.iter().position(|byte| *byte == b'/');
        let (name, rest) = below.split_at(end.unwrap_or(below.len()));
        if rest.is_empty() || rest == b"/" {
            return Some(Self::Endpoint { name, path, query });
        }
        let endpoint = path.get(..path.len() - rest.len())?;
        Some(match rest.strip_prefix(WELL_KNOWN) {
            Some(document) if document == RESOURCE => Self::ResourceMetadata { resource: endpoint },
            Some(document) if document == OAUTH => Self::ServerMetadata(ServerDocument::OAuth),
            Some(document) if document == OPEN_ID => Self::ServerMetadata(ServerDocument::OpenId),
            _ => Self::BelowEndpoint { name },
        })
    }

    /// A document at the root: `<document>`, or `<document><path of an endpoint>`.
    fn document(prefix: &str, document: &'a [u8]) -> Option<Self> {
        let (kind, resource) = [RESOURCE, OAUTH, OPEN_ID]
            .into_iter()
            .find_map(|kind| Some((kind, document.strip_prefix(kind)?)))?;
        let is_of_endpoint = || {
            let below = resource.strip_prefix(prefix.as_bytes());
            let name = below.and_then(|below| below.strip_prefix(b"/"));
            let name = name.map(|name| name.strip_suffix(b"/").unwrap_or(name));
            name.is_some_and(|name| !name.is_empty() && !name.contains(&b'/'))
        };
        if !resource.is_empty() && !is_of_endpoint() {
            return None;
        }
        Some(match kind {
            RESOURCE => Self::ResourceMetadata { resource },
            OAUTH => Self::ServerMetadata(ServerDocument::OAuth),
            _ => Self::ServerMetadata(ServerDocument::OpenId),
        })
    }
}

impl ServerDocument {
    /// The path of the document at an authorization server.
    pub fn path(self) -> String {
        let name = match self {
            Self::OAuth => OAUTH,
            Self::OpenId => OPEN_ID,
        };
        String::from_utf8_lossy(&[WELL_KNOWN, name].concat()).into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use McpRoute::{BelowEndpoint, Endpoint, ResourceMetadata, ServerMetadata, Servers};

    #[test]
    fn every_path_that_a_client_tries_has_its_route() {
        let endpoint = |path: &'static str, query: Option<&'static str>| Endpoint {
            name: b"acme",
            path: path.as_bytes(),
            query: query.map(str::as_bytes),
        };
        let metadata = |resource: &'static str| ResourceMetadata {
            resource: resource.as_bytes(),
        };
        for (target, route) in [
            ("/mcp/v1", Some(Servers)),
            ("/mcp/v1/", Some(Servers)),
            ("/mcp/v1/acme", Some(endpoint("/mcp/v1/acme", None))),
            ("/mcp/v1/acme/", Some(endpoint("/mcp/v1/acme/", None))),
            (
                "/mcp/v1/acme?a=b?",
                Some(endpoint("/mcp/v1/acme", Some("a=b?"))),
            ),
            ("/mcp/v1/acme/sse", Some(BelowEndpoint { name: b"acme" })),
            ("/mcp/v1/acme//", Some(BelowEndpoint { name: b"acme" })),
            ("/mcp/v1x/acme", None),
            ("/mcp", None),
            ("/.well-known/oauth-protected-resource", Some(metadata(""))),
            (
                "/.well-known/oauth-protected-resource/mcp/v1/acme",
                Some(metadata("/mcp/v1/acme")),
            ),
            (
                "/.well-known/oauth-protected-resource/mcp/v1/acme/?a=b",
                Some(metadata("/mcp/v1/acme/")),
            ),
            (
                "/mcp/v1/acme/.well-known/oauth-protected-resource",
                Some(metadata("/mcp/v1/acme")),
            ),
            ("/.well-known/oauth-protected-resource/mcp/v1", None),
            ("/.well-known/oauth-protected-resource/mcp/v1/a/b", None),
            ("/.well-known/oauth-protected-resource/x", None),
            ("/.well-known/oauth-protected-resourcex", None),
            (
                "/.well-known/oauth-authorization-server",
                Some(ServerMetadata(ServerDocument::OAuth)),
            ),
            (
                "/.well-known/oauth-authorization-server/mcp/v1/acme",
                Some(ServerMetadata(ServerDocument::OAuth)),
            ),
            (
                "/.well-known/openid-configuration/mcp/v1/acme",
                Some(ServerMetadata(ServerDocument::OpenId)),
            ),
            (
                "/mcp/v1/acme/.well-known/openid-configuration",
                Some(ServerMetadata(ServerDocument::OpenId)),
            ),
            ("/.well-known/security.txt", None),
        ] {
            assert_eq!(
                McpRoute::parse("/mcp/v1", target.as_bytes()),
                route,
                "{target}"
            );
        }
    }
}
