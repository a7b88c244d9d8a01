//! The request to an MCP server.

use super::{CLUSTER_HEADER, HeaderValues, UpstreamRequest, is_proxy_header};
use crate::http::head::RequestHead;
use crate::http::token_location::{is_credential_header, query_without_credentials, reads_as};
use crate::http::url::Scheme;
use crate::mcp_server::{McpCredential, McpServer};

/// The header that names the MCP server, for the host's routes. They remove it.
pub const MCP_SERVER_HEADER: &str = "x-ai-gateway-mcp-server";

impl UpstreamRequest {
    /// The upstream request for a client's request with `query` to `server`.
    ///
    /// Every credential of the client is removed. `own_credential` is the caller's own credential for
    /// the server. The origin is removed too, because the gateway has checked it, and servers compare
    /// it with their own.
    pub fn to_mcp_server(
        server: &McpServer,
        head: &RequestHead,
        query: Option<&[u8]>,
        token_headers: &[String],
        own_credential: Option<&[u8]>,
    ) -> Self {
        let caller_header = match &server.credential {
            McpCredential::Caller(header) => Some(header.as_str()),
            McpCredential::None | McpCredential::Headers(_) => None,
        };
        let mut remove: Vec<String> = Vec::new();
        for name in head.names() {
            let is_private = is_credential_header(name, token_headers)
                || is_proxy_header(name)
                || name == b"origin"
                || MESSAGE_HEADERS
                    .iter()
                    .any(|known| is_other_spelling(name, known))
                || caller_header.is_some_and(|header| reads_as(name, header));
            if is_private && !remove.iter().any(|removed| removed.as_bytes() == name) {
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

    fn forwarded(credential: &serde_json::Value, query: Option<&[u8]>) -> UpstreamRequest {
        let mut document = document();
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
            ("mcp-session-id", "s"),
            ("mcp-method", "tools/call"),
            ("mcp_method", "tools/call"),
            ("mcp-param-region", "eu"),
            ("last-event-id", "7"),
        ]);
        let own = head.first("x-mcp-authorization");
        UpstreamRequest::to_mcp_server(server, &head, query, &config.token_headers, own)
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
            "x-mcp-authorization",
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
