//! Why a request to an MCP server is not forwarded, and the form of what the client is told: a
//! JSON-RPC error, which clients show.

use serde_json::{Value, json};

use super::error_response::{
    BAD_REQUEST, Challenge, ErrorResponse, FORBIDDEN, METHOD_NOT_ALLOWED, NOT_FOUND, RPC_ERROR,
    TOO_LARGE, UNSUPPORTED,
};
use super::{ERROR_HEADER, Reply};
use crate::authz::Denied;
use crate::mcp::access::Denial;
use crate::mcp::header::HeaderFault;
use crate::mcp::message::{MessageFault, RefusedIds, RequestId};

/// Why a request to an MCP server is not forwarded.
#[derive(Clone, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum McpRejection {
    /// There is no server with this name.
    UnknownServer(String),
    /// The server with this name is disabled.
    Disabled(String),
    /// The path is below the endpoint of the server with this name.
    BelowEndpoint(String),
    /// The request comes from a web page of another origin.
    Origin,
    /// The HTTP method is not one of the transport's, or a header overrides it.
    HttpMethod,
    /// A request that must have no body has one.
    Body,
    /// The caller's own credential for the server is missing in the header with this name.
    CredentialMissing(String),
    /// The gateway's token is where the caller's own credential belongs.
    GatewayTokenPassedThrough(String),
    /// The caller may not use the server with this name at all.
    Denied(Denied, String),
    /// The caller lacks the permission for a method, by the value of a claim that grants it.
    Permission {
        /// The value.
        value: String,
        /// The server's name.
        server: String,
        /// Whether a client can request the value as a scope.
        is_scope: ScopeAvailability,
    },
    /// A header cannot be understood.
    Header(HeaderFault),
    /// The body is not JSON in UTF-8, by its head.
    NotJson,
    /// The body is compressed.
    Encoded,
    /// A message is refused.
    Message(MessageFault, Era),
}

/// Whether a client can get a permission by another token.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ScopeAvailability {
    /// It is a scope that clients may request.
    Requestable,
    /// Only an administrator can grant it. A login would be in vain.
    NotRequestable,
}

/// The versions of the protocol, as far as their errors differ.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Era {
    /// With sessions, before 2026-07-28.
    Sessions,
    /// Without sessions.
    Stateless,
}

/// What a reply to an MCP client needs besides its error.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct McpReplyContext {
    /// The ids of the requests.
    pub ids: RefusedIds,
    /// The URL of the resource's metadata.
    pub metadata_url: String,
    /// The scopes that clients may request, separated by spaces.
    pub scopes: String,
}

/// JSON-RPC codes: of the standard, and those of MCP.
const PARSE_ERROR: i32 = -32700;
const INVALID_REQUEST: i32 = -32600;
const METHOD_NOT_FOUND: i32 = -32601;
const INVALID_PARAMS: i32 = -32602;
const HEADER_MISMATCH: i32 = -32020;

impl McpRejection {
    /// The table: status, codes and message of each rejection.
    pub(super) fn response(&self) -> ErrorResponse {
        match self {
            Self::UnknownServer(name) => ErrorResponse::new(
                &NOT_FOUND,
                "mcp_server_not_found",
                format!("there is no MCP server \"{name}\"; check the last segment of the URL"),
            ),
            Self::Disabled(server) => ErrorResponse::new(
                &FORBIDDEN,
                "mcp_server_disabled",
                format!("MCP server \"{server}\" is disabled; ask an administrator"),
            ),
            Self::BelowEndpoint(server) => ErrorResponse::new(
                &NOT_FOUND,
                "path_not_found",
                format!(
                    "there is nothing below the URL of MCP server \"{server}\"; use the URL itself, \
                     with the streamable HTTP transport (the older HTTP+SSE transport is not \
                     supported)"
                ),
            ),
            Self::Origin => ErrorResponse::new(
                &FORBIDDEN,
                "origin_not_allowed",
                "web pages of this origin may not use the MCP server; add it to allowed_origins",
            ),
            Self::HttpMethod => ErrorResponse::new(
                &METHOD_NOT_ALLOWED,
                "method_not_allowed",
                "the streamable HTTP transport uses POST, GET and DELETE, without a method override",
            ),
            Self::Body => ErrorResponse::new(
                &BAD_REQUEST,
                "body_not_allowed",
                "only a POST has a body; send the message by POST",
            ),
            Self::CredentialMissing(header) => ErrorResponse::new(
                &BAD_REQUEST,
                "credential_missing",
                format!(
                    "this MCP server needs your own credential; send it in \"{header}\", as the \
                     server expects it in authorization"
                ),
            ),
            Self::GatewayTokenPassedThrough(header) => ErrorResponse::new(
                &BAD_REQUEST,
                "token_misplaced",
                format!(
                    "the gateway's token was sent in \"{header}\"; send your own credential for the \
                     MCP server there"
                ),
            ),
            Self::Denied(denied, server) => ErrorResponse::new(
                &FORBIDDEN,
                "permission_denied",
                format!("the caller {denied} on MCP server \"{server}\"; ask an administrator"),
            ),
            Self::Permission {
                value,
                server,
                is_scope,
            } => {
                let message =
                    format!("the caller lacks permission {value} on MCP server \"{server}\"");
                match is_scope {
                    ScopeAvailability::Requestable => {
                        ErrorResponse::new(&FORBIDDEN, "permission_denied", message)
                            .challenge(Challenge::InsufficientScope)
                    }
                    ScopeAvailability::NotRequestable => {
                        ErrorResponse::new(&RPC_ERROR, "permission_denied", message)
                    }
                }
            }
            Self::Header(HeaderFault(name)) => ErrorResponse::new(
                &BAD_REQUEST,
                "header_invalid",
                format!("the header {name} is repeated or cannot be decoded; send it once"),
            )
            .rpc_code(HEADER_MISMATCH),
            Self::NotJson => ErrorResponse::new(
                &UNSUPPORTED,
                "message_not_json",
                "the body is not JSON in UTF-8; send it as application/json",
            )
            .rpc_code(PARSE_ERROR),
            Self::Encoded => ErrorResponse::new(
                &UNSUPPORTED,
                "message_encoded",
                "the body is compressed, so it cannot be checked; send it without content-encoding",
            )
            .rpc_code(PARSE_ERROR),
            Self::Message(fault, era) => message_response(fault, *era),
        }
    }
}

fn message_response(fault: &MessageFault, era: Era) -> ErrorResponse {
    match fault {
        MessageFault::NotJson => ErrorResponse::new(
            &BAD_REQUEST,
            "message_not_json",
            "the body is not one JSON-RPC message, or a batch of them, in UTF-8",
        )
        .rpc_code(PARSE_ERROR),
        MessageFault::Ambiguous(name) => ErrorResponse::new(
            &BAD_REQUEST,
            "message_ambiguous",
            format!("the message can be read in two ways (\"{name}\"); send each member once"),
        )
        .rpc_code(INVALID_REQUEST),
        MessageFault::MethodInvalid => ErrorResponse::new(
            &BAD_REQUEST,
            "message_invalid",
            "the method of the message is not a string",
        )
        .rpc_code(INVALID_REQUEST),
        MessageFault::Mismatch(header) => ErrorResponse::new(
            &BAD_REQUEST,
            "header_mismatch",
            format!("the header {header} says something else than the body"),
        )
        .rpc_code(HEADER_MISMATCH),
        MessageFault::BatchTooLong => ErrorResponse::new(
            &BAD_REQUEST,
            "batch_too_long",
            "the batch has more than 100 messages; send several batches",
        )
        .rpc_code(INVALID_REQUEST),
        MessageFault::TooLate(limit) => ErrorResponse::new(
            &TOO_LARGE,
            "message_too_large",
            format!(
                "what the message is about was not found in its first {limit} bytes; put method and \
                 params.name before the arguments"
            ),
        )
        .rpc_code(INVALID_REQUEST),
        MessageFault::Denied(denial) => denial_response(denial, era),
    }
}

fn denial_response(denial: &Denial, era: Era) -> ErrorResponse {
    let unknown = |kind: &str, name: &str| format!("Unknown {kind}: {name}");
    match denial {
        Denial::Tool(name) => {
            ErrorResponse::new(&RPC_ERROR, "tool_not_found", unknown("tool", name))
                .rpc_code(INVALID_PARAMS)
        }
        Denial::Prompt(name) => {
            ErrorResponse::new(&RPC_ERROR, "prompt_not_found", unknown("prompt", name))
                .rpc_code(INVALID_PARAMS)
        }
        Denial::Resource(uri) => {
            ErrorResponse::new(&RPC_ERROR, "resource_not_found", unknown("resource", uri))
                .rpc_code(INVALID_PARAMS)
        }
        Denial::SubjectMissing(member) => ErrorResponse::new(
            &RPC_ERROR,
            "message_invalid",
            format!("Invalid params: {member} is missing or not a string"),
        )
        .rpc_code(INVALID_PARAMS),
        Denial::UnknownMethod(method) => {
            let class = match era {
                Era::Sessions => &RPC_ERROR,
                Era::Stateless => &NOT_FOUND,
            };
            ErrorResponse::new(
                class,
                "mcp_method_not_found",
                format!("Method not found: {method}"),
            )
            .rpc_code(METHOD_NOT_FOUND)
        }
        // The transaction turns it into the permission by the name that the configuration has for it.
        Denial::Permission(permission) => ErrorResponse::new(
            &FORBIDDEN,
            "permission_denied",
            format!("the caller lacks permission {}", permission.name()),
        ),
    }
}

impl From<McpRejection> for super::Rejection {
    fn from(rejection: McpRejection) -> Self {
        Self::Mcp(Box::new(rejection))
    }
}

impl ErrorResponse {
    /// The reply to an MCP client.
    pub fn mcp_reply(&self, context: &McpReplyContext) -> Reply {
        let mut headers = vec![(ERROR_HEADER, self.code().to_owned())];
        if let Some(challenge) = self.challenge_header() {
            let McpReplyContext {
                metadata_url,
                scopes,
                ..
            } = context;
            let mut value = format!("{challenge}, resource_metadata=\"{metadata_url}\"");
            let scopes = self.scope.as_ref().unwrap_or(scopes);
            if !scopes.is_empty() {
                value.push_str(&format!(", scope=\"{scopes}\""));
            }
            headers.push(("www-authenticate", value));
        }
        headers.extend(self.retry_header());
        if self.class.status == METHOD_NOT_ALLOWED.status {
            headers.push(("allow", "GET, POST, DELETE".to_owned()));
        }
        let error = json!({
            "code": self.rpc_code,
            "message": self.message,
            "data": {"code": self.code()},
        });
        let body = match &context.ids {
            RefusedIds::One(id) => rpc_error(id.as_ref(), &error),
            RefusedIds::Batch(ids) if ids.is_empty() => rpc_error(None, &error),
            RefusedIds::Batch(ids) => {
                let errors: Vec<_> = ids.iter().map(|id| rpc_error(Some(id), &error)).collect();
                format!("[{}]", errors.join(","))
            }
        };
        Reply::json_text(self.class.status, headers, body)
    }
}

/// An error with an id as the client wrote it.
fn rpc_error(id: Option<&RequestId>, error: &Value) -> String {
    let id = id.map_or_else(|| "null".to_owned(), RequestId::json);
    format!("{{\"jsonrpc\":\"2.0\",\"id\":{id},\"error\":{error}}}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authn::jwt::TokenError;
    use crate::reply::Rejection;

    fn context(ids: RefusedIds) -> McpReplyContext {
        McpReplyContext {
            ids,
            metadata_url: "https://gw.test/.well-known/oauth-protected-resource/mcp/v1/a".into(),
            scopes: "mcp".into(),
        }
    }

    fn header<'a>(reply: &'a Reply, name: &str) -> Option<&'a str> {
        let mut headers = reply.headers.iter();
        let found = headers.find(|(header, _)| *header == name);
        found.map(|(_, value)| value.as_str())
    }

    #[test]
    fn a_refused_tool_is_a_json_rpc_error_for_its_request() {
        let fault = MessageFault::Denied(Denial::Tool("x\"y".into()));
        let rejection = Rejection::from(McpRejection::Message(fault, Era::Sessions));
        let id = RequestId::Text("a\"b".into());
        let reply = rejection
            .response()
            .mcp_reply(&context(RefusedIds::One(Some(id.clone()))));
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(reply.status, 200);
        assert_eq!(header(&reply, ERROR_HEADER), Some("tool_not_found"));
        assert_eq!(header(&reply, "www-authenticate"), None);
        let error = json!({
            "code": -32602,
            "message": "Unknown tool: x\"y",
            "data": {"code": "tool_not_found"},
        });
        assert_eq!(
            body,
            json!({"jsonrpc": "2.0", "id": "a\"b", "error": error})
        );
        let ids = RefusedIds::Batch(vec![id, RequestId::Number("7".into())]);
        let reply = rejection.response().mcp_reply(&context(ids));
        let body: Value = serde_json::from_slice(&reply.body).unwrap();
        assert_eq!(body[1]["id"], 7);
        assert_eq!(body.as_array().unwrap().len(), 2);
    }

    #[test]
    fn a_challenge_names_the_metadata_and_the_scopes() {
        let one = || context(RefusedIds::One(None));
        let reply = Rejection::Token(TokenError::Missing)
            .response()
            .mcp_reply(&one());
        assert_eq!(reply.status, 401);
        let challenge = header(&reply, "www-authenticate").unwrap();
        assert!(challenge.starts_with("Bearer realm=\"ai-gateway\", error_description="));
        assert!(challenge.ends_with(
            ", resource_metadata=\"https://gw.test/.well-known/oauth-protected-resource/mcp/v1/a\", \
             scope=\"mcp\""
        ));
        let permission = |is_scope| {
            let rejection = Rejection::from(McpRejection::Permission {
                value: "call".into(),
                server: "a".into(),
                is_scope,
            });
            rejection.response().scope("mcp call").mcp_reply(&one())
        };
        let requestable = permission(ScopeAvailability::Requestable);
        assert_eq!(requestable.status, 403);
        let challenge = header(&requestable, "www-authenticate").unwrap();
        assert!(challenge.contains("error=\"insufficient_scope\""));
        assert!(challenge.ends_with("scope=\"mcp call\""));
        let other = permission(ScopeAvailability::NotRequestable);
        assert_eq!(
            (other.status, header(&other, "www-authenticate")),
            (200, None)
        );
    }

    #[test]
    fn an_unknown_method_is_answered_as_servers_of_its_era_do() {
        for (era, status) in [(Era::Sessions, 200), (Era::Stateless, 404)] {
            let fault = MessageFault::Denied(Denial::UnknownMethod("x".into()));
            let rejection = Rejection::from(McpRejection::Message(fault, era));
            let reply = rejection
                .response()
                .mcp_reply(&context(RefusedIds::One(None)));
            assert_eq!(reply.status, status);
            assert!(String::from_utf8(reply.body).unwrap().contains("-32601"));
        }
    }
}
