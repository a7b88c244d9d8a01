//! The step "hold to the catalog": the model that a request asks for is one that its caller may use.
//!
//! Where the body names it, the request is held until it does, and then goes on as it comes.

use super::caller::{Caller, Known};
use super::{Decision, Effect, Obstacle, Request, Transaction, refuse};
use crate::authz::Terms;
use crate::config::Config;
use crate::forward::UpstreamRequest;
use crate::http::head::RequestHead;
use crate::models::catalog::{Allowed, ModelFault};
use crate::base::chunk::Chunk;
use crate::models::request_body::{BodyCheck, Progress};
use crate::provider::Provider;
use crate::provider::credential::Credential;
use crate::provider_kind::model_place::ModelPlace;
use crate::provider_kind::operation::RequestedOperation;
use crate::reply::{Rejection, Reply};
use crate::transaction::exchange::Exchange;

/// A request that is the provider's as soon as its body has named a model.
pub struct AwaitingModel {
    request: UpstreamRequest,
    exchange: Box<Exchange>,
    check: Box<BodyCheck>,
}

/// What the catalogs have to say of a request.
pub(super) enum Modelled {
    /// Nothing, or it may pass.
    Pass,
    /// Its body must name its model.
    InBody(Box<BodyCheck>),
    /// It asks for the catalog itself.
    Answer(Reply),
}

impl AwaitingModel {
    /// Takes over a request; its body is to come.
    pub(super) const fn new(
        request: UpstreamRequest,
        exchange: Box<Exchange>,
        check: Box<BodyCheck>,
    ) -> Self {
        Self {
            request,
            exchange,
            check,
        }
    }

    /// What is known of it.
    pub(super) const fn exchange(&self) -> &Exchange {
        &self.exchange
    }

    /// Takes in a piece of the body; forwards the request when the model is known.
    pub(super) fn read(
        mut self: Box<Self>,
        chunk: &[u8],
        is_last: bool,
        config: &Config,
        effects: &mut Vec<Effect>,
    ) -> Transaction {
        let chunk = match is_last {
            true => Chunk::Last(chunk),
            false => Chunk::More(chunk),
        };
        match self.check.push(chunk) {
            Ok(Progress::AwaitingModel) => Transaction::AwaitingModel(self),
            Ok(Progress::Named) => {
                let mut exchange = self.exchange;
                exchange.hold_to(self.check);
                effects.push(Effect::Forward(self.request));
                Transaction::Forwarded(exchange)
            }
            Err(fault) => {
                Known::of(&self.exchange, config).tell(effects);
                refuse(Rejection::Model(fault), effects)
            }
        }
    }
}

impl Request<'_> {
    /// On what terms the caller invokes a provider.
    pub(super) fn terms(&self, provider: &Provider, caller: &Caller) -> Terms {
        match caller {
            Caller::Known(claims) => self.shared.config.policy.terms(claims, &provider.name),
            Caller::Unasked => Terms::default(),
        }
    }

    /// What a caller may use of a provider; `None` where everything.
    pub(super) fn allowed(&self, provider: &Provider, terms: &Terms) -> Option<Allowed> {
        let unlisted = self.shared.config.unlisted_model_status;
        let served = provider.catalog.clone();
        Allowed::new(&provider.name, served, terms.models.clone(), unlisted)
    }

    /// Holds a request to the catalogs, as far as its head tells.
    pub(super) fn modelled(
        &self,
        provider: &Provider,
        caller: &Caller,
        terms: &Terms,
        operation: &RequestedOperation<'_>,
        query: Option<&[u8]>,
    ) -> Result<Modelled, Obstacle> {
        let Some(allowed) = self.allowed(provider, terms) else {
            return Ok(Modelled::Pass);
        };
        let profile = provider.kind.profile();
        let more = &provider.paths_without_model;
        // Who asks with a credential of its own is known to the provider only, which will say.
        let is_ours = matches!(caller, Caller::Known(_))
            || !matches!(provider.credential, Credential::Passthrough { .. });
        let place = operation.model_place(self.head, query, more);
        let owner = &provider.name;
        Ok(match place {
            ModelPlace::NotNeeded => Modelled::Pass,
            ModelPlace::List(shape) if is_ours => {
                let list = shape.list(&allowed.names(), owner);
                Modelled::Answer(Reply::json(200, Vec::new(), &list))
            }
            ModelPlace::List(_) => Modelled::Pass,
            ModelPlace::One(shape, model) => {
                allowed.check(&model).map_err(Rejection::Model)?;
                if is_ours && allowed.names().contains(&model.as_str()) {
                    let one = shape.one(&model, owner);
                    Modelled::Answer(Reply::json(200, Vec::new(), &one))
                } else {
                    Modelled::Pass
                }
            }
            ModelPlace::Named(model) => {
                allowed.check(&model).map_err(Rejection::Model)?;
                Modelled::Pass
            }
            ModelPlace::Missing => {
                return Err(Rejection::Model(ModelFault::Missing(owner.clone())).into());
            }
            ModelPlace::Body(member) => {
                let kind = body_kind(self.head, owner);
                kind.map_err(Rejection::Model)?;
                let limit = self.shared.config.max_model_lookup_bytes;
                let check = BodyCheck::new(allowed, member, profile.model_prefix, limit);
                Modelled::InBody(Box::new(check))
            }
        })
    }

    /// Has a request wait for its body's model.
    pub(super) fn await_model(
        request: UpstreamRequest,
        exchange: Box<Exchange>,
        check: Box<BodyCheck>,
    ) -> Decision {
        Decision::AwaitModel(Box::new(AwaitingModel::new(request, exchange, check)))
    }
}

/// Whether every server takes the body for JSON in UTF-8, as the check does.
fn body_kind(head: &RequestHead, provider: &str) -> Result<(), ModelFault> {
    match head.sole("content-encoding") {
        Ok(None) => {}
        Ok(Some(coding)) if coding.eq_ignore_ascii_case(b"identity") => {}
        _ => return Err(ModelFault::Encoded),
    }
    let not_json = || ModelFault::NotJson(provider.to_owned());
    let content_type = head.sole("content-type").map_err(|_| not_json())?;
    let content_type = content_type.unwrap_or_default().to_ascii_lowercase();
    let mut parts = content_type
        .split(|byte| *byte == b';')
        .map(<[u8]>::trim_ascii);
    let media_type = parts.next().unwrap_or_default();
    let is_json = media_type == b"application/json"
        || (media_type.starts_with(b"application/") && media_type.ends_with(b"+json"));
    let is_utf_8 = |part: &[u8]| {
        !part.starts_with(b"charset") || matches!(part, b"charset=utf-8" | b"charset=\"utf-8\"")
    };
    if is_json && !media_type.contains(&b',') && parts.all(is_utf_8) {
        Ok(())
    } else {
        Err(not_json())
    }
}

impl std::fmt::Debug for AwaitingModel {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("AwaitingModel")
            .field("check", &self.check)
            .finish_non_exhaustive()
    }
}
