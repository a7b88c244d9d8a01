//! The steps that are taken on a request's head: route, authenticate ([`super::caller`]), authorize, prepare, where
//! there is a catalog hold to it ([`super::modelling`]), and for some providers sign ([`super::signing`]). Requests for
//! the gateway itself end in [`super::management`].

use std::rc::Rc;

use super::caller::{Caller, Known};
use super::modelling::Modelled;
use super::{Decision, Obstacle, PriorWaits};
use crate::admin::page;
use crate::authz::Action;
use crate::base::display::truncate_for_display;
use crate::base::shared_data::SharedData;
use crate::base::time::UnixTime;
use crate::forward::UpstreamRequest;
use crate::gateway::Shared;
use crate::http::head::RequestHead;
use crate::http::route::Route;
use crate::http::token_location::Candidates;
use crate::provider::Provider;
use crate::provider::credential::Credential;
use crate::reply::Rejection;
use crate::transaction::exchange::Exchange;

/// A request at hand, with all that its steps look at.
pub(super) struct Request<'a> {
    pub(super) head: &'a RequestHead,
    pub(super) candidates: Candidates<'a>,
    pub(super) waited: &'a PriorWaits,
    pub(super) known: &'a Known<'a>,
    pub(super) shared: &'a Shared,
    pub(super) shared_data: &'a dyn SharedData,
    pub(super) now: UnixTime,
}

/// Route, authenticate, authorize, prepare.
pub(super) fn respond<'a>(
    head: &'a RequestHead,
    waited: &'a PriorWaits,
    known: &'a Known<'a>,
    shared: &'a Shared,
    shared_data: &'a dyn SharedData,
    now: UnixTime,
) -> Result<Decision, Obstacle> {
    let config = &shared.config;
    if head.method() == b"TRACE" {
        return Err(Rejection::Method.into());
    }
    let own_paths = [config.usage_path.as_str(), config.status_path.as_str()];
    let route =
        Route::parse(&config.path_prefix, own_paths, head.path()).map_err(Rejection::Path)?;
    let query = match route {
        Route::Upstream { query, .. } => query,
        _ => None,
    };
    let candidates =
        Candidates::find(head, query, &config.token_headers).map_err(Rejection::Repeated)?;
    let request = Request {
        head,
        candidates,
        waited,
        known,
        shared,
        shared_data,
        now,
    };
    match route {
        Route::Upstream { name, path, query } => match config.provider(name) {
            Some(provider) => request.forward(provider, path, query),
            None => {
                request.any_caller()?;
                Err(Rejection::UnknownProvider(truncate_for_display(name)).into())
            }
        },
        Route::Provider { .. } | Route::Providers if page::is_public(config, head) => {
            request.page()
        }
        Route::Provider { name } => request.show(name),
        Route::Providers => request.list(),
        Route::Usage => request.usage(),
        Route::Status => request.status(),
        Route::Outside => request.nothing(),
    }
}

impl<'a> Request<'a> {
    fn forward(
        &self,
        provider: &'a Provider,
        path: &[u8],
        query: Option<&[u8]>,
    ) -> Result<Decision, Obstacle> {
        let config = &self.shared.config;
        let caller = self.counted(self.caller_of(provider, path, query)?);
        self.known.note_provider(provider);
        if let Caller::Known(claims) = &caller {
            config
                .policy
                .decide(
                    claims,
                    Action::Invoke,
                    &provider.name,
                    provider.allow.as_deref(),
                )
                .map_err(|denied| Rejection::Denied(denied, Some(provider.name.clone())))?;
        }
        if !provider.enabled {
            return Err(Rejection::Disabled(provider.name.clone()).into());
        }
        let passed_through = match provider.credential {
            Credential::Passthrough { .. } => Some(self.own_credential(provider)?),
            Credential::ApiKey { .. } | Credential::Aws(_) | Credential::None => None,
        };
        let terms = self.terms(provider, &caller);
        let operation = provider.kind.profile().operation(path);
        let check = match self.modelled(provider, &caller, &terms, &operation, query)? {
            Modelled::Answer(reply) => return Ok(Decision::Answer(reply)),
            Modelled::InBody(check) => Some(check),
            Modelled::Pass => None,
        };
        let claims = match &caller {
            Caller::Known(claims) => Some(Rc::clone(claims)),
            Caller::Unasked => None,
        };
        let mut exchange = Exchange::new(provider, &operation, self.head, claims, self.now);
        exchange.price_by(terms.prices);
        exchange.note_conversation(&config.observability.conversation_headers, self.head);
        exchange.note_upload(self.uploads_through(provider, path));
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
        if let Some(accept_encoding) = exchange.accept_encoding(self.head) {
            request.set.push("accept-encoding", &[&accept_encoding]);
        }
        match (&provider.credential, check) {
            (Credential::Aws(_), check) => self.sign(provider, request, exchange, check),
            (_, Some(check)) => Ok(Self::await_model(request, exchange, check)),
            (_, None) => Ok(Decision::Forward(request, exchange)),
        }
    }
}
