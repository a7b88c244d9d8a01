//! `mcp` and `mcp_servers`: the MCP servers, each with its credential.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::authorization::claim_match;
use super::mcp_grants::patterns;
use super::problem::{Problems, pointer_segment};
use super::providers::is_reserved;
use super::validators::{self, LINK_LOCAL};
use super::{defaults, document};
use crate::base::secret::Secret;
use crate::fetch::callout::Clusters;
use crate::http::head::is_header_value;
use crate::http::header_class::NamePattern;
use crate::http::token_location::is_credential_header;
use crate::http::url::{BaseUrl, Endpoint};
use crate::mcp::pin::{DefinitionDigest, Pins};
use crate::mcp_server::{McpCredential, McpServer};

/// The MCP servers, and what they have in common.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mcp {
    /// The path under which the servers are served, with a leading slash and no trailing one.
    pub path_prefix: String,
    /// Scheme and host of the gateway as clients see it. `None` if those of a request are.
    pub public_url: Option<String>,
    /// The scopes that clients may request.
    pub scopes: Vec<String>,
    /// How much of a body is held while the filter looks for what it is about.
    pub max_lookup_bytes: u64,
    /// Request headers that no server receives.
    pub request_headers_to_remove: Vec<NamePattern>,
    /// The servers, by name.
    pub servers: BTreeMap<String, McpServer>,
}

/// What the configuration of a server refers to.
pub(super) struct References<'a> {
    pub(super) issuers: &'a [String],
    pub(super) clusters: &'a Clusters,
    pub(super) env: &'a dyn Fn(&str) -> Option<String>,
}

impl Mcp {
    /// The server with that name, which is a segment of a request's path.
    pub fn server(&self, name: &[u8]) -> Option<&McpServer> {
        self.servers.get(std::str::from_utf8(name).ok()?)
    }
}

/// The MCP servers. `None` if there are none: nothing of MCP is then served.
pub(super) fn read(
    settings: document::McpConfig,
    servers: Vec<document::McpServerConfig>,
    providers_prefix: &str,
    references: &References<'_>,
    problems: &mut Problems,
) -> Option<Mcp> {
    let base = providers_prefix
        .strip_suffix(defaults::PATH_PREFIX)
        .unwrap_or_default();
    let is_configured = settings.path_prefix.is_some();
    let path_prefix = settings
        .path_prefix
        .unwrap_or_else(|| format!("{base}{}", defaults::MCP_PATH_PREFIX));
    let contains = |outer: &str, inner: &str| {
        let below = inner.strip_prefix(outer);
        below.is_some_and(|below| below.is_empty() || below.starts_with('/'))
    };
    if is_configured && !validators::is_path_prefix(&path_prefix) {
        problems.add(
            "/mcp/path_prefix",
            "must be a plain path with a leading slash and no trailing one",
        );
    } else if contains(providers_prefix, &path_prefix) || contains(&path_prefix, providers_prefix) {
        problems.add(
            "/mcp/path_prefix",
            "must be neither above nor below path_prefix, because the providers are there",
        );
    }
    let public_url = settings.public_url.and_then(|url| {
        let url = problems.ok_or_add("/mcp/public_url", BaseUrl::parse(&url))?;
        if !url.path().is_empty() {
            problems.add("/mcp/public_url", "must have no path");
        }
        Some(url.to_string())
    });
    for (index, scope) in settings.scopes.iter().enumerate() {
        let is_token = |byte: u8| matches!(byte, b'!' | b'#'..=b'[' | b']'..=b'~');
        if scope.is_empty() || !scope.bytes().all(is_token) {
            problems.add(
                format_args!("/mcp/scopes/{index}"),
                "must be a scope: visible ASCII without spaces, quotes and backslashes",
            );
        }
    }
    let mut names = BTreeSet::new();
    let mut found = BTreeMap::new();
    for (index, document) in servers.into_iter().enumerate() {
        let path = format!("/mcp_servers/{index}");
        if !validators::is_provider_name(&document.name) {
            problems.add(
                format_args!("{path}/name"),
                "must start with a-z and have at most 63 characters of a-z, 0-9 and -",
            );
        }
        if !names.insert(document.name.clone()) {
            problems.add(
                format_args!("{path}/name"),
                format_args!("\"{}\" is the name of another MCP server", document.name),
            );
        }
        if let Some(server) = server(document, references, &path, problems) {
            found.insert(server.name.clone(), server);
        }
    }
    (!found.is_empty()).then(|| Mcp {
        path_prefix,
        public_url,
        scopes: settings.scopes,
        max_lookup_bytes: settings
            .max_lookup_bytes
            .unwrap_or(defaults::MAX_MCP_LOOKUP_BYTES),
        request_headers_to_remove: Vec::new(),
        servers: found,
    })
}

fn server(
    document: document::McpServerConfig,
    references: &References<'_>,
    path: &str,
    problems: &mut Problems,
) -> Option<McpServer> {
    let endpoint = problems.ok_or_add(format_args!("{path}/url"), Endpoint::parse(&document.url));
    if !document.allow_link_local && endpoint.as_ref().is_some_and(Endpoint::is_link_local) {
        problems.add(format_args!("{path}/url"), LINK_LOCAL);
    }
    let credential = credential(document.credential, references.env, path, problems);
    if document.audiences.iter().any(String::is_empty) {
        problems.add(
            format_args!("{path}/audiences"),
            "must not contain an empty text",
        );
    }
    let tools = patterns(document.tools, "tools", path, problems);
    let pins = document
        .tool_pins
        .map(|pins| self::pins(pins, path, problems));
    let headers = headers(document.headers, path, problems);
    let allow = document.allow.map(|rules| {
        let rules = rules.into_iter().enumerate();
        rules
            .filter_map(|(index, rule)| {
                let path = format!("{path}/allow/{index}");
                claim_match(rule, references.issuers, &path, problems)
            })
            .collect()
    });
    for (index, origin) in document.allowed_origins.iter().enumerate() {
        if BaseUrl::parse(origin).map(|url| url.to_string()).as_deref() != Ok(origin) {
            problems.add(
                format_args!("{path}/allowed_origins/{index}"),
                "must be an origin in lower case, such as \"https://app.example.com\"",
            );
        }
    }
    let endpoint = endpoint?;
    Some(McpServer {
        name: document.name,
        description: document.description,
        enabled: document.enabled.unwrap_or(true),
        cluster: document
            .cluster
            .unwrap_or_else(|| references.clusters.of(endpoint.scheme).to_owned()),
        endpoint,
        credential: credential?,
        audiences: document.audiences,
        headers,
        allow,
        allowed_origins: document.allowed_origins,
        tools,
        pins: pins.map(Rc::new),
    })
}

fn credential(
    credential: Option<document::McpCredentialConfig>,
    env: &dyn Fn(&str) -> Option<String>,
    path: &str,
    problems: &mut Problems,
) -> Option<McpCredential> {
    let path = format!("{path}/credential");
    let headers = match credential {
        None | Some(document::McpCredentialConfig::None) => return Some(McpCredential::None),
        Some(document::McpCredentialConfig::Caller(caller)) => {
            let name = caller.header.to_ascii_lowercase();
            if !validators::is_header_name(&name) || is_reserved(&name) || name == "authorization" {
                problems.add(
                    format_args!("{path}/caller/header"),
                    "must be a header of its own, such as \"x-mcp-authorization\"",
                );
            }
            return Some(McpCredential::Caller(name));
        }
        Some(document::McpCredentialConfig::Header(header)) => {
            vec![(format!("{path}/header"), header)]
        }
        Some(document::McpCredentialConfig::Headers(headers)) => headers
            .into_iter()
            .enumerate()
            .map(|(index, header)| (format!("{path}/headers/{index}"), header))
            .collect(),
    };
    if headers.is_empty() {
        problems.add(format_args!("{path}/headers"), "must not be empty");
    }
    let mut found: Vec<(String, Secret)> = Vec::new();
    let count = headers.len();
    for (path, header) in headers {
        let name = header.name.as_deref().unwrap_or("authorization");
        let name = name.to_ascii_lowercase();
        if !validators::is_header_name(&name) || is_reserved(&name) {
            problems.add(
                format_args!("{path}/name"),
                "is not a header name that can carry a credential",
            );
        }
        if found.iter().any(|(other, _)| *other == name) {
            problems.add(format_args!("{path}/name"), "is the name of another header");
        }
        let default = if name == "authorization" {
            "Bearer "
        } else {
            ""
        };
        let prefix = header.prefix.as_deref().unwrap_or(default);
        if !prefix.trim_end().is_empty() && !is_header_value(prefix.trim_end()) {
            problems.add(format_args!("{path}/prefix"), "must be visible ASCII");
        }
        let value = problems.ok_or_add(format_args!("{path}/value"), header.value.resolve(env));
        if let Some(value) = value {
            found.push((name, Secret::new(format!("{prefix}{}", value.expose()))));
        }
    }
    (found.len() == count).then_some(McpCredential::Headers(found))
}

fn headers(
    headers: BTreeMap<String, String>,
    path: &str,
    problems: &mut Problems,
) -> Vec<(String, String)> {
    let headers = headers.into_iter().map(|(name, value)| {
        let path = format!("{path}/headers/{}", pointer_segment(&name));
        let name = name.to_ascii_lowercase();
        if !validators::is_header_name(&name) || is_reserved(&name) {
            problems.add(&path, "is not a header name that can be set");
        }
        if is_credential_header(name.as_bytes(), &[]) {
            problems.add(&path, "is a credential header; use credential");
        }
        if !is_header_value(&value) {
            problems.add(&path, "must be visible ASCII");
        }
        (name, value)
    });
    headers.collect()
}

fn pins(pins: BTreeMap<String, String>, path: &str, problems: &mut Problems) -> Pins {
    let pins = pins.into_iter().filter_map(|(tool, digest)| {
        let parsed = DefinitionDigest::parse(&digest);
        if parsed.is_none() {
            problems.add(
                format_args!("{path}/tool_pins/{}", pointer_segment(&tool)),
                "must be \"sha256:\" and 64 hexadecimal digits",
            );
        }
        Some((tool, parsed?))
    });
    pins.collect()
}
