//! The endpoints of MCP servers, and the documents by which clients discover where to request a
//! token.

use std::collections::BTreeSet;
use std::rc::Rc;

use super::access_log::{RequestLogContext, conversation};
use super::awaiting_message::AwaitingMessage;
use super::mcp_forwarded::{Lists, McpExchange, McpRequest, RequestBody};
use super::received::{Caller, Decision, ReceivedRequest, Stop};
use super::refusal::Refusal;
use crate::authn::jwt::TokenError;
use crate::authz::Denied;
use crate::base::display::truncate_for_display;
use crate::config::{Authentication, Config, Mcp};
use crate::forward::{HeadersToRemove, SERVER_HEADERS, UpstreamRequest};
use crate::http::content::{Unreadable, readable_media_type};
use crate::http::head::RequestHead;
use crate::http::method_override::is_method_overridden;
use crate::http::token_location::TokenLocation;
use crate::mcp::access::{Access, Subject};
use crate::mcp::header::McpHeaders;
use crate::mcp::message::{Expected, Hold, MessageCheck, RefusedIds, Summary};
use crate::mcp::metadata::Origin;
use crate::mcp::method::{Method, SubjectPlace};
use crate::mcp::pin;
use crate::mcp::route::McpRoute;
use crate::mcp_server::{McpCredential, McpServer};
use crate::reply::{Era, McpRejection, McpReplyContext, Rejection, Reply};
use crate::telemetry::{AccessLogEntry, McpEntry};
use crate::usage::decoder::decodable;

impl<'a> ReceivedRequest<'a> {
    /// Decides on a request for an MCP server or about one.
    pub(super) fn mcp(self, mcp: &'a Mcp, route: McpRoute<'a>) -> Result<Decision, Stop> {
        let origin = Origin::new(mcp.public_url.as_deref(), self.head);
        let path = match route {
            McpRoute::ResourceMetadata { resource } => {
                return self.resource_metadata(mcp, &origin, resource);
            }
            McpRoute::ServerMetadata(_) => return self.server_metadata(),
            McpRoute::Endpoint { path, .. } => path,
            McpRoute::BelowEndpoint { .. } | McpRoute::Servers => mcp.path_prefix.as_bytes(),
        };
        let reply = McpReplyContext {
            ids: RefusedIds::One(None),
            metadata_url: origin.metadata_url(path),
            scopes: mcp.scopes.join(" "),
        };
        let result = match route {
            McpRoute::Endpoint { name, query, .. } => {
                self.mcp_endpoint(mcp, &origin, reply.clone(), name, query)
            }
            McpRoute::BelowEndpoint { name } => {
                self.refuse_mcp(McpRejection::BelowEndpoint(truncate_for_display(name)))
            }
            _ => self.refuse_mcp(McpRejection::UnknownServer(String::new())),
        };
        result.map_err(|stop| stop.on_mcp(reply))
    }

    fn mcp_endpoint(
        mut self,
        mcp: &'a Mcp,
        origin: &Origin,
        reply: McpReplyContext,
        name: &[u8],
        query: Option<&[u8]>,
    ) -> Result<Decision, Stop> {
        let config = self.config;
        let head = self.head;
        let found = mcp.server(name);
        self.audiences = found.map_or(&[], |server| &server.audiences);
        let caller = self.mcp_caller()?;
        self.count_accepted(&caller);
        let Some(server) = found else {
            let rejection = McpRejection::UnknownServer(truncate_for_display(name));
            return Err(refusal(rejection, &caller, None));
        };
        let refuse = |rejection| refusal(rejection, &caller, Some(server));
        self.check_origin(server, origin).map_err(refuse)?;
        let access = self
            .mcp_access(server, &caller)
            .map_err(|denied| refuse(McpRejection::Denied(denied, server.name.clone())))?;
        if !server.enabled {
            return Err(refuse(McpRejection::Disabled(server.name.clone())));
        }
        let method = head.method();
        let is_upgrade = head.asks_for_upgrade();
        let is_known = matches!(method, b"GET" | b"POST" | b"DELETE");
        if !is_known || is_upgrade || is_method_overridden(head, query) {
            return Err(refuse(McpRejection::HttpMethod));
        }
        let headers =
            McpHeaders::read(head).map_err(|fault| refuse(McpRejection::Header(fault)))?;
        let own_credential = self.own_mcp_credential(server).map_err(refuse)?;
        let mut request = UpstreamRequest::to_mcp_server(
            server,
            head,
            query,
            HeadersToRemove {
                token_headers: &config.token_headers,
                listed: &mcp.request_headers_to_remove,
            },
            own_credential,
        )
        .without(&config.observability.conversation_headers, head)
        .without(&self.misused_server_headers(), head);
        let era = if headers.is_stateless() {
            Era::Stateless
        } else {
            Era::Sessions
        };
        let version = headers
            .version
            .map(|it| String::from_utf8_lossy(it).into_owned());
        let mut exchange = Box::new(McpExchange::new(McpRequest {
            server: server.name.clone(),
            version,
            claims: caller.claims().cloned(),
            conversation: conversation(&config.observability.conversation_headers, head),
            started: self.now,
            access: access.clone(),
            era,
            reply,
            scopes: mcp.scopes.as_slice().into(),
        }));
        let accepted = head.first("accept-encoding");
        if let Some(accepted) = accepted {
            let decodable = decodable(accepted);
            if *decodable != *accepted {
                request.set.push("accept-encoding", &[&*decodable]);
            }
        }
        if method != b"POST" {
            exchange.note_summary(Summary {
                method: Some(String::from_utf8_lossy(method).into_owned()),
                name: None,
            });
            exchange.set_body(RequestBody::Forbidden);
            // With `last-event-id` a stream repeats what an earlier request was answered.
            if method == b"GET" && access.filters_any() {
                exchange.set_lists(Lists::Filtered);
            }
            return Ok(Decision::ForwardMcp(request, exchange));
        }
        let expected = Expected {
            method: headers.method,
            name: headers.name,
        };
        if access.is_unrestricted() {
            if expected.method.is_some() {
                exchange.note_summary(Summary {
                    method: expected.method,
                    name: expected.name,
                });
            } else {
                let check = MessageCheck::new(access, expected, Hold::Never, mcp.max_lookup_bytes);
                exchange.set_body(RequestBody::Observed(Box::new(check)));
            }
            return Ok(Decision::ForwardMcp(request, exchange));
        }
        expect_json(head).map_err(refuse)?;
        let is_decided = era == Era::Stateless && is_allowed_by_headers(&access, &expected);
        let hold = if is_decided {
            Hold::Never
        } else {
            Hold::UntilKnown
        };
        let listed = expected.method.as_deref().and_then(Method::named);
        let listed = listed.and_then(|method| method.listed());
        let filters = listed.is_some_and(|list| access.filters(list));
        let summary = Summary {
            method: expected.method.clone(),
            name: expected.name.clone(),
        };
        let check = Box::new(MessageCheck::new(
            access,
            expected,
            hold,
            mcp.max_lookup_bytes,
        ));
        if !is_decided {
            let awaiting = AwaitingMessage::new(request, exchange, check);
            return Ok(Decision::AwaitMessage(Box::new(awaiting)));
        }
        exchange.note_summary(summary);
        if filters {
            exchange.set_lists(Lists::Filtered);
        }
        exchange.set_body(RequestBody::Checked(check));
        Ok(Decision::ForwardMcp(request, exchange))
    }

    /// The caller, by a bearer token or a gateway token header. A token elsewhere does not count:
    /// clients of MCP use no other place, and the protocol forbids the query.
    fn mcp_caller(&mut self) -> Result<Caller, Stop> {
        match self.candidates.first_of(&[TokenLocation::Bearer]) {
            Some(token) => self.authenticate(token),
            None if matches!(self.config.authentication, Authentication::Disabled) => {
                Ok(Caller::Anonymous)
            }
            None if self.candidates.has_other_scheme() => {
                Err(Rejection::Token(TokenError::Scheme).into())
            }
            None => Err(Rejection::Token(TokenError::Missing).into()),
        }
    }

    /// What a caller may do with a server.
    fn mcp_access(&self, server: &McpServer, caller: &Caller) -> Result<Access, Denied> {
        let access = match caller {
            Caller::Known(claims) => {
                let allow = server.allow.as_deref();
                self.config.policy.mcp_access(claims, &server.name, allow)?
            }
            Caller::Anonymous => Access::everything(),
        };
        let mut access = server.limit(access);
        if access.pins.is_some() {
            let changed: BTreeSet<_> = pin::changed_tools(&server.name, self.shared_data);
            access.changed_tools = Rc::new(changed);
        }
        Ok(access)
    }

    /// Refuses a web page of an origin that may not use the server.
    fn check_origin(&self, server: &McpServer, own: &Origin) -> Result<(), McpRejection> {
        let mut sent = self.head.values("origin");
        let is_allowed = |origin: &[u8]| {
            let mut allowed = server.allowed_origins.iter();
            own.is(origin) || allowed.any(|it| origin.eq_ignore_ascii_case(it.as_bytes()))
        };
        if sent.all(is_allowed) {
            Ok(())
        } else {
            Err(McpRejection::Origin)
        }
    }

    /// The caller's own credential, if the server wants it.
    fn own_mcp_credential(&self, server: &McpServer) -> Result<Option<&'a [u8]>, McpRejection> {
        let McpCredential::Caller(header) = &server.credential else {
            return Ok(None);
        };
        let sent = self.head.sole(header).ok().flatten();
        let value = sent
            .filter(|value| !value.is_empty())
            .ok_or_else(|| McpRejection::CredentialMissing(header.clone()))?;
        if self.holds_gateway_token(value) {
            return Err(McpRejection::GatewayTokenPassedThrough(header.clone()));
        }
        Ok(Some(value))
    }

    fn refuse_mcp(mut self, rejection: McpRejection) -> Result<Decision, Stop> {
        let caller = self.mcp_caller()?;
        Err(refusal(rejection, &caller, None))
    }

    /// The metadata of a resource. It is the same for every name, so that it does not tell which
    /// servers exist.
    fn resource_metadata(
        &self,
        mcp: &Mcp,
        origin: &Origin,
        resource: &[u8],
    ) -> Result<Decision, Stop> {
        self.expect_document()?;
        let issuers = self.config.issuers().iter();
        let issuers = issuers.map(|issuer| issuer.issuer.as_str()).collect();
        let document = origin.metadata(resource, issuers, &mcp.scopes);
        let reply = Reply::json(200, for_any_page(), &document);
        Ok(Decision::Answer(reply, RequestLogContext::default()))
    }

    /// The metadata of the authorization server is at the issuer. Its OpenID document has all that
    /// its OAuth document would have, and the gateway itself relies on it.
    fn server_metadata(&self) -> Result<Decision, Stop> {
        self.expect_document()?;
        let issuer = self.config.issuers().first();
        let issuer = issuer.map_or("", |issuer| issuer.issuer.trim_end_matches('/'));
        let mut headers = for_any_page();
        headers.push(("location", format!("{issuer}{OPENID_CONFIGURATION}")));
        let reply = Reply::json(307, headers, "the issuer publishes this document");
        Ok(Decision::Answer(reply, RequestLogContext::default()))
    }

    /// The headers for values of the server in which the client sends a token of the gateway.
    fn misused_server_headers(&self) -> Vec<String> {
        let misused = SERVER_HEADERS.into_iter().filter(|name| {
            let values = self
                .head
                .iter()
                .filter(|(other, _)| *other == name.as_bytes());
            values
                .into_iter()
                .any(|(_, value)| self.holds_gateway_token(value))
        });
        misused.map(str::to_owned).collect()
    }

    fn expect_document(&self) -> Result<(), Stop> {
        let is_read = matches!(self.head.method(), b"GET" | b"HEAD");
        let has_issuer = !self.config.issuers().is_empty();
        if is_read && has_issuer {
            Ok(())
        } else {
            Err(Rejection::UnknownPath(self.config.path_prefix.clone()).into())
        }
    }
}

const OPENID_CONFIGURATION: &str = "/.well-known/openid-configuration";

/// The headers of a document that pages of any origin may read.
fn for_any_page() -> Vec<(&'static str, String)> {
    vec![("access-control-allow-origin", "*".to_owned())]
}

fn refusal(rejection: McpRejection, caller: &Caller, server: Option<&McpServer>) -> Stop {
    let entry = AccessLogEntry {
        mcp: server.map(|server| {
            Box::new(McpEntry {
                server: server.name.clone(),
                ..McpEntry::default()
            })
        }),
        ..AccessLogEntry::default()
    };
    let known = RequestLogContext::of_entry(caller.claims(), &entry);
    Refusal::new(rejection.into(), known).into()
}

/// Whether the headers alone say that a message is allowed. The body must then say the same.
fn is_allowed_by_headers(access: &Access, expected: &Expected) -> bool {
    let Some(name) = &expected.method else {
        return false;
    };
    let place = Method::named(name).map_or(SubjectPlace::None, |method| method.subject);
    let subject = match (place, &expected.name) {
        (SubjectPlace::None | SubjectPlace::EveryTool, _) => Subject::None,
        (SubjectPlace::ToolName | SubjectPlace::PromptName | SubjectPlace::Uri, Some(name)) => {
            Subject::Named(name)
        }
        _ => return false,
    };
    access.check(name, subject).is_ok()
}

/// Refuses a body that a server could read as something other than JSON in UTF-8.
fn expect_json(head: &RequestHead) -> Result<(), McpRejection> {
    match readable_media_type(head) {
        Ok(media_type) if media_type == b"application/json" => Ok(()),
        Ok(_) | Err(Unreadable::NotUtf8) => Err(McpRejection::NotJson),
        Err(Unreadable::Encoded) => Err(McpRejection::Encoded),
    }
}

impl Config {
    /// The route of a request about MCP. `None` if nothing of MCP is served there.
    pub(super) fn mcp_route<'a>(&self, target: &'a [u8]) -> Option<(&Mcp, McpRoute<'a>)> {
        let mcp = self.mcp.as_ref()?;
        Some((mcp, McpRoute::parse(&mcp.path_prefix, target)?))
    }
}
