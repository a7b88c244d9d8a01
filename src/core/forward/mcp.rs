//! The request to an MCP server.

use super::{CLUSTER_HEADER, HeaderValues, UpstreamRequest};
use crate::http::head::RequestHead;
use crate::http::header_class::{HeaderClass, NamePattern};
use crate::http::token_location::{
    SUBPROTOCOL_HEADER, is_credential_header, query_without_credentials, reads_as,
};
use crate::http::token_shape::is_credential;
use crate::http::url::Scheme;
use crate::mcp_server::{McpCredential, McpServer};

/// The header that names the MCP server, for the host's routes. They remove it.
pub const MCP_SERVER_HEADER: &str = "x-ai-gateway-mcp-server";

impl UpstreamRequest {
    /// The upstream request for a client's request with `query` to `server`.
    ///
    /// Every credential of the client is removed, and so is what describes the caller or its browser.
    /// `own_credential` is the caller's own credential for the server. The origin is removed too,
    /// because the gateway has checked it, and servers compare it with their own.
    pub fn to_mcp_server(
        server: &McpServer,
        head: &RequestHead,
        query: Option<&[u8]>,
        rules: HeadersToRemove<'_>,
        own_credential: Option<&[u8]>,
    ) -> Self {
        let mut remove: Vec<String> = Vec::new();
        for (name, value) in head.iter() {
            if rules.removes(server, name, value)
                && !remove.iter().any(|removed| removed.as_bytes() == name)
            {
                remove.push(String::from_utf8_lossy(name).into_owned());
            }
        }
        let endpoint = &server.endpoint;
        let mut set = HeaderValues::default();
        set.push(":authority", &[endpoint.authority.as_bytes()]);
        set.push(":path", &[&target(&endpoint.target, query)]);
        let scheme = match endpoint.scheme {
            Scheme::Http => "http",
            Scheme::Https => "https",
        };
        if head.scheme() != scheme.as_bytes() {
            set.push(":scheme", &[scheme.as_bytes()]);
        }
        set.push(CLUSTER_HEADER, &[server.cluster.as_bytes()]);
        set.push(MCP_SERVER_HEADER, &[server.name.as_bytes()]);
        for (name, value) in &server.headers {
            set.push(name.clone(), &[value.as_bytes()]);
        }
        match &server.credential {
            McpCredential::None => {}
            McpCredential::Headers(headers) => {
                for (name, value) in headers {
                    set.push(name.clone(), &[value.expose().as_bytes()]);
                }
            }
            McpCredential::Caller(_) => {
                if let Some(credential) = own_credential {
                    set.push("authorization", &[credential]);
                }
            }
        }
        Self { remove, set }
    }
}

/// What the configuration says about the headers of requests, whatever the server.
#[derive(Clone, Copy)]
pub struct HeadersToRemove<'a> {
    /// The gateway token headers.
    pub token_headers: &'a [String],
    /// Other headers that no server receives.
    pub listed: &'a [NamePattern],
}

impl HeadersToRemove<'_> {
    fn removes(self, server: &McpServer, name: &[u8], value: &[u8]) -> bool {
        if name.starts_with(b":") {
            return false;
        }
        if is_credential_header(name, self.token_headers)
            || name == SUBPROTOCOL_HEADER.as_bytes()
            || is_read_as_own(server, name)
            || MESSAGE_HEADERS
                .iter()
                .any(|known| is_other_spelling(name, known))
        {
            return true;
        }
        let class = HeaderClass::of(name);
        let is_required = class == HeaderClass::Transport;
        let mut listed = self.listed.iter();
        if listed.any(|pattern| pattern.matches(name) && (pattern.is_exact() || !is_required)) {
            return true;
        }
        if SERVER_HEADERS.iter().any(|known| known.as_bytes() == name) {
            return false;
        }
        if is_credential(value) {
            return true;
        }
        match class {
            // Parameters of tools can have any name.
            HeaderClass::Caller | HeaderClass::Account => !name.starts_with(b"mcp-"),
            HeaderClass::Browser => true,
            HeaderClass::Transport | HeaderClass::Api => false,
        }
    }
}

/// Whether a server could read a header in place of one that the gateway sets or moves, because it
/// takes an underscore for a hyphen. A header that is set replaces that of the same name.
fn is_read_as_own(server: &McpServer, name: &[u8]) -> bool {
    let mut own = server.headers.iter();
    own.any(|(header, _)| is_other_spelling(name, header))
        || match &server.credential {
            McpCredential::Caller(header) => reads_as(name, header),
            McpCredential::Headers(headers) => headers
                .iter()
                .any(|(header, _)| is_other_spelling(name, header)),
            McpCredential::None => false,
        }
}

/// The headers whose values the server has issued to the client. A JSON Web Token in them can be its
/// own: the specification suggests one as a session's ID. The caller must check that none of the
/// gateway's issuers has issued it.
pub const SERVER_HEADERS: [&str; 2] = ["mcp-session-id", "last-event-id"];

/// The headers that say what the body says. The gateway has compared only these spellings with it.
const MESSAGE_HEADERS: [&str; 2] = ["mcp-method", "mcp-name"];

/// Whether some servers read a header as `known` although it has another name.
fn is_other_spelling(name: &[u8], known: &str) -> bool {
    name != known.as_bytes() && reads_as(name, known)
}

/// The server's own path and query, and what the client adds to the query.
fn target(own: &str, query: Option<&[u8]>) -> Vec<u8> {
    let mut target = own.as_bytes().to_vec();
    let kept = query.map(query_without_credentials).unwrap_or_default();
    if !kept.is_empty() {
        target.push(if own.contains('?') { b'&' } else { b'?' });
        target.extend_from_slice(&kept);
    }
    target
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{config, document, head};
    use serde_json::json;

    const JWT: &str = "eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJlLWJ5dGVzLW9mLWEtdG9rZW4";

    fn forwarded(credential: &serde_json::Value, query: Option<&[u8]>) -> UpstreamRequest {
        let mut document = document();
        document["request_headers_to_remove"] = json!(["X-Listed", "accept*"]);
        document["mcp_servers"] = json!([{
            "name": "github",
            "url": "https://api.test/mcp/?x=1",
            "credential": credential,
            "headers": {"x-team": "a"},
        }]);
        let config = config(&document);
        let server = &config.mcp.as_ref().unwrap().servers["github"];
        let head = head(&[
            (":scheme", "https"),
            ("authorization", "Bearer gateway-token"),
            ("x-mcp-authorization", "Bearer own"),
            ("x_mcp_authorization", "Bearer own"),
            ("x-ai-gateway-authorization", "gateway-token"),
            ("cookie", "a=b"),
            ("origin", "https://gw.test"),
            ("x-forwarded-for", "10.0.0.1"),
            ("mcp-session-id", JWT),
            ("mcp-method", "tools/call"),
            ("mcp_method", "tools/call"),
            ("mcp-param-region", "eu"),
            ("mcp-param-user", "ann"),
            ("x-user-email", "ann@corp.test"),
            ("x-trace", JWT),
            ("mcp-param-note", JWT),
            ("referer", "https://gw.test/chat"),
            ("x-listed", "1"),
            ("x_team", "b"),
            ("sec-websocket-protocol", "a, b"),
            ("last-event-id", "7"),
        ]);
        let own = head.first("x-mcp-authorization");
        let rules = HeadersToRemove {
            token_headers: &config.token_headers,
            listed: &config.mcp.as_ref().unwrap().request_headers_to_remove,
        };
        UpstreamRequest::to_mcp_server(server, &head, query, rules, own)
    }

    fn set<'a>(request: &'a UpstreamRequest, name: &str) -> Option<&'a [u8]> {
        let mut headers = request.set.iter();
        headers
            .find(|(header, _)| *header == name)
            .map(|(_, value)| value)
    }

    #[test]
    fn the_server_gets_its_own_credential_and_none_of_the_client() {
        let request = forwarded(&json!({"header": {"value": {"env": "T"}}}), None);
        assert_eq!(
            set(&request, "authorization"),
            Some(&b"Bearer secret-of-T"[..])
        );
        assert_eq!(set(&request, "x-team"), Some(&b"a"[..]));
        assert_eq!(set(&request, MCP_SERVER_HEADER), Some(&b"github"[..]));
        for name in [
            "authorization",
            "x-ai-gateway-authorization",
            "cookie",
            "origin",
            "x-forwarded-for",
            "mcp_method",
            "x-mcp-authorization",
            "x-user-email",
            "x-trace",
            "mcp-param-note",
            "referer",
            "x-listed",
            "x_team",
            "sec-websocket-protocol",
        ] {
            assert!(
                request.remove.iter().any(|removed| removed == name),
                "{name}"
            );
        }
        for name in [
            "mcp-session-id",
            "mcp-method",
            "mcp-param-region",
            "last-event-id",
            "mcp-param-user",
        ] {
            assert!(
                !request.remove.iter().any(|removed| removed == name),
                "{name}"
            );
        }
        assert_eq!(set(&forwarded(&json!("none"), None), "authorization"), None);
    }

    #[test]
    fn the_callers_own_credential_moves_to_its_place() {
        let request = forwarded(&json!({"caller": {"header": "x-mcp-authorization"}}), None);
        assert_eq!(set(&request, "authorization"), Some(&b"Bearer own"[..]));
        for name in ["x-mcp-authorization", "x_mcp_authorization"] {
            assert!(
                request.remove.iter().any(|removed| removed == name),
                "{name}"
            );
        }
    }

    #[test]
    fn queries_are_joined() {
        for (query, target) in [
            (None, "/mcp/?x=1"),
            (Some(&b""[..]), "/mcp/?x=1"),
            (Some(b"a=b&key=secret"), "/mcp/?x=1&a=b"),
        ] {
            let request = forwarded(&json!("none"), query);
            assert_eq!(request.target(), target.as_bytes());
        }
        assert_eq!(super::target("/mcp", Some(b"a")), b"/mcp?a");
    }
}
