//! The steps that decide on a request when its head has been received.
//!
//! The steps are: route, authenticate, authorize, check the model, and prepare the request to the
//! provider. Authentication comes before everything that depends on the configuration, so that an
//! unauthenticated client cannot find out which providers exist.
//!
//! Each step returns what the next one needs, or the reason to stop. Only [`Transaction::decide`]
//! pushes effects on the request, once the steps have ended.

mod authentication;
mod model_policy;

use std::rc::Rc;

use super::access_log::RequestLogContext;
use super::awaiting_body_hash::{AwaitingBodyHash, unavailable};
use super::awaiting_fetch::{AwaitingFetch, PriorWaits};
use super::awaiting_message::AwaitingMessage;
use super::awaiting_model::AwaitingModel;
use super::exchange::Exchange;
use super::forwarded::Forwarded;
use super::mcp_forwarded::{McpExchange, McpForwarded};
use super::refusal::Refusal;
use super::{Context, Effect, Input, Transaction};
use crate::admin::page;
use crate::authz::Action;
use crate::aws::credentials_cache::CredentialsError;
use crate::base::display::truncate_for_display;
use crate::base::shared_data::SharedData;
use crate::base::time::UnixTime;
use crate::config::Config;
use crate::forward::UpstreamRequest;
use crate::forward::response::{Upload, is_for_browser_to_run};
use crate::forward::upload::starts_upload;
use crate::gateway::{Gateway, Resource};
use crate::http::head::RequestHead;
use crate::http::route::{Route, proxy_url};
use crate::http::token_location::Candidates;
use crate::models::request_body::BodyCheck;
use crate::provider::Provider;
use crate::provider::credential::Credential;
use crate::provider_kind::operation::{BodyFormat, RequestedOperation};
use crate::reply::{McpReplyContext, Rejection, Reply};
pub(super) use authentication::Caller;
use model_policy::ModelDecision;

/// The media type of AWS's event streams. Each event of a request is signed by the client, after the
/// signature of the head.
const EVENT_STREAM: &[u8] = b"application/vnd.amazon.eventstream";

/// What happens to a request.
pub(super) enum Decision {
    /// It is forwarded.
    Forward(UpstreamRequest, Box<Exchange>),
    /// It is forwarded once its body has been hashed.
    AwaitBodyHash(Box<AwaitingBodyHash>),
    /// It is forwarded once its body has named an allowed model.
    AwaitModel(Box<AwaitingModel>),
    /// It is forwarded to an MCP server.
    ForwardMcp(UpstreamRequest, Box<McpExchange>),
    /// It is forwarded to an MCP server once its body has said what it asks for.
    AwaitMessage(Box<AwaitingMessage>),
    /// The gateway answers it.
    Answer(Reply, RequestLogContext),
}

/// Why the steps stop before a decision.
pub(super) enum Stop {
    /// The decision needs a resource that is being fetched.
    AwaitFetch(Resource),
    /// The request is refused.
    Refuse(Refusal),
}

/// A request and everything that the steps use.
pub(super) struct ReceivedRequest<'a> {
    pub(super) head: &'a RequestHead,
    pub(super) candidates: Candidates<'a>,
    pub(super) prior_waits: &'a PriorWaits,
    pub(super) config: &'a Config,
    pub(super) gateway: &'a mut Gateway,
    pub(super) shared_data: &'a dyn SharedData,
    pub(super) now: UnixTime,
    /// The audiences of which a token must have one. Empty for those of its issuer.
    pub(super) audiences: &'a [String],
}

/// Handles the first event of a request.
pub(super) fn handle(input: Input<'_>, context: &mut Context<'_>) -> Transaction {
    match input {
        Input::RequestHead(head) => Transaction::decide(head, PriorWaits::default(), context),
        other => Transaction::Init.unexpected(&other, context),
    }
}

impl Transaction {
    /// Decides on a request by its head and enters the state that follows.
    pub(super) fn decide(
        head: RequestHead,
        prior_waits: PriorWaits,
        context: &mut Context<'_>,
    ) -> Self {
        match respond(&head, &prior_waits, context) {
            Ok(Decision::Forward(request, exchange)) => {
                Forwarded::enter(request, exchange, context)
            }
            Ok(Decision::AwaitBodyHash(awaiting)) => Self::AwaitingBodyHash(awaiting),
            Ok(Decision::AwaitModel(awaiting)) => Self::AwaitingModel(awaiting),
            Ok(Decision::ForwardMcp(request, exchange)) => {
                McpForwarded::enter(request, exchange, context)
            }
            Ok(Decision::AwaitMessage(awaiting)) => Self::AwaitingMessage(awaiting),
            Ok(Decision::Answer(reply, known)) => {
                known.log(context);
                context.effects.push(Effect::Reply(reply));
                Self::Replied
            }
            Err(Stop::AwaitFetch(resource)) => {
                AwaitingFetch::enter(head, prior_waits, resource, context)
            }
            Err(Stop::Refuse(refusal)) => refusal.apply(context),
        }
    }
}

/// Takes the steps until one of them decides or stops.
fn respond(
    head: &RequestHead,
    prior_waits: &PriorWaits,
    context: &mut Context<'_>,
) -> Result<Decision, Stop> {
    let now = context.now();
    // The steps read the configuration while they change the rest of the gateway.
    let config = &*Rc::clone(&context.gateway.config);
    if !is_known_method(head) {
        return Err(Rejection::Method.into());
    }
    let own_paths = [config.usage_path.as_str(), config.status_path.as_str()];
    let route =
        Route::parse(&config.path_prefix, own_paths, head.path()).map_err(Rejection::Path)?;
    let query = match route {
        Route::Upstream { .. } if is_for_browser_to_run(head) => {
            return Err(Rejection::ForBrowserToRun.into());
        }
        Route::Upstream { query, .. } => query,
        _ => None,
    };
    let candidates =
        Candidates::find(head, query, &config.token_headers).map_err(Rejection::Repeated)?;
    let request = ReceivedRequest {
        head,
        candidates,
        prior_waits,
        config,
        gateway: context.gateway,
        shared_data: context.shared_data,
        now,
        audiences: &[],
    };
    if let (Route::Outside, Some((mcp, route))) = (route, config.mcp_route(head.path())) {
        return request.mcp(mcp, route);
    }
    match route {
        Route::Upstream { name, path, query } => match config.provider(name) {
            Some(provider) => request.forward(provider, path, query),
            None => request.refuse_unknown_provider(name),
        },
        Route::Provider { .. } | Route::Providers if page::is_public(config, head) => {
            Ok(request.page(RequestLogContext::default()))
        }
        Route::Provider { name } => request.provider(name),
        Route::Providers => request.directory(),
        Route::Usage => request.usage(),
        Route::Status => request.status(),
        Route::Outside => request.refuse_unknown_path(),
    }
}

/// Whether APIs use the method. Servers read others as one of these, and TRACE returns the
/// provider's key. CONNECT begins a WebSocket over HTTP/2 only (RFC 8441).
fn is_known_method(head: &RequestHead) -> bool {
    match head.method() {
        b"GET" | b"HEAD" | b"POST" | b"PUT" | b"PATCH" | b"DELETE" | b"OPTIONS" => true,
        b"CONNECT" => head.asks_for_upgrade(),
        _ => false,
    }
}

impl<'a> ReceivedRequest<'a> {
    fn forward(
        mut self,
        provider: &'a Provider,
        path: &[u8],
        query: Option<&[u8]>,
    ) -> Result<Decision, Stop> {
        let config = self.config;
        let caller = self.caller_of(provider, path, query)?;
        self.count_accepted(&caller);
        let refuse = |rejection| Refusal::of(rejection, caller.claims(), Some(provider));
        self.authorize(provider, &caller).map_err(refuse)?;
        let passed_through = match provider.credential {
            Credential::Passthrough { .. } => Some(self.own_credential(provider).map_err(refuse)?),
            Credential::ApiKey { .. } | Credential::Aws(_) | Credential::None => None,
        };
        let operation = provider.kind.profile().operation(path);
        let terms = self
            .terms_for(provider, &caller, &operation)
            .map_err(refuse)?;
        let model_decision =
            self.decide_on_model(provider, &caller, &terms, &operation, path, query);
        let restricts_models = provider.catalog.is_some() || terms.models.is_some();
        let (check, later_check) = match model_decision.map_err(refuse)? {
            ModelDecision::Answer(reply) => {
                let known = RequestLogContext::new(caller.claims(), Some(provider));
                return Ok(Decision::Answer(reply, known));
            }
            ModelDecision::CheckBody(check) => (Some(check), None),
            ModelDecision::CheckRestOfBody(check) => (None, Some(check)),
            ModelDecision::Allow => (None, None),
        };
        let claims = caller.claims().cloned();
        let mut exchange = Exchange::new(provider, &operation, self.head, claims, self.now);
        exchange.set_caller_prices(terms.prices);
        exchange.note_conversation(&config.observability.conversation_headers, self.head);
        let upload = if starts_upload(provider, path) {
            Upload::Started
        } else {
            Upload::None
        };
        // Operations that generate return their result, and no URL at which to ask for it.
        if upload == Upload::Started || operation.dialect().is_none() {
            let proxy_url = proxy_url(self.head, &config.path_prefix, &provider.name);
            exchange.note_proxy_url(proxy_url, upload);
        }
        exchange.check_body(later_check);
        let exchange = Box::new(exchange);
        let mut request = UpstreamRequest::new(
            provider,
            self.head,
            path,
            query,
            &config.token_headers,
            passed_through,
        )
        .without(&config.observability.conversation_headers, self.head);
        if restricts_models {
            request = request.without_choice_of_model(self.head);
        }
        if let Some(accept_encoding) = exchange.accept_encoding(self.head) {
            request.set.push("accept-encoding", &[&accept_encoding]);
        }
        match (&provider.credential, check) {
            (Credential::Aws(_), check) => {
                self.expect_signable(&operation).map_err(refuse)?;
                match self.credentials_error(provider) {
                    None => Ok(self.await_body_hash(provider, request, exchange, check)),
                    Some(CredentialsError::AwaitFetch) => {
                        let name = provider.name.as_str().into();
                        Err(Stop::AwaitFetch(Resource::Credentials(name)))
                    }
                    Some(error) => Err(refuse(unavailable(&provider.name, error)).into()),
                }
            }
            (_, Some(check)) => {
                let authenticated = self.authenticated(&caller);
                let awaiting = AwaitingModel::new(request, exchange, check, authenticated);
                Ok(Decision::AwaitModel(Box::new(awaiting)))
            }
            (_, None) => Ok(Decision::Forward(request, exchange)),
        }
    }

    /// Refuses a caller who may not invoke a provider.
    fn authorize(&self, provider: &Provider, caller: &Caller) -> Result<(), Rejection> {
        if let Some(claims) = caller.claims() {
            let allow = provider.allow.as_deref();
            let policy = &self.config.policy;
            policy
                .decide(claims, Action::Invoke, &provider.name, allow)
                .map_err(|denied| Rejection::Denied(denied, Some(provider.name.clone())))?;
        }
        if provider.enabled {
            Ok(())
        } else {
            Err(Rejection::Disabled(provider.name.clone()))
        }
    }

    /// Refuses a request whose head already says that it cannot be signed with its body.
    fn expect_signable(&self, operation: &RequestedOperation<'_>) -> Result<(), Rejection> {
        if self.head.first("upgrade").is_some() {
            return Err(Rejection::Upgrade);
        }
        let content_type = self.head.first("content-type").unwrap_or_default();
        if operation.body_format() == BodyFormat::Events
            || content_type.to_ascii_lowercase().starts_with(EVENT_STREAM)
        {
            return Err(Rejection::BidirectionalStream);
        }
        let limit = self.config.max_signed_body_bytes;
        let announced = self.head.first("content-length");
        let length =
            announced.and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<u64>().ok());
        if length.is_some_and(|length| length > limit) {
            return Err(Rejection::TooLarge(limit));
        }
        Ok(())
    }

    /// Why a provider's AWS credentials are not available; `None` if they are. This is checked
    /// before the body is read, because after that the request cannot wait for a fetch.
    fn credentials_error(&mut self, provider: &Provider) -> Option<CredentialsError> {
        let credentials = self.gateway.aws.credentials.get_mut(&provider.name)?;
        let policy = self.prior_waits.credentials;
        credentials.credentials(policy, self.now).err()
    }

    fn await_body_hash(
        &self,
        provider: &Provider,
        request: UpstreamRequest,
        exchange: Box<Exchange>,
        check: Option<Box<BodyCheck>>,
    ) -> Decision {
        let awaiting = AwaitingBodyHash::new(request, exchange, check, &provider.name, self.head);
        Decision::AwaitBodyHash(Box::new(awaiting))
    }

    fn refuse_unknown_provider(mut self, name: &[u8]) -> Result<Decision, Stop> {
        let caller = self.any_caller()?;
        let rejection = Rejection::UnknownProvider(truncate_for_display(name));
        Err(Refusal::of(rejection, caller.claims(), None).into())
    }

    fn refuse_unknown_path(mut self) -> Result<Decision, Stop> {
        let caller = self.any_caller()?;
        let rejection = Rejection::UnknownPath(self.config.path_prefix.clone());
        Err(Refusal::of(rejection, caller.claims(), None).into())
    }
}

impl Stop {
    /// The same, on a request for an MCP server.
    pub(super) fn on_mcp(self, context: McpReplyContext) -> Self {
        match self {
            Self::Refuse(refusal) => Self::Refuse(refusal.for_mcp_client(context)),
            Self::AwaitFetch(_) => self,
        }
    }
}

impl From<Refusal> for Stop {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}

/// A refusal before the caller and the provider are known.
impl From<Rejection> for Stop {
    fn from(rejection: Rejection) -> Self {
        Self::Refuse(rejection.into())
    }
}
