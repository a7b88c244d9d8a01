//! Decides whether a request may use the model that it asks for.

use super::{Caller, ReceivedRequest};
use crate::authz::Terms;
use crate::forward::upload::starts_upload;
use crate::http::content::{Unreadable, readable_media_type};
use crate::http::head::RequestHead;
use crate::http::path_pattern::PathRules;
use crate::models::catalog::{Allowed, ModelFault};
use crate::models::request_body::{BodyCheck, RequiredModel};
use crate::provider::Provider;
use crate::provider::credential::Credential;
use crate::provider_kind::model_place::{ModelPlace, models_in_query};
use crate::provider_kind::operation::RequestedOperation;
use crate::reply::{Rejection, Reply};

/// What the model policy says about a request.
pub(super) enum ModelDecision {
    /// It may pass.
    Allow,
    /// Its body must name an allowed model.
    CheckBody(Box<BodyCheck>),
    /// It may pass, but only if its body names no model that is not allowed.
    CheckRestOfBody(Box<BodyCheck>),
    /// It asks for the list of models, or for one model in it. The gateway answers.
    Answer(Reply),
}

impl ReceivedRequest<'_> {
    /// The terms on which a caller uses a provider, whatever the path.
    pub(in crate::transaction) fn terms(&self, provider: &Provider, caller: &Caller) -> Terms {
        let terms = match caller {
            Caller::Known(claims) => self.config.policy.terms(claims, &provider.name, |_| true),
            Caller::Anonymous => None,
        };
        terms.unwrap_or_default()
    }

    /// The terms on which a caller requests an operation of a provider.
    pub(super) fn terms_for(
        &self,
        provider: &Provider,
        caller: &Caller,
        operation: &RequestedOperation<'_>,
    ) -> Result<Terms, Rejection> {
        let permit = |rules: &PathRules| operation.is_permitted_by(rules);
        let denied = || Rejection::PathNotAllowed(provider.name.clone());
        if !permit(&provider.paths) {
            return Err(denied());
        }
        match caller {
            Caller::Known(claims) => {
                let terms = self.config.policy.terms(claims, &provider.name, permit);
                terms.ok_or_else(denied)
            }
            Caller::Anonymous => Ok(Terms::default()),
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
        path: &[u8],
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
        let check = |allowed, required| {
            let limit = self.config.max_model_lookup_bytes;
            Box::new(BodyCheck::new(
                allowed,
                required,
                profile.model_prefix,
                limit,
            ))
        };
        let place = operation.model_place(self.head, query, more);
        let is_refused = matches!(place, ModelPlace::Missing | ModelPlace::Unlisted);
        if let Some(query) = query.filter(|_| !is_refused) {
            let mut models = models_in_query(query);
            models
                .try_for_each(|model| allowed.check(&model))
                .map_err(Rejection::Model)?;
        }
        match place {
            ModelPlace::List(shape) if is_answered_here => {
                let list = shape.list(&allowed.names(), &allowed.entries(), owner);
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
            ModelPlace::NamedWithBody(model) => {
                allowed.check(&model).map_err(Rejection::Model)?;
                expect_readable(self.head, owner).map_err(Rejection::Model)?;
                let check = check(allowed, RequiredModel::Elsewhere);
                return Ok(ModelDecision::CheckRestOfBody(check));
            }
            // An upload's body is a file.
            ModelPlace::Optional if starts_upload(provider, path) => {}
            ModelPlace::Optional => {
                expect_readable(self.head, owner).map_err(Rejection::Model)?;
                let check = check(allowed, RequiredModel::Elsewhere);
                return Ok(ModelDecision::CheckRestOfBody(check));
            }
            ModelPlace::NestedRequests => {
                expect_json(self.head, owner).map_err(Rejection::Model)?;
                let check = check(allowed, RequiredModel::Elsewhere);
                return Ok(ModelDecision::CheckRestOfBody(check));
            }
            ModelPlace::Missing => {
                return Err(Rejection::Model(ModelFault::Missing(owner.clone())));
            }
            ModelPlace::Unlisted => {
                return Err(Rejection::Model(ModelFault::UnknownOperation(
                    owner.clone(),
                )));
            }
            ModelPlace::Body(member) => {
                expect_json(self.head, owner).map_err(Rejection::Model)?;
                let check = check(allowed, RequiredModel::Member(member));
                return Ok(ModelDecision::CheckBody(check));
            }
        }
        Ok(ModelDecision::Allow)
    }
}

/// Refuses a body that a server could read as something other than JSON in UTF-8.
fn expect_json(head: &RequestHead, provider: &str) -> Result<(), ModelFault> {
    let media_type = expect_readable(head, provider)?;
    let is_json = media_type == b"application/json"
        || (media_type.starts_with(b"application/") && media_type.ends_with(b"+json"));
    if is_json && !media_type.contains(&b',') {
        Ok(())
    } else {
        Err(ModelFault::NotJson(provider.to_owned()))
    }
}

/// Refuses a body that is compressed or has another charset than UTF-8. Returns its media type.
fn expect_readable(head: &RequestHead, provider: &str) -> Result<Vec<u8>, ModelFault> {
    readable_media_type(head).map_err(|unreadable| match unreadable {
        Unreadable::Encoded => ModelFault::Encoded,
        Unreadable::NotUtf8 => ModelFault::NotJson(provider.to_owned()),
    })
}
