//! The metadata of a protected resource (RFC 9728), and the challenge that points to it.

use serde::Serialize;

use crate::http::head::RequestHead;

/// The document that tells a client where to request a token.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct ResourceMetadata<'a> {
    resource: String,
    authorization_servers: Vec<&'a str>,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    scopes_supported: &'a [String],
    bearer_methods_supported: [&'static str; 1],
}

/// The URL of the gateway as clients see it: scheme and authority.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Origin(String);

impl Origin {
    /// The configured URL, or else the scheme and the authority of a request.
    pub fn new(configured: Option<&str>, head: &RequestHead) -> Self {
        Self(configured.map_or_else(
            || {
                let scheme = String::from_utf8_lossy(head.scheme());
                let authority = String::from_utf8_lossy(head.authority());
                format!("{scheme}://{authority}")
            },
            str::to_owned,
        ))
    }

    /// Whether the `origin` header of a browser names this origin.
    pub fn is(&self, origin: &[u8]) -> bool {
        origin.eq_ignore_ascii_case(self.0.as_bytes())
    }

    /// The URL of the metadata for the resource at this path.
    pub fn metadata_url(&self, path: &[u8]) -> String {
        let path = String::from_utf8_lossy(path);
        format!("{}/.well-known/oauth-protected-resource{path}", self.0)
    }

    /// The metadata for the resource at this path.
    pub fn metadata<'a>(
        &self,
        path: &[u8],
        authorization_servers: Vec<&'a str>,
        scopes: &'a [String],
    ) -> ResourceMetadata<'a> {
        ResourceMetadata {
            resource: format!("{}{}", self.0, String::from_utf8_lossy(path)),
            authorization_servers,
            scopes_supported: scopes,
            bearer_methods_supported: ["header"],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::head;

    #[test]
    fn the_resource_is_the_url_that_the_client_uses() {
        let request = head(&[(":scheme", "https"), (":authority", "gw.test:8443")]);
        let origin = Origin::new(None, &request);
        let scopes = ["mcp".to_owned()];
        let document = origin.metadata(b"/mcp/v1/a/", vec!["https://issuer.test"], &scopes);
        assert_eq!(
            serde_json::to_value(&document).unwrap(),
            serde_json::json!({
                "resource": "https://gw.test:8443/mcp/v1/a/",
                "authorization_servers": ["https://issuer.test"],
                "scopes_supported": ["mcp"],
                "bearer_methods_supported": ["header"],
            })
        );
        assert_eq!(
            origin.metadata_url(b"/mcp/v1/a"),
            "https://gw.test:8443/.well-known/oauth-protected-resource/mcp/v1/a"
        );
        assert!(origin.is(b"https://GW.test:8443"));
        assert!(!origin.is(b"https://gw.test"));
        let configured = Origin::new(Some("https://public.test"), &request);
        assert_eq!(
            configured.metadata(b"", vec![], &[]).resource,
            "https://public.test"
        );
    }
}
