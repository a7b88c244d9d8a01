//! Decides whether a request may use the model that it asks for.

use super::{Caller, ReceivedRequest};
use crate::authz::Terms;
use crate::http::head::RequestHead;
use crate::models::catalog::{Allowed, ModelFault};
use crate::models::request_body::BodyCheck;
use crate::provider::Provider;
use crate::provider::credential::Credential;
use crate::provider_kind::model_place::ModelPlace;
use crate::provider_kind::operation::RequestedOperation;
use crate::reply::{Rejection, Reply};

/// What the model policy says about a request.
pub(super) enum ModelDecision {
    /// It may pass.
    Allow,
    /// Its body must name an allowed model.
    CheckBody(Box<BodyCheck>),
    /// It asks for the list of models, or for one model in it. The gateway answers.
    Answer(Reply),
}

impl ReceivedRequest<'_> {
    /// The terms on which a caller uses a provider.
    pub(in crate::transaction) fn terms(&self, provider: &Provider, caller: &Caller) -> Terms {
        match caller {
            Caller::Known(claims) => self.config.policy.terms(claims, &provider.name),
            Caller::Anonymous => Terms::default(),
        }
    }

    /// The models that a caller may use at a provider; `None` if they are not restricted.
    pub(in crate::transaction) fn allowed_models(
        &self,
        provider: &Provider,
        terms: &Terms,
    ) -> Option<Allowed> {
        let unlisted = self.config.unlisted_model_status;
        let served = provider.catalog.clone();
        Allowed::new(&provider.name, served, terms.models.clone(), unlisted)
    }

    /// Checks the model as far as the request's head names it.
    pub(super) fn decide_on_model(
        &self,
        provider: &Provider,
        caller: &Caller,
        terms: &Terms,
        operation: &RequestedOperation<'_>,
        query: Option<&[u8]>,
    ) -> Result<ModelDecision, Rejection> {
        let Some(allowed) = self.allowed_models(provider, terms) else {
            return Ok(ModelDecision::Allow);
        };
        let profile = provider.kind.profile();
        let more = &provider.paths_without_model;
        // A client with its own credential gets the list from the provider, which knows the client.
        let is_answered_here = matches!(caller, Caller::Known(_))
            || !matches!(provider.credential, Credential::Passthrough { .. });
        let owner = &provider.name;
        match operation.model_place(self.head, query, more) {
            ModelPlace::List(shape) if is_answered_here => {
                let list = shape.list(&allowed.names(), owner);
                return Ok(ModelDecision::Answer(Reply::json(200, Vec::new(), &list)));
            }
            ModelPlace::NotNeeded | ModelPlace::List(_) => {}
            ModelPlace::One(shape, model) => {
                allowed.check(&model).map_err(Rejection::Model)?;
                if is_answered_here && allowed.names().contains(&model.as_str()) {
                    let one = shape.one(&model, owner);
                    return Ok(ModelDecision::Answer(Reply::json(200, Vec::new(), &one)));
                }
            }
            ModelPlace::Named(model) => allowed.check(&model).map_err(Rejection::Model)?,
            ModelPlace::Missing => {
                return Err(Rejection::Model(ModelFault::Missing(owner.clone())));
            }
            ModelPlace::Body(member) => {
                expect_json(self.head, owner).map_err(Rejection::Model)?;
                let limit = self.config.max_model_lookup_bytes;
                let check = BodyCheck::new(allowed, member, profile.model_prefix, limit);
                return Ok(ModelDecision::CheckBody(Box::new(check)));
            }
        }
        Ok(ModelDecision::Allow)
    }
}

/// Refuses a body that a server could read as something other than JSON in UTF-8.
fn expect_json(head: &RequestHead, provider: &str) -> Result<(), ModelFault> {
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
