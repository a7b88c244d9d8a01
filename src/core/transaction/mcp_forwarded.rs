//! The state of a request that was forwarded to an MCP server. The rest of its body is checked, its
//! response is observed, and lists in it are filtered.

use std::rc::Rc;

use super::access_log::{RequestLogContext, log_fields, note_caller};
use super::refusal::Refusal;
use super::{Context, Effect, Flow, Input, Transaction};
use crate::authn::jwt::Claims;
use crate::base::chunk::Chunk;
use crate::base::time::UnixTime;
use crate::forward::UpstreamRequest;
use crate::forward::response::{AnsweredRequest, Upload};
use crate::http::head::ResponseHead;
use crate::mcp::access::{Access, Denial};
use crate::mcp::list_filter::{ListFilter, Output};
use crate::mcp::message::{
    CheckProgress, MessageCheck, MessageFault, RefusedIds, RefusedMessage, Summary,
};
use crate::mcp::method::{Method, SubjectPlace};
use crate::mcp::outcome::OutcomeReader;
use crate::mcp::pin;
use crate::reply::{
    ERROR_HEADER, Era, McpRejection, McpReplyContext, Rejection, ScopeAvailability,
};
use crate::telemetry::metric::{Measurement, Metric};
use crate::telemetry::{AccessLogEntry, McpEntry};
use crate::usage::End;

/// A request that an MCP server has.
#[derive(Debug)]
pub struct McpForwarded {
    exchange: Box<McpExchange>,
}

/// One request for an MCP server and its response.
pub(super) struct McpExchange {
    entry: AccessLogEntry,
    claims: Option<Rc<Claims>>,
    started: UnixTime,
    access: Access,
    era: Era,
    reply: McpReplyContext,
    /// The scopes that clients may request.
    scopes: Rc<[String]>,
    body: RequestBody,
    /// Whether lists in the response are filtered.
    lists: Lists,
    filter: Option<Box<ListFilter>>,
    /// Whether the response is held until more of it has arrived.
    response_flow: Flow,
    reader: Option<Box<OutcomeReader>>,
}

/// What is done with the request's body as it passes.
pub(super) enum RequestBody {
    /// Nothing.
    Ignored,
    /// It is read for telemetry until it has said what it is about.
    Observed(Box<MessageCheck>),
    /// It is checked to its end.
    Checked(Box<MessageCheck>),
    /// There must be none.
    Forbidden,
}

/// Whether the lists in a response are filtered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Lists {
    /// They pass.
    Pass,
    /// They are filtered.
    Filtered,
}

const BAD_GATEWAY: &str = "502";

/// A response that a client would misunderstand.
#[derive(Clone, Copy)]
enum UpstreamFault {
    /// The server refuses its credential. A client would log in at the gateway again.
    Unauthorized,
    /// The server redirects, or switches protocols.
    Redirect,
}

/// What a server's challenge would have a client do concerns the server's own authorization server.
const CHALLENGE: &str = "www-authenticate";

impl McpForwarded {
    /// Forwards a request.
    pub(super) fn enter(
        mut request: UpstreamRequest,
        exchange: Box<McpExchange>,
        context: &mut Context<'_>,
    ) -> Transaction {
        if exchange.lists == Lists::Filtered {
            request.set.push("accept-encoding", &[b"identity"]);
        }
        context.effects.push(Effect::Forward(request));
        Transaction::McpForwarded(Self { exchange })
    }

    pub(super) fn handle(mut self, input: Input<'_>, context: &mut Context<'_>) -> Transaction {
        match input {
            Input::RequestBody(chunk) => match self.exchange.request_body(chunk) {
                Ok(()) => Transaction::McpForwarded(self),
                Err(Some(refused)) => self.exchange.refuse_message(refused, context),
                Err(None) => self.exchange.refuse(McpRejection::Body.into(), context),
            },
            Input::ResponseHead(head) => {
                self.exchange.response_head(&head, context);
                Transaction::McpForwarded(self)
            }
            Input::LocalReplyHead(head) => {
                self.exchange.local_reply_head(&head);
                Transaction::McpForwarded(self)
            }
            Input::ResponseBody(bytes) => {
                if let Some(reader) = &mut self.exchange.reader {
                    reader.push(bytes);
                }
                Transaction::McpForwarded(self)
            }
            Input::RewriteResponse(chunk) => {
                self.exchange.rewrite(chunk, context);
                Transaction::McpForwarded(self)
            }
            Input::Ended(end) => self.exchange.finish(end, context),
            Input::EditRefused => {
                let rejection = Rejection::Internal("the host refuses edits");
                self.exchange.refuse(rejection, context)
            }
            other => Transaction::McpForwarded(self).unexpected(&other, context),
        }
    }

    /// Whether the rest of the request's body is of interest.
    pub(super) const fn wants_request_body(&self) -> bool {
        !matches!(self.exchange.body, RequestBody::Ignored)
    }

    /// Whether the rest of the response's body is observed.
    pub(super) const fn wants_response_body(&self) -> bool {
        self.exchange.reader.is_some() && self.exchange.filter.is_none()
    }

    /// Whether the response's body is rewritten.
    pub(super) const fn rewrites_response(&self) -> bool {
        self.exchange.filter.is_some()
    }

    /// Whether the host may pass on what has arrived of the response.
    pub(super) const fn response_flow(&self) -> Flow {
        self.exchange.response_flow
    }
}

/// What a request for an MCP server is, before its body is known.
pub(super) struct McpRequest {
    pub(super) server: String,
    pub(super) version: Option<String>,
    pub(super) claims: Option<Rc<Claims>>,
    pub(super) conversation: Option<String>,
    pub(super) started: UnixTime,
    pub(super) access: Access,
    pub(super) era: Era,
    pub(super) reply: McpReplyContext,
    pub(super) scopes: Rc<[String]>,
}

impl McpExchange {
    pub(super) fn new(request: McpRequest) -> Self {
        Self {
            entry: AccessLogEntry {
                conversation: request.conversation,
                mcp: Some(Box::new(McpEntry {
                    server: request.server,
                    version: request.version,
                    ..McpEntry::default()
                })),
                ..AccessLogEntry::default()
            },
            claims: request.claims,
            started: request.started,
            access: request.access,
            era: request.era,
            reply: request.reply,
            scopes: request.scopes,
            body: RequestBody::Ignored,
            lists: Lists::Pass,
            filter: None,
            response_flow: Flow::Continue,
            reader: None,
        }
    }

    /// Sets what is done with the request's body.
    pub(super) fn set_body(&mut self, body: RequestBody) {
        self.body = body;
    }

    /// Sets whether lists in the response are filtered.
    pub(super) fn set_lists(&mut self, lists: Lists) {
        self.lists = lists;
    }

    /// Notes what the first message is about.
    pub(super) fn note_summary(&mut self, summary: Summary) {
        let Summary { method, name } = summary;
        if let Some(mcp) = &mut self.entry.mcp {
            let place = method.as_deref().and_then(Method::named);
            let calls_tool = place.is_some_and(|it| it.subject == SubjectPlace::ToolName);
            mcp.tool = name.filter(|_| calls_tool);
            mcp.method = method;
        }
    }

    /// Continues a check of the request's body that has allowed it so far.
    pub(super) fn continue_check(&mut self, check: Box<MessageCheck>) {
        self.note_summary(check.summary());
        self.note_id(&check);
        if check.asks_for_list() {
            self.lists = Lists::Filtered;
        }
        self.body = RequestBody::Checked(check);
    }

    fn note_id(&mut self, check: &MessageCheck) {
        if let Some(id) = check.id() {
            self.reply.ids = RefusedIds::One(Some(id.clone()));
        }
    }

    /// Reads a piece of the request's body. Fails if the body must not be forwarded: `None` if there
    /// must be none.
    fn request_body(&mut self, chunk: Chunk<'_>) -> Result<(), Option<RefusedMessage>> {
        match std::mem::replace(&mut self.body, RequestBody::Ignored) {
            RequestBody::Ignored => {}
            RequestBody::Forbidden if chunk.bytes().is_empty() => {
                self.body = RequestBody::Forbidden;
            }
            RequestBody::Forbidden => return Err(None),
            RequestBody::Observed(mut check) => {
                let is_readable = check.push(chunk).is_ok();
                self.note_summary(check.summary());
                if is_readable && !check.has_summary() {
                    self.body = RequestBody::Observed(check);
                }
            }
            RequestBody::Checked(mut check) => {
                // The server decides whether the JSON is complete.
                let progress = check.push(Chunk::More(chunk.bytes()));
                self.note_id(&check);
                debug_assert_ne!(progress, Ok(CheckProgress::Awaiting));
                progress.map_err(Some)?;
                self.body = RequestBody::Checked(check);
            }
        }
        Ok(())
    }

    /// Refuses the request.
    pub(super) fn refuse(&self, rejection: Rejection, context: &mut Context<'_>) -> Transaction {
        let known = RequestLogContext::of_entry(self.claims.as_ref(), &self.entry);
        Refusal::new(rejection, known)
            .for_mcp_client(self.reply.clone())
            .apply(context)
    }

    /// Refuses the request for one of its messages.
    pub(super) fn refuse_message(
        &mut self,
        refused: RefusedMessage,
        context: &mut Context<'_>,
    ) -> Transaction {
        let RefusedMessage { fault, ids } = refused;
        self.reply.ids = ids;
        let MessageFault::Denied(Denial::Permission(permission)) = fault else {
            let rejection = McpRejection::Message(fault, self.era);
            return self.refuse(rejection.into(), context);
        };
        let values = context.gateway.config.policy.mcp_values(permission);
        let scope = values.iter().find(|value| self.scopes.contains(value));
        let is_scope = if scope.is_some() {
            ScopeAvailability::Requestable
        } else {
            ScopeAvailability::NotRequestable
        };
        let value = scope
            .or_else(|| values.first())
            .map_or_else(|| permission.name(), String::as_str);
        let server = self.entry.mcp.as_ref().map(|mcp| mcp.server.clone());
        let rejection = Rejection::from(McpRejection::Permission {
            value: value.to_owned(),
            server: server.unwrap_or_default(),
            is_scope,
        });
        self.refuse(rejection, context)
    }

    /// Notes the head of a response that the server has not sent.
    fn local_reply_head(&mut self, head: &ResponseHead) {
        self.entry.status = head.status();
    }

    /// Reads the response's head, and edits what a client would misunderstand.
    fn response_head(&mut self, head: &ResponseHead, context: &mut Context<'_>) {
        let status = head.status();
        let config = &context.gateway.config;
        // No URL in a header leads through the gateway, so all of them are removed.
        let answered = AnsweredRequest {
            provider: None,
            prefix: &config.path_prefix,
            proxy_url: None,
            upload: Upload::None,
        };
        let removed = &config.response_headers_to_remove;
        let mut edits = answered.edits(removed, head, context.now());
        let mut remove = |name: &str| {
            if head.first(name).is_some() {
                edits.remove(name.as_bytes());
            }
        };
        remove(CHALLENGE);
        let mut set = Vec::new();
        let fault = match status {
            101 | 300..=303 | 305..=399 => Some(UpstreamFault::Redirect),
            401 => Some(UpstreamFault::Unauthorized),
            _ => None,
        };
        if let Some(fault) = fault {
            for name in ["location", "connection", "upgrade"] {
                remove(name);
            }
            set.push((":status", BAD_GATEWAY.into()));
            set.push((ERROR_HEADER, fault.code().into()));
        }
        self.entry.status = if fault.is_some() { 502 } else { status };
        let header = |name| head.first(name).unwrap_or_default();
        if (200..300).contains(&status) {
            let content_type = header("content-type");
            let content_encoding = header("content-encoding");
            self.reader = match &self.entry.mcp {
                // The stream of a session can be open for hours, and says nothing about a request.
                Some(mcp) if mcp.method.as_deref() == Some("GET") => None,
                _ => Some(Box::new(OutcomeReader::new(content_type, content_encoding))),
            };
            if self.lists == Lists::Filtered {
                let id = match &self.reply.ids {
                    RefusedIds::One(Some(id)) => Some(id.json()),
                    _ => None,
                };
                let access = self.access.clone();
                let filter = ListFilter::new(access, id, content_type, content_encoding);
                self.filter = Some(Box::new(filter));
                remove("content-length");
                remove("content-encoding");
                remove("etag");
            }
        }
        edits.set.extend(set);
        context
            .effects
            .push(Effect::RemoveResponseHeaders(edits.remove));
        if !edits.set.is_empty() {
            context.effects.push(Effect::SetResponseHeaders(edits.set));
        }
    }

    /// Filters the bytes of the response that the host shows.
    fn rewrite(&mut self, chunk: Chunk<'_>, context: &mut Context<'_>) {
        let Some(filter) = &mut self.filter else {
            return;
        };
        if let Some(reader) = &mut self.reader {
            reader.push(chunk.bytes());
        }
        let mut output = filter.push(chunk.bytes());
        if chunk.is_last() {
            let rest = filter.finish();
            if !rest.is_empty() {
                let before = match output {
                    Output::Unchanged => chunk.bytes().to_vec(),
                    Output::Replaced(bytes) => bytes,
                };
                output = Output::Replaced([before, rest].concat());
            }
        }
        self.response_flow = Flow::Continue;
        if let Output::Replaced(bytes) = output {
            if bytes.is_empty() && !chunk.is_last() {
                self.response_flow = Flow::Pause;
            }
            context.effects.push(Effect::ReplaceResponseBody(bytes));
        }
    }

    /// Measures and logs the exchange.
    fn finish(mut self, _end: End, context: &mut Context<'_>) -> Transaction {
        let now = context.now();
        let gateway = &mut *context.gateway;
        self.entry.duration = now.saturating_since(self.started);
        if let Some(claims) = self.claims.take() {
            note_caller(&mut self.entry, &claims, &gateway.config);
        }
        let effects = &mut *context.effects;
        if let Some(mcp) = &mut self.entry.mcp {
            if let Some(reader) = self.reader.take() {
                mcp.outcome = reader.outcome();
            }
            let duration = u64::try_from(self.entry.duration.as_millis()).unwrap_or(u64::MAX);
            let labels = &mut gateway.labels;
            mcp.measure(
                self.entry.status,
                duration,
                labels,
                context.shared_data,
                &mut |measurement| effects.push(Effect::Measure(measurement)),
            );
            if let (Some(filter), Some(_)) = (&self.filter, &self.access.pins) {
                let changed = filter.changed_tools();
                let shared_data = context.shared_data;
                pin::note_listed(&mcp.server, changed, filter.accepted_tools(), shared_data);
                if !changed.is_empty() {
                    let server = &mcp.server;
                    log::warn!("MCP server {server}: definitions of tools differ from their pins");
                    let set = labels.of_mcp_request(server, "tools/list", None, shared_data);
                    let metric = Metric::McpChangedTools(set);
                    let value = u64::try_from(changed.len()).unwrap_or(u64::MAX);
                    effects.push(Effect::Measure(Measurement { metric, value }));
                }
            }
        }
        let fields = log_fields(&self.entry, &gateway.config);
        effects.extend(fields);
        Transaction::Done
    }
}

impl UpstreamFault {
    /// The stable error code.
    const fn code(self) -> &'static str {
        match self {
            Self::Unauthorized => "upstream_unauthorized",
            Self::Redirect => "upstream_redirect",
        }
    }
}

impl std::fmt::Debug for McpExchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("McpExchange")
            .field("entry", &self.entry.mcp)
            .finish_non_exhaustive()
    }
}
