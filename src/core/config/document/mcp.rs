//! The parts of the document about MCP servers.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{AllowRule, SecretReference};

#[derive(Deserialize, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "Mcp"))]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(in super::super) struct McpConfig {
    /// The path under which the MCP servers are served; by default `/mcp/v1`, after what precedes
    /// `/llm/v1/providers` in `path_prefix`.
    pub(in super::super) path_prefix: Option<String>,
    /// Scheme and host of the gateway as clients see it, such as `https://ai.example.com`; by
    /// default those of the request.
    pub(in super::super) public_url: Option<String>,
    /// The scopes that clients may request for MCP servers. Clients request all of them.
    #[serde(default)]
    pub(in super::super) scopes: Vec<String>,
    /// How much of a request body is held while the filter looks for the method and what it is
    /// about; 32 MiB by default.
    pub(in super::super) max_lookup_bytes: Option<u64>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "McpServer"))]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(in super::super) struct McpServerConfig {
    /// The last segment of the server's URL at the gateway.
    #[cfg_attr(feature = "schema", schemars(extend("pattern" = "^[a-z][a-z0-9-]{0,62}$")))]
    pub(in super::super) name: String,
    /// The URL of the server's endpoint, with the streamable HTTP transport.
    pub(in super::super) url: String,
    /// What the server is for.
    pub(in super::super) description: Option<String>,
    /// `false` answers requests with 403; `true` by default.
    pub(in super::super) enabled: Option<bool>,
    /// The credential for the server; none by default.
    pub(in super::super) credential: Option<McpCredentialConfig>,
    /// A token's `aud` must contain one of these; by default one of the issuer's audiences.
    #[serde(default)]
    pub(in super::super) audiences: Vec<String>,
    /// The only tools that are served, each an exact name or a prefix followed by `*`; all by
    /// default.
    pub(in super::super) tools: Option<Vec<String>>,
    /// The definition that each tool must have, as `sha256:` and its digest. Other tools and other
    /// definitions are not served.
    pub(in super::super) tool_pins: Option<BTreeMap<String, String>>,
    /// Headers that are set on every request.
    #[serde(default)]
    pub(in super::super) headers: BTreeMap<String, String>,
    /// Restricts all permissions on this server to callers that match one of these rules.
    pub(in super::super) allow: Option<Vec<AllowRule>>,
    /// The origins of web pages that may use the server, besides the gateway's own.
    #[serde(default)]
    pub(in super::super) allowed_origins: Vec<String>,
    /// The Envoy cluster for requests to the server; by default the one for the URL's scheme.
    pub(in super::super) cluster: Option<String>,
    /// Whether `url` may be a link-local address or a metadata service.
    #[serde(default)]
    pub(in super::super) allow_link_local: bool,
}

/// The credential of upstream requests.
#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "McpCredential"))]
#[serde(rename_all = "snake_case")]
pub(in super::super) enum McpCredentialConfig {
    /// None.
    None,
    /// A header.
    Header(CredentialHeader),
    /// Several headers.
    Headers(Vec<CredentialHeader>),
    /// The caller's own credential.
    Caller(CallerCredential),
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(in super::super) struct CredentialHeader {
    /// The header's name; `authorization` by default.
    pub(in super::super) name: Option<String>,
    /// The secret, as the name of its environment variable.
    pub(in super::super) value: SecretReference,
    /// What precedes the secret; `Bearer ` by default in `authorization`, nothing in other headers.
    pub(in super::super) prefix: Option<String>,
}

#[derive(Deserialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(in super::super) struct CallerCredential {
    /// The request header that carries the credential; it becomes `authorization`.
    pub(in super::super) header: String,
}

/// The values of claims that permit methods of MCP servers.
#[derive(Deserialize, Default)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[cfg_attr(feature = "schema", schemars(rename = "McpClaimValues"))]
#[serde(deny_unknown_fields, expecting = "an object")]
pub(in super::super) struct McpClaimValuesConfig {
    /// Each of these values permits every method; `MCPServerInvoker` by default.
    pub(in super::super) invoke: Option<Vec<String>>,
    /// Each of these values permits `initialize`.
    pub(in super::super) initialize: Option<Vec<String>>,
    /// Each of these values permits `ping`.
    pub(in super::super) ping: Option<Vec<String>>,
    /// Each of these values permits `tools/list`.
    pub(in super::super) tools_list: Option<Vec<String>>,
    /// Each of these values permits `tools/call` and the methods of tasks.
    pub(in super::super) tools_call: Option<Vec<String>>,
    /// Each of these values permits `resources/list`.
    pub(in super::super) resources_list: Option<Vec<String>>,
    /// Each of these values permits `resources/templates/list`.
    pub(in super::super) resources_templates_list: Option<Vec<String>>,
    /// Each of these values permits `resources/read` and subscriptions.
    pub(in super::super) resources_read: Option<Vec<String>>,
    /// Each of these values permits `prompts/list`.
    pub(in super::super) prompts_list: Option<Vec<String>>,
    /// Each of these values permits `prompts/get`.
    pub(in super::super) prompts_get: Option<Vec<String>>,
    /// Each of these values permits `logging/setLevel`.
    pub(in super::super) logging_set_level: Option<Vec<String>>,
}
